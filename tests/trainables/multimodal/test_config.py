import dataclasses
import json
import math

import pytest
import torch

from trainables.multimodal.config import DIAGNOSED, TrainerConfig
from trainables.multimodal.errors import InputError


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0),
        ("epochs", "ten"),
        ("epochs", True),
        ("lr", 0),
        ("lr", float("nan")),
        ("lr", "fast"),
        ("momentum", 1.0),
        ("batch_size", 1),
        ("seed", -1),
        ("schedule", "linear"),
        ("optimizer", "lion"),
        ("warmup_epochs", -1),
        ("clip_norm", 0),
        ("encoder_lr", 0),
        ("dropout", 1.0),
        ("freeze_epochs", -1),
        ("label_smoothing", 1.0),
        ("class_weights", "even"),
        ("class_weights", {"a": 0}),
        ("selection", "train"),
        ("train_on", "validation"),
        ("ties", "best"),
        ("frame_choice", "last"),
        ("crop", "batch"),
        ("init", "zeros"),
        ("milestones", (3, 2)),
        ("precision", "fp16"),
        ("channels_last", "yes"),
        ("threads", 0),
        ("probes", 1),
        ("data", ""),
        ("encoders", {"a": "ear"}),
        ("encoders", "transformer"),
        ("encoders", {"a": ["mlp"]}),
        ("encoders", {"a": "my_nets.GRU"}),
        ("fusion", "sum"),
        ("fusion", None),
        ("d_model", 0),
        ("layers", 0),
        ("attention_heads", 1.5),
        ("initial_weights", {"a": "relative.safetensors"}),
        ("initial_weights", "/all.safetensors"),
    ],
)
def test_a_value_that_makes_no_sense_is_named(name, value):
    with pytest.raises(InputError, match=f"{name} must be .*, got"):
        TrainerConfig(**{"data": "store", "epochs": 1, name: value})


def test_milestones_may_come_as_a_list_as_from_json():
    assert TrainerConfig(data="store", epochs=1, milestones=[2, 4]).milestones == (2, 4)


def test_a_step_schedule_lowers_the_rate_after_each_milestone():
    config = TrainerConfig(data="s", epochs=9, lr=1.0, schedule="step", milestones=(2, 4), gamma=0.5)
    assert [config.lr_at(epoch) for epoch in range(6)] == [1, 1, 0.5, 0.5, 0.25, 0.25]


def test_a_constant_schedule_ignores_milestones():
    assert TrainerConfig(data="s", epochs=9, lr=1.0, milestones=(1,)).lr_at(5) == 1


def test_a_cosine_falls_from_the_whole_rate_towards_zero():
    config = TrainerConfig(data="s", epochs=4, lr=2.0, schedule="cosine")
    expected = [1 + math.cos(math.pi * epoch / 4) for epoch in range(4)]
    assert [config.lr_at(epoch) for epoch in range(4)] == pytest.approx(expected)
    assert config.lr_at(3) > 0
    assert config.lr_at(4) == pytest.approx(0)


def test_a_cosine_is_that_of_torch_after_a_warm_up():
    config = TrainerConfig(data="s", epochs=9, lr=0.3, schedule="cosine", warmup_epochs=2)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.3)
    reference = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=7)
    for epoch in range(2, 9):
        assert config.lr_at(epoch) == pytest.approx(optimizer.param_groups[0]["lr"])
        optimizer.step()
        reference.step()


@pytest.mark.parametrize("schedule", ["constant", "step", "cosine"])
def test_a_warm_up_rises_in_a_straight_line_under_every_schedule(schedule):
    config = TrainerConfig(data="s", epochs=9, lr=1.0, schedule=schedule, milestones=(5,), warmup_epochs=3)
    assert [config.lr_at(epoch) for epoch in range(4)] == [0.25, 0.5, 0.75, 1.0]


def test_a_warm_up_as_long_as_the_run_is_refused():
    with pytest.raises(InputError, match="warmup_epochs must be below the 3 epochs of the run, got 3"):
        TrainerConfig(data="s", epochs=3, warmup_epochs=3)


def test_freezing_without_initial_weights_is_refused():
    with pytest.raises(InputError, match="freeze_epochs is about encoders with initial_weights, and none"):
        TrainerConfig(data="s", epochs=3, freeze_epochs=1)


def test_attention_heads_that_do_not_divide_the_model_are_refused():
    with pytest.raises(InputError, match="attention_heads must divide d_model, got 3 and 128"):
        TrainerConfig(data="s", epochs=1, attention_heads=3)


def test_settings_by_modality_are_json_and_can_be_hashed():
    by_modality = {"encoders": {"a": "transformer"}, "initial_weights": {"a": "/a.safetensors"}}
    config = TrainerConfig(data="s", epochs=1, **by_modality)
    again = TrainerConfig(**json.loads(json.dumps(dataclasses.asdict(config))))
    assert again == config != TrainerConfig(data="s", epochs=1)
    assert hash(again) == hash(config)


@pytest.mark.parametrize(("setting", "value"), [("encoders", "mlp"), ("initial_weights", "/a.safetensors")])
def test_a_setting_for_a_modality_that_the_store_lacks_is_refused(setting, value):
    config = TrainerConfig(data="s", epochs=1, **{setting: {"smell": value}})
    with pytest.raises(InputError, match=f"{setting} names smell, which the store lacks; it has a, b"):
        config.require_modalities(["a", "b"])
    config.require_modalities(["smell", "b"])


@pytest.mark.parametrize(
    ("epochs", "measured"),
    [(5, [1, 2, 3, 4, 5]), (14, [2, 3, 5, 6, 7, 9, 10, 12, 13, 14]), (30, [*range(3, 31, 3)])],
)
def test_purity_is_measured_ten_times_the_last_epoch_included(epochs, measured):
    assert [epoch for epoch in range(1, epochs + 1) if DIAGNOSED["tenths"](epoch, epochs)] == measured


def test_a_step_schedule_without_milestones_would_do_nothing_and_is_refused():
    with pytest.raises(InputError, match="schedule step needs milestones"):
        TrainerConfig(data="store", epochs=3, schedule="step")


def test_a_run_that_holds_nothing_back_selects_on_test():
    TrainerConfig(data="store", epochs=1, train_on="train+validation", selection="test")
    with pytest.raises(InputError, match="leaves no validation: it is for selection test alone"):
        TrainerConfig(data="store", epochs=1, train_on="train+validation")
