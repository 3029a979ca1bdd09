import numpy as np
import pytest
import torch
from torch.nn import functional

from trainables.multimodal.balancers.blending_math import blending_weights
from trainables.multimodal.balancers.gradient_blending import GradientBlending
from trainables.multimodal.errors import InputError

pytestmark = pytest.mark.usefixtures("few_restarts")


def only_fused(count):
    """Weights of n toy modalities with which the fused loss is all there is."""
    return {**dict.fromkeys(("vector", "clip", "sequence", "image")[:count], 0.0), "fused": 1.0}


def without_own_heads(state):
    return {name: value for name, value in state["model"].items() if ".heads." not in name}


def require_equal(one, other):
    assert one.keys() == other.keys()
    assert [name for name in one if not torch.equal(one[name], other[name])] == []


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_the_fused_loss_alone_is_joint_training_bit_for_bit(make_trainer, count):
    settings = {"schedule": "step", "milestones": (1, 2)}
    blended = make_trainer(count, [GradientBlending(loss_weights=only_fused(count))], **settings)
    found = blended.fit()
    joint = make_trainer(count, **settings)
    require_equal_history(found, joint.fit())
    require_equal(without_own_heads(blended.state_dict()), joint.state_dict()["model"])


def test_so_it_is_where_samples_lack_modalities(make_gappy):
    blended = make_gappy(2, [GradientBlending(loss_weights=only_fused(2))])
    found = blended.fit()
    joint = make_gappy(2)
    require_equal_history(found, joint.fit())
    require_equal(without_own_heads(blended.state_dict()), joint.state_dict()["model"])


def require_equal_history(found, expected):
    for metrics, joint in zip(found, expected, strict=True):
        assert {name: metrics[name] for name in joint if name != "seconds"} == {
            name: value for name, value in joint.items() if name != "seconds"
        }


def test_a_step_goes_by_the_weighted_sum(make_trainer):
    weights = {"vector": 1.0, "clip": 2.0, "fused": 5.0}
    settings = {"momentum": 0.0, "weight_decay": 0.0, "lr": 1.0}
    trainer, twin = (make_trainer(2, [GradientBlending(loss_weights=weights)], **settings) for _ in "ab")
    batch = next(iter(trainer._loader("train").ordered()))
    before = [p.detach().clone() for p in trainer.model.parameters()]
    trainer.model.train(), twin.model.train()
    trainer.balancers[0].step(trainer, batch)
    output = twin.forward(batch)
    logits = {**output.unimodal, "fused": output.fused}
    total = sum(w / 8 * functional.cross_entropy(logits[part], batch.labels) for part, w in weights.items())
    total.backward()
    for was, now, reference in zip(before, trainer.model.parameters(), twin.model.parameters(), strict=True):
        torch.testing.assert_close(was - now, reference.grad, atol=1e-5, rtol=1e-4)


def trained_alone(trainer, part, epoch):
    """The model of a fresh trainer after an epoch on the loss of one part alone, without held-out samples."""
    encoders, fusion = trainer.model.encoders, trainer.model.fusion
    modules = [*encoders.values(), fusion.head] if part == "fused" else [encoders[part], fusion.heads[part]]
    parameters = [parameter for module in modules for parameter in module.parameters()]
    config = trainer.config
    optimizer = torch.optim.SGD(
        parameters, config.lr, momentum=config.momentum, weight_decay=config.weight_decay, fused=True
    )
    trainer.model.train()
    for batch in trainer._loader("train").shuffled(config.seed, epoch, trainer.held_out()):
        output = trainer.forward(batch)
        logits = output.fused if part == "fused" else output.unimodal[part]
        optimizer.zero_grad()
        functional.cross_entropy(logits, batch.labels).backward()
        optimizer.step()
    return [parameter.detach().clone() for parameter in parameters], modules


@pytest.mark.parametrize(("part", "epoch"), [("vector", 0), ("clip", 0), ("sequence", 0), ("fused", 1)])
def test_a_copy_trains_each_of_its_parts_as_if_alone(make_trainer, part, epoch):
    """From the initial weights, without momentum, on all but the samples that are held out."""
    trainer = make_trainer(3, [GradientBlending()])
    for _ in range(epoch + 1):
        trainer.run_epoch()
    learned = trainer.state_dict()["copy"]["learned"]["model"]
    twin = make_trainer(3, [GradientBlending()])
    expected, modules = trained_alone(twin, part, epoch)
    twin.model.load_state_dict(learned)
    found = [parameter for module in modules for parameter in module.parameters()]
    assert all(map(torch.equal, expected, found))


@torch.no_grad()
def losses(trainer, part):
    """Mean losses of a part on the training samples that are not held out and on those that are."""
    seen, held = trainer.evaluate("train"), torch.from_numpy(trainer.held_out())
    output = trainer.model.fusion(seen.features, seen.present)
    logits = {**output.unimodal, "fused": output.fused}[part]
    sides = (~held, held)
    return tuple(float(functional.cross_entropy(logits[side], seen.labels[side])) for side in sides)


@pytest.mark.parametrize("cycle", [0, 1])
def test_weights_follow_from_the_losses_of_the_model_and_of_its_copies(make_trainer, cycle):
    settings = {"epochs": 6}
    trainer = make_trainer(2, [GradientBlending(super_epoch=1)], **settings)
    for _ in range(3 * cycle):
        trainer.run_epoch()
    parts = {"vector": "unimodal", "clip": "unimodal", "fused": "fused"}
    before = {part: losses(trainer, part) for part in parts}
    twin = make_trainer(2, [GradientBlending(super_epoch=1)], **settings)
    copies = {}
    for name in ("unimodal", "fused"):
        trainer.run_epoch()
        assert trainer.state_dict()["copy"]["name"] == name
        copies[name] = trainer.state_dict()["copy"]["learned"]["model"]
    after = {}
    for part, name in parts.items():
        twin.model.load_state_dict(copies[name])
        twin._evaluator.forget_all()
        after[part] = losses(twin, part)
    assert trainer.balancers[0].weights == pytest.approx(blending_weights(before, after))
    metrics = trainer.run_epoch()
    assert metrics["blending/fused/weight"] == trainer.balancers[0].weights["fused"]


