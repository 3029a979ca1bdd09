import copy
import dataclasses

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from sklearn.metrics import f1_score, log_loss

from trainables.multimodal.assembly import usable_rows
from trainables.multimodal.balancers.base import Balancer, Phase
from trainables.multimodal.balancers.boosting import Boosting
from trainables.multimodal.balancers.diagnose_relearn import DiagnoseRelearn
from trainables.multimodal.balancers.late_fusion import LateFusion
from trainables.multimodal.config import TrainerConfig
from trainables.multimodal.diagnostics import purity
from trainables.multimodal.errors import Diverged, InputError
from trainables.multimodal.evaluation import NOISE_LEVELS
from trainables.multimodal.model import load_model
from trainables.multimodal.trainer import Trainer

pytestmark = pytest.mark.usefixtures("few_restarts")


class Ruin(Balancer):
    """Makes all weights useless once they were judged."""

    def on_epoch_end(self, trainer):
        with torch.no_grad():
            for parameter in trainer.model.parameters():
                parameter.zero_()
        return {}


class OwnStep(Balancer):
    def step(self, trainer, batch):
        return trainer.joint_step(batch)


class KeptStep(OwnStep):
    keeps_joint_step = True


class LeavesOut(OwnStep):
    """Trains on half of the training split from the second epoch on, at the learning rate of the third."""

    def __init__(self):
        self.steps = []

    def phase(self, trainer):
        if trainer.epoch == 0:
            return Phase()
        return Phase(left_out=np.arange(24) % 2 == 0, schedule_epoch=2)

    def step(self, trainer, batch):
        self.steps.append((trainer.steps, len(batch.labels)))
        return super().step(trainer, batch)


class Explode(Balancer):
    """Sends the weights away during the second epoch."""

    def after_backward(self, trainer, batch, output):
        if trainer.epoch == 1:
            for parameter in trainer.model.parameters():
                parameter.grad.fill_(1e38)
        return {}


def test_the_trainer_alone_in_a_plain_loop_learns(make_trainer):
    trainer = make_trainer(2, epochs=12, hidden=16)
    while not trainer.done:
        metrics = trainer.run_epoch()
    assert metrics["epoch"] == trainer.epoch == 12
    assert metrics["best/accuracy"] > 0.6
    assert metrics["train/loss"] < 1.0


def test_an_epoch_trains_what_its_phase_says(make_trainer):
    schedule = {"epochs": 2, "lr": 0.1, "schedule": "step", "milestones": (2,), "gamma": 0.5}
    trainer = make_trainer(1, [LeavesOut()], batch_size=8, **schedule)
    assert [metrics["lr"] for metrics in trainer.fit()] == [0.1, 0.05]
    assert trainer.balancers[0].steps == [(3, 8)] * 3 + [(2, 8), (2, 4)]


def test_whole_groups_of_training_are_held_out_and_none_of_validation(make_trainer, grouped_store):
    trainer = make_trainer(2, data=str(grouped_store("aaabbbcccddd")))
    held = trainer.held_out()
    assert len(held) == len(trainer.evaluate("train").labels)
    rows = trainer._rows["train"]
    groups = [trainer.store.groups[row] for row in rows]
    outside = {group for group, out in zip(groups, held, strict=True) if out}
    assert len(outside) == 1
    assert [group in outside for group in groups] == held.tolist()


def test_every_modality_is_held_out_and_left_to_train_on(make_gappy):
    for seed in range(10):
        trainer = make_gappy(2, seed=seed)
        held = trainer.held_out()
        for mask in trainer.evaluate("train").present.values():
            assert mask.numpy()[held].any()
            assert mask.numpy()[~held].any()


def test_a_single_group_cannot_be_held_out(make_trainer, grouped_store):
    trainer = make_trainer(2, data=str(grouped_store("a")))
    with pytest.raises(InputError, match=r"^no tenth of the training samples, in whole groups if"):
        trainer.held_out()


def test_an_epoch_reports_these_metrics(make_trainer):
    assert set(make_trainer(1, epochs=2).run_epoch()) == {
        "epoch",
        "seconds",
        "lr",
        "train/loss",
        "train/accuracy",
        "validation/loss",
        "validation/accuracy",
        "validation/macro_f1",
        "validation/vector/accuracy",
        "best/accuracy",
        "best/macro_f1",
        "best/epoch",
    }


