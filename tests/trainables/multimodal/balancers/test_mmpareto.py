from collections import namedtuple

import numpy as np
import pytest
import torch
from toy_run import ToyRun

from trainables.multimodal.balancers.mmpareto import MMPareto, fused_weight, lengthened, lengthened_together
from trainables.multimodal.balancers.unimodal_losses import UnimodalLosses
from trainables.multimodal.networks.fusion import OwnHeadsFusion

Published = namedtuple("Published", "losses weights norms elements")
PUBLISHED = {
    303: Published(
        (1.087412, 2.504838, 1.474043),
        (0.764751, 0.453238),
        (0.608258, 0.986918, 0.522139),
        (0.317572, 0.226502),
    ),
    301: Published(
        (2.346488, 1.316464, 1.674663),
        (0.5, 0.745757),
        (1.008067, 1.527494, 0.804677),
        (0.425200, -0.049369),
    ),
}
"""Of one step of the official code on a toy network, by seed: losses (fused, audio, visual), weight of the
fused gradient
in both encoders, norms of the final gradients (audio, visual, fused head), and their elements [0, 0]."""


class MMParetoRun(ToyRun):
    """Linear heads without bias, one batch, and plain SGD."""

    def __init__(self, seed):
        super().__init__(seed, OwnHeadsFusion)
        heads = [self.model.fusion.head, *self.model.fusion.heads.values()]
        self.fill([*self.encoder_weights, *(head.weight for head in heads)])
        for head in heads:
            head.bias.data.zero_()
        self.optimizer = torch.optim.SGD([*self.encoder_weights, *self.model.fusion.parameters()], lr=1.0)
        self.batch = self.next_batch()


@pytest.mark.parametrize("seed", PUBLISHED)
def test_a_step_is_that_of_the_official_code(seed):
    run, published = MMParetoRun(seed), PUBLISHED[seed]
    metrics = MMPareto().step(run, run.batch)
    gradients = [*(e.weight.grad for e in run.model.encoders.values()), run.model.fusion.head.weight.grad]
    losses = [metrics[name] for name in ("loss", "audio/loss", "visual/loss")]
    weights = [metrics[f"{name}/fused_weight"] for name in ("audio", "visual")]
    assert [float(value) for value in losses] == pytest.approx(published.losses, abs=2e-6)
    assert [float(value) for value in weights] == pytest.approx(published.weights, abs=2e-6)
    assert [float(g.norm()) for g in gradients] == pytest.approx(published.norms, abs=2e-6)
    assert [float(g[0, 0]) for g in gradients[:2]] == pytest.approx(published.elements, abs=2e-6)


def pair(*values):
    return [torch.tensor(value, dtype=torch.float64) for value in values]


@pytest.mark.parametrize(
    ("fused", "own", "weight"),
    [
        ([1.0, 0.0], [1.0, 0.1], 0.5),  # they agree
        ([1.0, 0.0], [-1.0, 0.0], 0.5),  # opposite and equally long
        ([3.0, 0.0], [-1.0, 0.0], 0.25),
        ([0.0, 0.0], [0.0, 1.0], 0.999),
        ([0.0, 1.0], [0.0, 0.0], 0.001),
    ],
)
def test_the_weight_makes_conflicting_gradients_shortest(fused, own, weight):
    assert float(fused_weight(pair(fused), pair(own))) == pytest.approx(weight)


def test_no_weight_makes_a_shorter_direction():
    draw = np.random.default_rng(0)
    for _ in range(50):
        fused, own = (
            pair(draw.normal(size=4), draw.normal(size=3)),
            pair(*map(draw.normal, [0, 0], [1, 1], [4, 3])),
        )
        if sum(float((a * b).sum()) for a, b in zip(fused, own, strict=True)) > 0:
            continue
        flat = [torch.cat(part) for part in (fused, own)]
        shares = torch.linspace(0.001, 0.999, 999, dtype=torch.float64)[:, None]
        norms = (shares * flat[0] + (1 - shares) * flat[1]).norm(dim=1)
        found = fused_weight(fused, own)
        assert float((found * flat[0] + (1 - found) * flat[1]).norm()) <= float(norms.min()) + 1e-9


def test_lengths_are_compared_tensor_by_tensor_or_for_the_whole_encoder():
    directions, sums = pair([1.0], [3.0]), pair([2.0], [4.0])
    assert [float(h) for h in lengthened(directions, sums, 2.0)] == [4.0, 8.0]
    together = [float(h) for h in lengthened_together(directions, sums, 2.0)]
    assert together == pytest.approx([2 * 2**0.5, 6 * 2**0.5])  # sqrt(20) for sqrt(10)


def test_gradients_that_agree_give_the_sum_of_all_losses(make_trainer, monkeypatch):
    """With a gain of 1, of gradients that do not conflict; here all are taken to agree."""
    monkeypatch.setattr("trainables.multimodal.balancers.mmpareto.fused_weight", lambda *_: torch.tensor(0.5))
    trainers = [make_trainer(2, [balancer]) for balancer in (MMPareto(gain=1.0), UnimodalLosses())]
    for trainer in trainers:
        trainer.model.train()
        trainer.balancers[0].step(trainer, next(iter(trainer._loader("train").ordered())))
    for first, second in zip(*(t.model.parameters() for t in trainers), strict=True):
        torch.testing.assert_close(first, second, atol=1e-6, rtol=1e-5)


def test_gradients_lie_in_memory_as_their_parameters_do(make_trainer):
    """A fused optimizer walks through both in one order."""
    trainer = make_trainer(2, [MMPareto()], width=0.3, channels_last=True)
    trainer.run_epoch()
    for parameter in trainer.model.encoders.parameters():
        steps = zip(parameter.shape, parameter.grad.stride(), parameter.stride(), strict=True)
        assert all(first == second for length, first, second in steps if length > 1)
