import numpy as np
import pytest
import torch
from toy_run import ToyRun

from trainables.multimodal.balancers.agm import Agm, _shorten, coefficients, ratios
from trainables.multimodal.errors import InputError
from trainables.multimodal.methods import METHODS
from trainables.multimodal.networks.fusion import ConcatenationFusion

PUBLISHED = {
    311: (
        [(1.089925, 0.910080), (1.128815, 0.845986)],
        (1.370857, 1.209694),
        (0.620147, 0.502573, 0.683398),
    ),
    312: (
        [(1.242426, 0.757867), (0.744146, 1.419056)],
        (1.387886, 1.303296),
        (0.526722, 0.524702, 1.040944),
    ),
}
"""Of two steps of the official code: coefficients (audio, visual) of each, average scores after both, and how
far the weights of audio, visual and head have moved."""


class AgmRun(ToyRun):
    """A head with bias, and plain SGD: numbers times .5."""

    def __init__(self, seed):
        super().__init__(seed, ConcatenationFusion)
        head = self.model.fusion.head
        self.weights = [*self.encoder_weights, head.weight]
        self.fill([*self.weights, head.bias], 0.5)
        self.optimizer = torch.optim.SGD([*self.weights, head.bias], lr=1.0)


@pytest.mark.parametrize("seed", PUBLISHED)
def test_two_steps_are_those_of_the_official_code(seed):
    run, agm = AgmRun(seed), Agm()
    factors, averages, moved = PUBLISHED[seed]
    start = [weight.detach().clone() for weight in run.weights]
    for expected in factors:
        metrics = agm.step(run, run.next_batch())
        found = [float(metrics[f"{name}/coefficient"]) for name in ("audio", "visual")]
        assert found == pytest.approx(expected, abs=2e-6)
    assert [float(value) for value in agm.state_dict()["averages"].values()] == pytest.approx(
        averages, abs=2e-6
    )
    distances = [
        float((weight.detach() - before).norm()) for weight, before in zip(run.weights, start, strict=True)
    ]
    assert distances == pytest.approx(moved, abs=2e-6)


def test_what_is_better_than_usual_is_slowed_and_what_is_worse_hastened():
    usual = {name: torch.tensor(1.0) for name in "abc"}
    now = {"a": torch.tensor(0.2), "b": torch.tensor(1.0), "c": torch.tensor(1.8)}
    found = coefficients(now, usual, 1.0)
    assert found["a"] < 1 < found["c"]
    assert float(found["b"]) == pytest.approx(1)
    assert float(ratios(now)["a"]) == pytest.approx(np.exp(1.4 - 0.2))


def test_a_coefficient_is_at_most_e_to_the_tenfold_of_alpha():
    now, usual = (
        {n: torch.tensor(v) for n, v in zip("ab", pair, strict=True)} for pair in ((9.0, 0.0), (0.0, 9.0))
    )
    assert float(coefficients(now, usual, 0.5)["a"]) == pytest.approx(np.exp(5), rel=1e-5)


def test_without_strength_or_outside_of_its_epochs_it_is_joint_training(make_trainer):
    joint = make_trainer(2).run_epoch()
    for agm in (Agm(alpha=0.0), Agm(begin=1), Agm(end=0)):
        assert make_trainer(2, [agm]).run_epoch()["train/loss"] == joint["train/loss"]
    assert make_trainer(2, [Agm()]).run_epoch()["train/loss"] != joint["train/loss"]


def test_a_fusion_that_is_no_sum_of_the_modalities_logits_is_refused():
    with pytest.raises(InputError, match="own_heads is none: leave fusion or agm out"):
        METHODS["agm"].check({"data": "any", "epochs": 1, "fusion": "own_heads"})


@pytest.mark.parametrize(("largest", "is_cut"), [(0.99, False), (1.01, True)])
def test_a_long_entry_of_the_heads_gradient_cuts_all_gradients(largest, is_cut):
    run = AgmRun(311)
    parameters = [parameter for group in run.optimizer.param_groups for parameter in group["params"]]
    for parameter in parameters:
        parameter.grad = torch.full_like(parameter, 0.5)
    parameters[0].grad[0, 0] = 9  # of an encoder, which decides nothing
    run.model.fusion.head.weight.grad[0, 0] = -largest
    _shorten(run)
    length = float(torch.stack([parameter.grad.norm() for parameter in parameters]).norm())
    assert (length == pytest.approx(1, abs=1e-4)) is is_cut
    assert (float(parameters[1].grad[0, 0]) < 0.1) is is_cut