def test_the_last_epoch_also_reports_purity(make_trainer):
    names = {"train", "validation", "gap", "noise_floor"}
    names |= {f"{name}_size_matched" for name in ("train", "gap", "noise_floor")}
    assert {f"purity/vector/{name}" for name in names} <= set(make_trainer(1, epochs=1).run_epoch())


def test_best_accuracy_never_falls_and_names_its_first_epoch(make_trainer):
    history = make_trainer(2, epochs=8).fit()
    scores = [metrics["validation/accuracy"] for metrics in history]
    assert [metrics["best/accuracy"] for metrics in history] == np.maximum.accumulate(scores).tolist()
    assert history[-1]["best/epoch"] == 1 + int(np.argmax(scores))


def test_the_best_weights_are_kept_before_a_balancer_intervenes(make_trainer):
    plain, ruined = make_trainer(2, epochs=1), make_trainer(2, [Ruin()], epochs=1)
    plain.fit()
    ruined.fit()
    assert not ruined.model.fusion.head.weight.any()
    assert ruined.test() == plain.test()


def test_test_scores_the_best_weights(make_trainer):
    trainer = make_trainer(2, epochs=6)
    trainer.fit()
    tested = trainer.test()
    trainer.model.load_state_dict(trainer.best.weights["model"])
    assert tested["test/accuracy"] == pytest.approx(share_right(trainer, trainer.model.eval()))


def arrays(trainer, split="test"):
    return {name: trainer.store.read(name, rows(trainer, split)) for name in trainer.store.modalities}


def share_right(trainer, model):
    """Accuracy of a model's own predictions on the raw arrays of the test split."""
    predicted = model.predict(arrays(trainer)).argmax(axis=1)
    return np.mean(predicted == trainer.store.labels[rows(trainer, "test")])


def rows(trainer, split):
    return trainer.store.split("default")[split]


def test_test_reports_each_modality(make_trainer):
    trainer = make_trainer(2, epochs=1)
    trainer.fit()
    names = {"accuracy", "macro_f1", "loss", "vector/accuracy", "clip/accuracy"}
    left_out = {"without_vector/accuracy", "without_clip/accuracy"}
    probes = {f"{s}/{n}/probe_accuracy" for s in ("validation", "test") for n in ("vector", "clip")}
    noisy = {f"{n}/accuracy_noise_{level:g}" for n in ("vector", "clip") for level in NOISE_LEVELS}
    shared = {"vector/contribution", "clip/contribution", "imbalance"}
    assert set(trainer.test()) == {f"test/{name}" for name in names | left_out | noisy | shared} | probes


def test_without_a_modality_the_head_sees_zeros_in_its_place(make_trainer):
    trainer = make_trainer(2, epochs=1)
    trainer.fit()
    known, head = trainer.features("test"), trainer.model.fusion.head
    logits = head(torch.cat([known["vector"], torch.zeros_like(known["clip"])], dim=1))
    right = logits.argmax(dim=1).numpy() == trainer.store.labels[rows(trainer, "test")]
    assert trainer.test()["test/without_clip/accuracy"] == pytest.approx(right.mean())


def test_nothing_is_left_out_of_a_single_modality(make_trainer):
    trainer = make_trainer(1, epochs=1)
    trainer.fit()
    assert not any("without" in name for name in trainer.test())


def test_a_modality_too_rare_to_train_with_is_refused(make_gappy):
    trainer = make_gappy(2)
    trainer.store.present["clip"][:] = False
    with pytest.raises(InputError, match="clip is present in 0 samples of the train part"):
        usable_rows(trainer.store, ("vector", "clip"), trainer.store.split(), trainer.task)


def test_fewer_samples_than_bins_are_refused_before_training(make_trainer):
    trainer = make_trainer(1)
    few = {**trainer.store.split(), "validation": trainer.store.split()["validation"][:2]}
    with pytest.raises(InputError, match="the validation part has 2 samples, and there are 3 classes"):
        usable_rows(trainer.store, ("vector",), few, trainer.task)


def test_pictures_are_not_augmented_where_there_are_none(make_trainer):
    with pytest.raises(InputError, match="augment is for pictures of bytes"):
        make_trainer(1, augment=True)