def test_the_model_and_its_probes_stand_still_while_copies_are_trained(make_trainer):
    trainer = make_trainer(2, [GradientBlending(super_epoch=2)], epochs=7, diagnose="every_epoch", lr=0.2)
    first = trainer.state_dict()
    seen = []
    for _ in range(4):
        metrics = trainer.run_epoch()
        seen.append((metrics["validation/loss"], metrics["purity/vector/train"], metrics["best/epoch"]))
        for part in ("model", "probes"):
            require_equal(trainer.state_dict()[part], first[part])
    assert len(set(seen)) == 1
    assert trainer.run_epoch()["validation/loss"] != seen[0][0]
    assert trainer.state_dict()["copy"] == {"name": "", "learned": None}


class Watched(GradientBlending):
    """Keeps the rows that every epoch trains on."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.rows = {}

    def step(self, run, batch):
        self.rows.setdefault(run.epoch, set()).update(batch.rows.tolist())
        return super().step(run, batch)


@pytest.mark.parametrize(
    ("super_epoch", "whole"), [(None, {4, 5, 6}), (1, {5, 6})], ids=["offline", "online"]
)
def test_held_out_samples_are_trained_on_once_no_estimate_follows(make_trainer, super_epoch, whole):
    """Everything is trained on in these epochs, and elsewhere all but the same tenth."""
    watched = Watched(super_epoch=super_epoch)
    trainer = make_trainer(2, [watched], epochs=7)
    trainer.fit()
    train = set(range(24))
    held = {row for row, out in zip(range(24), trainer.held_out(), strict=True) if out}
    assert 0 < len(held) < 6
    for epoch in range(7):
        assert watched.rows[epoch] == (train if epoch in whole else train - held)


def test_every_copy_and_the_model_go_through_the_whole_schedule(make_trainer):
    settings = {"epochs": 9, "lr": 0.1, "schedule": "step", "milestones": (3, 6), "gamma": 0.5}
    history = make_trainer(1, [GradientBlending()], **settings).fit()
    assert [metrics["lr"] for metrics in history] == [0.1, 0.05, 0.025] * 3


def without_time(history):
    return [{name: value for name, value in metrics.items() if name != "seconds"} for metrics in history]


@pytest.mark.parametrize("stop", range(1, 13))
def test_a_run_goes_on_from_the_midst_of_an_estimate(make_trainer, stop):
    """Super-epochs of two epochs and two cycles, stopped after each epoch."""
    settings = {"epochs": 13, "schedule": "step", "milestones": (4,)}

    def make():
        return make_trainer(2, [GradientBlending(super_epoch=2)], **settings)

    whole = make()
    for _ in range(stop):
        whole.run_epoch()
    state = whole.state_dict()
    expected = without_time(whole.fit())
    rest = make()
    rest.load_state_dict(state)
    assert without_time(rest.fit()) == expected
    require_equal(rest.state_dict()["model"], whole.state_dict()["model"])


def test_new_weights_are_found_after_every_super_epoch(make_trainer):
    history = make_trainer(2, [GradientBlending(super_epoch=1)], epochs=6).fit()
    weights = [metrics.get("blending/vector/weight") for metrics in history]
    assert weights[0] is None
    assert weights[1] == weights[2] == weights[3]
    assert weights[4] == weights[5] != weights[3]
    for metrics in history[1:]:
        shares = [metrics[f"blending/{part}/weight"] for part in ("vector", "clip", "fused")]
        assert sum(shares) == pytest.approx(1)
        assert min(shares) >= 0


def test_a_run_that_is_too_short_for_an_estimate_is_refused(make_trainer):
    with pytest.raises(InputError, match=r"super_epoch of 1 needs at least 3 epochs, 2 .*; epochs is 2$"):
        make_trainer(2, [GradientBlending()], epochs=2)
    with pytest.raises(InputError, match="super_epoch of 4 needs at least 12 epochs, 8 of which"):
        make_trainer(2, [GradientBlending(super_epoch=4)], epochs=11)
    make_trainer(2, [GradientBlending(loss_weights=only_fused(2))], epochs=1).fit()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"super_epoch": 0}, "super_epoch must be >= 1, got 0"),
        ({"super_epoch": 1.5}, "super_epoch must be a whole number"),
        ({"super_epoch": 2, "loss_weights": {"fused": 1.0}}, "give one of them"),
        ({"loss_weights": 1.0}, "loss_weights must be numbers >= 0 by modality and for fused"),
        ({"loss_weights": {"vector": 0, "fused": 0}}, "not all of them 0"),
        ({"loss_weights": {"vector": -1, "fused": 2}}, "numbers >= 0"),
        ({"loss_weights": {"vector": np.inf, "fused": 2}}, "numbers >= 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, said):
    with pytest.raises(InputError, match=said):
        GradientBlending(**settings)


@pytest.mark.parametrize("weights", [{"vector": 1, "fused": 1}, {"vector": 1, "clip": 1}, only_fused(3)])
def test_weights_of_other_parts_are_refused(make_trainer, weights):
    with pytest.raises(InputError, match="and the parts are vector, clip, fused"):
        make_trainer(2, [GradientBlending(loss_weights=weights)])
