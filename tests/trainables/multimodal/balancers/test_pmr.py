import pytest
import torch
from toy_run import ToyRun

from trainables.multimodal.balancers.pmr import WEIGHTS, Pmr, closeness, prototypes
from trainables.multimodal.networks.fusion import ConcatenationFusion

PUBLISHED = {
    321: ((1.174216, 1.003174, 1.032670), 2.206886, (0.393271, 0.241613), "visual"),
    322: ((1.096511, 0.896978, 0.953877), 2.050388, (0.149924, 0.319401), "visual"),
}
"""Of the official code: cross-entropy of the fused logits and of both modalities' closeness, the loss of the
step, norms of the gradients of audio and visual, and which of them is slow."""


class PmrRun(ToyRun):
    """A head with bias: numbers times .5, then one batch."""

    def __init__(self, seed):
        super().__init__(seed, ConcatenationFusion)
        self.fill([*self.encoder_weights, *self.model.fusion.parameters()], 0.5)
        self.batch = self.next_batch()

    def gradients(self):
        return [weight.grad for weight in self.encoder_weights]

    def update(self, loss):
        self.loss = loss.item()
        loss.backward()


@pytest.mark.parametrize("seed", PUBLISHED)
def test_a_step_is_that_of_the_official_code(seed):
    """With the prototypes of the batch itself."""
    run, pmr = PmrRun(seed), Pmr()
    losses, total, norms, slow = PUBLISHED[seed]
    features = run.forward(run.batch).features
    pmr.centres = {name: prototypes(u.detach(), run.batch.labels, 3) for name, u in features.items()}
    metrics = pmr.step(run, run.batch)
    found = [metrics["loss"], *(metrics[f"{name}/prototype_loss"] for name in ("audio", "visual"))]
    assert [float(value) for value in found] == pytest.approx(losses, abs=2e-6)
    assert run.loss == pytest.approx(total, abs=2e-6)
    assert [float(g.norm()) for g in run.gradients()] == pytest.approx(norms, abs=2e-6)
    assert [name for name in features if metrics[f"{name}/weight"]] == [slow]


def test_a_prototype_is_the_mean_of_a_class_and_zero_of_none():
    features = torch.tensor([[1.0, 0.0], [3.0, 2.0], [5.0, 5.0]])
    found = prototypes(features, torch.tensor([0, 0, 2]), 3)
    assert found.tolist() == [[2.0, 1.0], [0.0, 0.0], [5.0, 5.0]]


def test_closeness_is_the_negative_distance():
    found = closeness(torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0], [0.0, 0.0]]))
    assert found.tolist() == [[-5.0, 0.0]]


@pytest.mark.parametrize(("weight", "expected"), [("binary", [0, 1, 1]), ("ratio", [0, 0.25, 1])])
def test_a_slow_loss_counts_once_or_by_how_far_it_is_behind(weight, expected):
    assert WEIGHTS[weight](torch.tensor([0.0, 0.25, 3.0])).tolist() == expected


def test_prototypes_follow_the_encoders_and_remember(make_trainer):
    trainer = make_trainer(2, [Pmr(memory=0.5)])
    (pmr,) = trainer.balancers
    before = dict(pmr.centres)
    trainer.run_epoch()
    seen = trainer.evaluate("train")
    for name, (features, labels) in seen.present_rows(seen.features).items():
        expected = 0.5 * prototypes(features, labels, 3) + 0.5 * before[name]
        torch.testing.assert_close(pmr.centres[name], expected)


def test_without_strength_or_after_its_end_it_is_joint_training(make_trainer):
    joint = make_trainer(2).run_epoch()
    for pmr in (Pmr(alpha=0.0), Pmr(end=0)):
        assert make_trainer(2, [pmr]).run_epoch()["train/loss"] == joint["train/loss"]
    assert make_trainer(2, [Pmr()]).run_epoch()["train/loss"] != joint["train/loss"]