def test_a_modality_that_no_test_sample_has_is_tested_without_a_probe(make_gappy):
    trainer = make_gappy(2, epochs=1)
    trainer.store.present["clip"][trainer.store.split()["test"]] = False
    trainer.fit()
    scores = trainer.test()
    assert "test/clip/probe_accuracy" not in scores
    assert {"validation/clip/probe_accuracy", "test/vector/probe_accuracy"} <= scores.keys()


def test_training_leaves_out_samples_without_any_of_the_runs_modalities(make_gappy):
    trainer = make_gappy(2, modalities=("clip",), epochs=1)
    assert trainer.evaluate("train").present["clip"].all()
    assert len(trainer.evaluate("validation").labels) == 12
    assert "validation/clip/accuracy" in trainer.run_epoch()


def test_testing_in_between_does_not_change_training(make_trainer):
    plain, tested = make_trainer(2, epochs=3), make_trainer(2, epochs=3)
    plain.fit()
    while not tested.done:
        tested.run_epoch()
        tested.test()
    assert all(torch.equal(v, tested.model.state_dict()[k]) for k, v in plain.model.state_dict().items())


def test_there_is_nothing_to_test_or_export_before_the_first_epoch(make_trainer, tmp_path):
    trainer = make_trainer()
    for act in (trainer.test, lambda: trainer.export(tmp_path)):
        with pytest.raises(InputError, match="run an epoch first"):
            act()


def test_the_papers_protocol_records_a_test_curve_and_selects_on_it(make_trainer):
    history = make_trainer(2, epochs=6, selection="test").fit()
    scores = [metrics["test/accuracy"] for metrics in history]
    assert history[-1]["best/accuracy"] == max(scores)
    assert "test/macro_f1" in history[0]


@pytest.mark.parametrize(("ties", "epoch"), [("first", 1), ("last", 3)])
def test_of_equal_epochs_the_first_or_the_last_counts(make_trainer, ties, epoch):
    history = make_trainer(1, epochs=3, lr=1e-12, ties=ties).fit()  # no epoch changes the weights
    assert len({metrics["validation/accuracy"] for metrics in history}) == 1
    assert history[-1]["best/epoch"] == epoch


def test_a_run_that_holds_nothing_back_trains_on_validation_and_watches_test(make_trainer):
    trainer = make_trainer(2, epochs=1, selection="test", train_on="train+validation")
    parts = trainer.store.split()
    assert trainer._rows["train"].tolist() == sorted([*parts["train"], *parts["validation"]])
    metrics = trainer.run_epoch()
    assert metrics["validation/accuracy"] == metrics["test/accuracy"]


@pytest.mark.parametrize("choice", ["middle", "first"])
def test_frames_may_be_chosen_once_for_all_epochs(make_trainer, choice):
    trainer = make_trainer(2, frames=2, frame_choice=choice)
    rows = trainer._rows["train"]
    expected = trainer.store.read("clip", rows)[:, {"middle": [1, 3], "first": [0, 2]}[choice]]
    for epoch in range(2):
        trainer.epoch = epoch
        batches = list(trainer._training_batches())
        shown = torch.cat([batch.inputs["clip"] for batch in batches])
        order = np.argsort(np.concatenate([batch.rows for batch in batches]))
        assert torch.equal(shown[order], torch.from_numpy(expected))


@pytest.mark.parametrize("crop", ["clip", "frame"])
def test_crops_are_drawn_for_clips_or_frames(make_trainer, crop):
    trainer = make_trainer(2, frames=2, augment=True, crop=crop)
    trainer._loader("train")._sources["clip"]._samples[:] = torch.arange(16, dtype=torch.uint8)
    clips = next(trainer._training_batches()).inputs["clip"]
    assert torch.equal(clips[:, 0], clips[:, 1]) == (crop == "clip")


def test_otherwise_the_test_split_is_not_read(make_trainer):
    history = make_trainer(2, [DiagnoseRelearn(every=1)], epochs=3).fit()
    assert not any(name.startswith("test/") for metrics in history for name in metrics)


def test_a_step_schedule_is_followed(make_trainer):
    history = make_trainer(1, epochs=4, lr=0.1, schedule="step", milestones=(1, 3), gamma=0.5).fit()
    assert [metrics["lr"] for metrics in history] == [0.1, 0.05, 0.05, 0.025]


@pytest.mark.parametrize("owner", [Boosting, OwnStep])
def test_gradients_of_a_joint_step_that_is_replaced_cannot_be_changed(make_trainer, owner):
    wrong = f"Explode changes gradients of the joint step, which {owner.__name__} replaces"
    for balancers in ([owner(), Explode()], [Explode(), owner()]):
        with pytest.raises(InputError, match=wrong):
            make_trainer(2, balancers)


def test_a_step_that_keeps_the_joint_one_lets_others_change_its_gradients(make_trainer):
    trainer = make_trainer(2, [KeptStep(), Explode()])
    trainer.run_epoch()
    with pytest.raises(Diverged):
        trainer.run_epoch()


def test_after_loading_the_configs_learning_rate_wins(make_trainer):
    donor = make_trainer(1, lr=0.1)
    donor.run_epoch()
    heir = make_trainer(1, lr=0.003, momentum=0.5)
    heir.load_state_dict(donor.state_dict())
    assert heir.run_epoch()["lr"] == 0.003
    assert {(g["lr"], g["momentum"]) for g in heir.optimizer.param_groups} == {(0.003, 0.5)}


def test_a_loss_that_is_not_finite_ends_the_run_within_its_epoch(make_trainer):
    trainer = make_trainer(2, [Explode()])
    trainer.run_epoch()
    with pytest.raises(Diverged, match=r"became .* in epoch 2"):
        trainer.run_epoch()


def test_features_are_those_of_the_split_in_order_without_gradients(make_trainer):
    trainer = make_trainer(2)
    features = trainer.features("validation")
    raw = torch.from_numpy(trainer.store.read("vector", rows(trainer, "validation")))
    expected = trainer.model.encoders["vector"](trainer.model.inputs["vector"](raw))
    torch.testing.assert_close(features["vector"], expected.detach())
    assert not features["vector"].requires_grad


def test_features_follow_the_weights(make_trainer):
    trainer = make_trainer(1)
    before = trainer.features("train")["vector"]
    trainer.run_epoch()
    assert not torch.equal(trainer.features("train")["vector"], before)


def test_an_added_module_is_trained_at_the_current_rate(make_trainer):
    schedule = {"lr": 0.1, "schedule": "step", "milestones": (1,), "gamma": 0.1}
    trainer = make_trainer(1, [Boosting()], **schedule)
    trainer.run_epoch()
    head = torch.nn.Linear(2, 2)
    trainer.add_module(trainer.model.fusion.heads_of("vector"), head)
    assert trainer.optimizer.param_groups[-1]["lr"] == pytest.approx(0.01)
    assert trainer.optimizer.param_groups[-1]["params"] == list(head.parameters())


def test_dropout_draws_for_every_modality_and_spares_features_and_probes(make_trainer):
    trainer = make_trainer(2, dropout=0.5, hidden=64)
    batch = next(iter(trainer._loader("train").shuffled(0, 0)))
    trainer.model.train()
    output, heads = trainer.forward(batch), trainer.encode(batch)
    for name, values in output.features.items():
        kept = (heads[name] != 0) & (values != 0)
        assert 0.2 < kept[values != 0].float().mean() < 0.8
        torch.testing.assert_close(heads[name][kept], 2 * values[kept])
        assert torch.equal(trainer._seen[name], values)


def test_a_run_may_use_some_of_the_modalities_in_its_own_order(make_trainer):
    trainer = make_trainer(3, modalities=("sequence", "vector"), epochs=1)
    metrics = trainer.run_epoch()
    assert list(trainer.model.encoders) == ["sequence", "vector"]
    assert not [name for name in metrics if "clip" in name]


def test_a_modality_that_the_store_lacks_is_named(make_trainer):
    with pytest.raises(InputError, match="no modality smell; it has vector, clip"):
        make_trainer(2, modalities=("smell",))


def test_two_balancers_cannot_both_own_the_fusion(make_trainer):
    with pytest.raises(InputError, match="LateFusion and LateFusion each replace the fusion"):
        make_trainer(2, [LateFusion(), LateFusion()])


def test_reading_test_leaves_a_model_that_has_grown_since_its_best_epoch_as_it_is(make_trainer):
    trainer = make_trainer(2, [Boosting(period=1, sigma=0.0, tau=0.0)], epochs=4)
    for _ in range(3):
        trainer.run_epoch()
    heads = trainer.model.fusion.heads_of("vector")
    trainer.best = dataclasses.replace(trainer.best, weights=make_trainer(2, [Boosting()]).state_dict())
    parameters = list(trainer.model.parameters())
    assert len(heads) == 4
    assert "test/accuracy" in trainer.test()
    assert all(a is b for a, b in zip(parameters, trainer.model.parameters(), strict=True))
    assert len(trainer.model.fusion.heads_of("vector")) == 4


def test_two_balancers_cannot_both_own_the_step(make_trainer):
    with pytest.raises(InputError, match="OwnStep and OwnStep each replace the training step"):
        make_trainer(1, [OwnStep(), OwnStep()])


def test_the_seed_gives_the_same_initial_weights_whatever_the_method(make_trainer):
    joint, balanced = make_trainer(2), make_trainer(2, [DiagnoseRelearn()])
    assert all(torch.equal(v, balanced.model.state_dict()[k]) for k, v in joint.model.state_dict().items())


def test_an_exported_model_is_loaded_for_inference_in_three_lines(make_trainer, tmp_path):
    trainer = make_trainer(4, epochs=4, frames=2)
    trainer.fit()
    trainer.export(tmp_path)

    model = load_model(tmp_path)
    probabilities = model.predict(arrays(trainer))
    names = [model.classes[index] for index in probabilities.argmax(axis=1)]

    assert set(names) <= set(trainer.store.classes)
    assert share_right(trainer, model) == pytest.approx(trainer.test()["test/accuracy"])


def test_an_exported_model_brings_the_heads_and_weights_it_grew(make_trainer, tmp_path):
    boosting = Boosting(period=1, sigma=0.0, tau=0.0, fusion_weights={"vector": 3, "clip": 1})
    trainer = make_trainer(2, [boosting], epochs=3)
    trainer.fit()
    trainer.best = dataclasses.replace(trainer.best, weights=trainer.state_dict())
    trainer.export(tmp_path)
    model = load_model(tmp_path)
    assert [len(heads) for heads in model.fusion.heads.values()] == [3, 3]
    assert share_right(trainer, model) == pytest.approx(trainer.test()["test/accuracy"])
    assert model.fusion.weights == {"vector": 0.75, "clip": 0.25}


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(InputError, match="no exported model"):
        load_model(tmp_path)


def test_a_device_that_is_not_there_is_refused(settings):
    with pytest.raises(InputError, match="device must be auto"):
        Trainer(TrainerConfig(**settings(1, device="abacus")))


def test_bf16_trains_on_a_cpu_too(make_trainer):
    trainer = make_trainer(2, epochs=1, precision="bf16")
    assert np.isfinite(trainer.run_epoch()["train/loss"])
    assert {p.dtype for p in trainer.model.parameters()} == {torch.float32}


def test_augmented_training_resumes_as_if_it_had_never_stopped(make_trainer):
    whole = make_trainer(2, epochs=4, augment=True)
    whole.fit()
    half = make_trainer(2, epochs=4, augment=True)
    half.run_epoch()
    half.run_epoch()
    rest = make_trainer(2, epochs=4, augment=True)
    rest.load_constants(half.constants())
    rest.load_state_dict(half.state_dict())
    rest.fit()
    assert tensors(rest.state_dict()) == tensors(whole.state_dict())


def test_augmentation_changes_training_and_never_evaluation(make_trainer):
    plain, augmented = make_trainer(2), make_trainer(2, augment=True)
    for split in ("train", "validation", "test"):
        assert torch.equal(plain.evaluate(split).fused, augmented.evaluate(split).fused)
    assert plain.run_epoch()["train/loss"] != augmented.run_epoch()["train/loss"]


ATTENTIVE = {"modalities": ("vector", "sequence")}
GROWING = {"period": 1, "max_heads": 3, "sigma": 0.0, "tau": 0.0}
METHODS = {
    "diagnose_relearn": lambda: [DiagnoseRelearn(lam=3.0, every=1)],
    "boosting": lambda: [Boosting(**GROWING)],
    "dr_boosting": lambda: [Boosting(**GROWING), DiagnoseRelearn(lam=3.0, every=1)],
}
each_method = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)


def tensors(state, path=""):
    """Every leaf of a nested state by its path; tensors as lists."""
    if isinstance(state, dict):
        items = state.items()
    elif isinstance(state, (list, tuple)):
        items = enumerate(state)
    else:
        return {path: state.tolist() if isinstance(state, torch.Tensor) else state}
    return {name: leaf for key, part in items for name, leaf in tensors(part, f"{path}/{key}").items()}


@each_method
def test_a_method_on_a_transformer_is_exported_and_loaded(make_trainer, tmp_path, method):
    trainer = make_trainer(3, method(), epochs=3, **ATTENTIVE)
    trainer.fit()
    trainer.export(tmp_path)
    model = load_model(tmp_path)
    assert model.encoders["sequence"].features == 8
    assert share_right(trainer, model) == pytest.approx(trainer.test()["test/accuracy"])


def test_a_transformer_learns(make_trainer):
    trainer = make_trainer(3, epochs=12, **{**ATTENTIVE, "modalities": ("sequence",)})
    assert trainer.fit()[-1]["best/accuracy"] > 0.6


def test_a_transformer_trains_in_bf16_on_a_cpu(make_trainer):
    trainer = make_trainer(3, epochs=1, precision="bf16", **ATTENTIVE)
    assert np.isfinite(trainer.run_epoch()["train/loss"])


def test_a_modality_of_the_store_that_a_run_leaves_out_may_have_an_encoder(make_trainer):
    trainer = make_trainer(3, **{**ATTENTIVE, "modalities": ("vector",)})
    assert trainer.model.spec.encoders == {}


@pytest.mark.parametrize(
    ("encoders", "message"),
    [
        ({"smell": "mlp"}, "encoders names smell, which the store lacks"),
        ({"vector": "transformer"}, "transformer takes sequences .* modality vector"),
    ],
)
def test_an_encoder_that_fits_no_modality_is_refused(make_trainer, encoders, message):
    with pytest.raises(InputError, match=message):
        make_trainer(3, **ATTENTIVE, encoders=encoders)


@pytest.fixture
def donor(make_trainer, tmp_path):
    """Encoders' weights of another seed, and the file that holds those of `sequence`."""
    encoder = make_trainer(3, seed=7, **ATTENTIVE).model.encoders["sequence"]
    path = tmp_path / "sequence.safetensors"
    save_file(encoder.state_dict(), path)
    return dict(encoder.state_dict()), {"initial_weights": {"sequence": str(path)}}


def test_initial_weights_are_those_of_the_file_and_change_no_other_draw(make_trainer, donor):
    weights, setting = donor
    plain = make_trainer(3, **ATTENTIVE).state_dict()
    started = make_trainer(3, **ATTENTIVE, **setting).state_dict()
    own = {f"encoders.sequence.{key}": value for key, value in weights.items()}
    expected = {**plain["model"], **own}
    assert not torch.equal(plain["model"]["encoders.sequence.project.weight"], weights["project.weight"])
    assert tensors(started["model"]) == tensors(expected)
    assert tensors(started["random"]) == tensors(plain["random"])


def test_re_learning_returns_to_the_weights_of_the_file(make_trainer, donor):
    weights, setting = donor
    trainer = make_trainer(3, [DiagnoseRelearn(lam=1e6, every=1)], epochs=2, **ATTENTIVE, **setting)
    trainer.run_epoch()
    trained = trainer.model.encoders["sequence"].state_dict()["project.weight"].clone()
    metrics = trainer.run_epoch()
    assert metrics["relearning/sequence/strength"] == 1
    assert not torch.equal(trained, weights["project.weight"])
    assert tensors(dict(trainer.model.encoders["sequence"].state_dict())) == tensors(weights)


def test_initial_weights_that_do_not_fit_are_refused(make_trainer, donor):
    _, setting = donor
    with pytest.raises(
        InputError, match=r"sequence\.safetensors do not fit: project.weight is \[8, 8\] there"
    ):
        make_trainer(3, **{**ATTENTIVE, "d_model": 12}, **setting)


def test_the_settings_of_a_transformer_reach_it(make_trainer):
    encoder = make_trainer(3, **{**ATTENTIVE, "d_model": 12, "layers": 3}).model.encoders["sequence"]
    assert encoder.features == 12
    assert [layer.self_attn.num_heads for layer in encoder.layers] == [2, 2, 2]


SCORES = ("accuracy", "macro_f1", "loss")
PLANTED = [dict(zip(SCORES, row, strict=True)) for row in ((0.9, 0.3, 0.7), (0.8, 0.6, 0.8), (0.7, 0.5, 0.6))]
"""By epoch: accuracy is best in the first, macro-F1 in the second, the loss in the third."""


@pytest.mark.parametrize(("objective", "epoch"), [("accuracy", 1), ("macro_f1", 2), ("loss", 3)])
def test_the_objective_chooses_the_epoch_and_the_weights_that_are_kept(
    make_trainer, monkeypatch, objective, epoch
):
    trainer = make_trainer(2, epochs=3, objective=objective)
    monkeypatch.setattr(
        trainer._evaluator,
        "score",
        lambda split: {f"{split}/{name}": value for name, value in PLANTED[trainer.epoch].items()},
    )
    history, weights = [], []
    while not trainer.done:
        history.append(trainer.run_epoch())
        weights.append(copy.deepcopy(trainer.model.state_dict()))
    kept = trainer.best.weights["model"]
    assert history[-1]["best/epoch"] == epoch
    assert {name: history[-1][f"best/{name}"] for name in SCORES[:2]}.items() <= PLANTED[epoch - 1].items()
    assert all(torch.equal(kept[name], value) for name, value in weights[epoch - 1].items())


@pytest.mark.parametrize(("objective", "sign"), [("macro_f1", 1), ("loss", -1)])
def test_the_running_best_by_another_objective_never_falls(make_trainer, objective, sign):
    history = make_trainer(2, epochs=6, objective=objective, label_smoothing=0.3).fit()
    scores = [metrics[f"validation/{objective}"] for metrics in history]
    bests = np.maximum.accumulate([sign * score for score in scores])
    assert [metrics["best/objective"] for metrics in history] == bests.tolist()
    assert [metrics[f"best/{objective}"] for metrics in history] == (sign * bests).tolist()


def test_what_is_scored_is_the_whole_split_whatever_the_batches(make_trainer):
    trainer = make_trainer(2, epochs=1, batch_size=2, objective="macro_f1", label_smoothing=0.3)
    metrics = trainer.run_epoch()
    judged = trainer.evaluate("validation")
    predicted = judged.fused.argmax(dim=1)
    assert metrics["validation/macro_f1"] == pytest.approx(
        f1_score(judged.labels, predicted, average="macro")
    )
    assert metrics["validation/loss"] == pytest.approx(
        log_loss(judged.labels, judged.fused.double().softmax(dim=1))
    )


REGRESSION = {"task": "regression", "epochs": 30, "hidden": 16}


def test_a_regression_learns_its_values(make_trainer):
    history = make_trainer(1, **REGRESSION).fit()
    assert history[-1]["train/loss"] < 0.8 * history[0]["train/loss"]
    assert max(metrics["validation/correlation"] for metrics in history) > 0.5


def test_the_best_epoch_of_a_regression_has_the_smallest_error(make_trainer):
    history = make_trainer(2, task="regression", epochs=12).fit()
    errors = [metrics["validation/mae"] for metrics in history]
    last = history[-1]
    assert last["best/mae"] == -last["best/objective"] == min(errors)
    assert last["best/epoch"] == 1 + errors.index(min(errors))
    assert last["best/accuracy"] == history[int(last["best/epoch"]) - 1]["validation/accuracy"]


def test_a_regression_may_be_chosen_by_the_accuracy_of_its_sign(make_trainer):
    history = make_trainer(2, task="regression", epochs=12, objective="accuracy").fit()
    assert history[-1]["best/accuracy"] == max(metrics["validation/accuracy"] for metrics in history)
    assert "best/objective" not in history[-1]


def test_an_epoch_of_a_regression_reports_these_metrics_of_its_splits(make_trainer):
    trainer = make_trainer(1, task="regression", epochs=1)
    metrics = {**trainer.run_epoch(), **trainer.test()}
    scores = {"loss", "accuracy", "macro_f1", "mae", "correlation", "accuracy_5", "vector/accuracy"}
    scores |= {"weighted_f1", "accuracy_nonzero", "vector/probe_accuracy"}
    noisy = {f"vector/accuracy_noise_{level:g}" for level in NOISE_LEVELS}
    for split, more in (("validation", set()), ("test", noisy)):
        told = {name.removeprefix(f"{split}/") for name in metrics if name.startswith(f"{split}/")}
        assert told == scores | more


@pytest.mark.parametrize("loss", ["l1", "mse"])
def test_the_loss_of_a_regression_is_the_one_that_was_chosen(make_trainer, loss):
    trainer = make_trainer(2, task="regression", loss=loss, epochs=1)
    reported = trainer.run_epoch()["validation/loss"]
    rows = trainer.store.split("toy")["validation"]
    outputs, values = trainer.evaluate("validation").fused[:, 0], torch.tensor(trainer.store.values[rows])
    expected = {"l1": torch.nn.functional.l1_loss, "mse": torch.nn.functional.mse_loss}[loss]
    assert reported == pytest.approx(expected(outputs, values).item())


def test_purity_of_a_regression_is_that_of_rounded_values(make_trainer):
    trainer = make_trainer(1, task="regression", epochs=1)
    trainer.run_epoch()
    bins = {part: np.round(trainer.store.values[rows]) + 2 for part, rows in trainer.store.split().items()}
    features = trainer.features("train")["vector"].numpy()
    expected = purity(features, bins["train"].astype(int), 5, n_init=1)  # as `few_restarts` has it
    assert len(np.unique(bins["train"])) == 5
    assert trainer.diagnose()["vector"].train == expected


def test_probes_of_a_regression_are_linear_regressors_scored_by_their_sign(make_trainer):
    trainer = make_trainer(1, **REGRESSION)
    metrics = trainer.fit()[-1]
    rows = trainer.store.split()["validation"]
    predicted = trainer.probes.logits(trainer.features("validation"))["vector"][:, 0]
    predicted = predicted.detach().numpy()
    right = ((predicted >= 0) == (trainer.store.values[rows] >= 0)).mean()
    assert metrics["validation/vector/accuracy"] == pytest.approx(right)
    assert right > 0.6


def test_an_exported_regression_predicts_the_numbers_that_were_scored(make_trainer, tmp_path):
    trainer = make_trainer(2, task="regression", epochs=2)
    trainer.fit()
    trainer.export(tmp_path)
    rows = trainer.store.split()["test"]
    raw = {name: trainer.store.read(name, rows) for name in trainer.store.modalities}
    predicted = load_model(tmp_path).predict(raw)
    assert predicted.shape == (len(rows),)
    error = np.abs(predicted - trainer.store.values[rows]).mean()
    assert error == pytest.approx(trainer.test()["test/mae"], rel=1e-5)


SEVERAL = {"task": "multilabel", "epochs": 30, "hidden": 16}


def test_several_labels_are_learnt_and_chosen_by_their_precision(make_trainer):
    history = make_trainer(1, **SEVERAL).fit()
    precisions = [metrics["validation/mean_average_precision"] for metrics in history]
    assert history[-1]["train/loss"] < 0.9 * history[0]["train/loss"]
    assert history[-1]["best/mean_average_precision"] == max(precisions) > 0.75
    assert history[-1]["best/objective"] == max(precisions)


def test_an_epoch_with_several_labels_reports_these_metrics_of_its_splits(make_trainer):
    trainer = make_trainer(1, task="multilabel", epochs=1)
    metrics = {**trainer.run_epoch(), **trainer.test()}
    scores = {"loss", "accuracy", "macro_f1", "mean_average_precision"}
    scores |= {"vector/accuracy", "vector/probe_accuracy"}
    noisy = {f"vector/accuracy_noise_{level:g}" for level in NOISE_LEVELS}
    for split, more in (("validation", set()), ("test", noisy)):
        told = {name.removeprefix(f"{split}/") for name in metrics if name.startswith(f"{split}/")}
        assert told == scores | more


def test_an_exported_model_of_several_labels_predicts_the_probability_of_each(make_trainer, tmp_path):
    trainer = make_trainer(2, task="multilabel", epochs=2)
    trainer.fit()
    trainer.export(tmp_path)
    rows = trainer.store.split()["test"]
    raw = {name: trainer.store.read(name, rows) for name in trainer.store.modalities}
    predicted = load_model(tmp_path).predict(raw)
    right = ((predicted >= 0.5) == trainer.store.labels[rows]).mean()
    assert right == pytest.approx(trainer.test()["test/accuracy"])
    with np.load(tmp_path / "features.npz") as arrays:
        assert arrays["classes"].tolist() == ["a", "b", "c", "none"]
        assert set(arrays["vector/targets"].tolist()) <= {0, 1, 2, 3}
