import pytest
import torch
from torch.nn import functional
from toy_run import ToyRun

from trainables.multimodal.balancers.cggm import Cggm, coefficients, cosine_gradient
from trainables.multimodal.errors import InputError
from trainables.multimodal.networks.fusion import OwnHeadsFusion

NAMES = ("audio", "visual")


class CggmRun(ToyRun):
    """Linear heads with bias, and plain SGD."""

    def __init__(self, seed):
        super().__init__(seed, OwnHeadsFusion)
        self.parameters = [*self.encoder_weights, *self.model.fusion.parameters()]
        self.fill(self.parameters)
        self.optimizer = torch.optim.SGD(self.parameters, lr=0.5)


def literal_step(run, batch, rho, lam, before, direction):
    """A step in the order of the release, its loss of the direction differentiated by autograd."""
    model = run.model
    features = run.encode(batch)
    fused = model.fusion(features).fused
    run.optimizer.zero_grad(set_to_none=True)
    loss = functional.cross_entropy(fused, batch.labels)
    (loss if direction is None else loss + lam * direction).backward()
    for head in model.fusion.heads.values():
        head.zero_grad(set_to_none=True)
    logits = {name: model.fusion.heads[name](features[name].detach()) for name in NAMES}
    sum(functional.cross_entropy(z, batch.labels) for z in logits.values()).backward()
    now = [float((logits[name].argmax(dim=1) == batch.labels).double().mean()) for name in NAMES]
    improved = [new - old for new, old in zip(now, before, strict=True)]
    total = sum(improved) + 1e-8
    factors = [(total - one) / total for one in improved]
    columns = model.fusion.columns()
    cosines = [
        functional.cosine_similarity(
            model.fusion.heads[name].weight.clone().view(-1), columns[name].clone().reshape(-1), dim=0
        )
        for name in NAMES
    ]
    direction = sum(map(abs, factors)) - sum(b * c for b, c in zip(factors, cosines, strict=True))
    for name, factor in zip(NAMES, factors, strict=True):
        model.encoders[name].weight.grad *= factor * rho
    run.optimizer.step()
    return now, direction / len(NAMES)


@pytest.mark.parametrize("seed", range(5))
def test_three_steps_are_those_of_the_formulas_in_the_order_of_the_release(seed):
    run, literal = CggmRun(seed), CggmRun(seed)
    method, before, direction = Cggm(1.3, 0.2, limit=None), [0.0, 0.0], None
    for _ in range(3):
        method.step(run, run.next_batch())
        before, direction = literal_step(literal, literal.next_batch(), 1.3, 0.2, before, direction)
    for ours, theirs in zip(run.parameters, literal.parameters, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_the_direction_acts_in_the_step_after_and_on_the_fused_head_alone():
    drawn, plain = CggmRun(0), CggmRun(0)
    methods = Cggm(lam=0.5), Cggm(lam=0.0)
    for run, method in zip((drawn, plain), methods, strict=True):
        method.step(run, run.next_batch())
    assert all(map(torch.equal, drawn.parameters, plain.parameters))
    for run, method in zip((drawn, plain), methods, strict=True):
        method.step(run, run.next_batch())
    changed = [not torch.equal(a, b) for a, b in zip(drawn.parameters, plain.parameters, strict=True)]
    assert [tuple(p.shape) for p, other in zip(drawn.parameters, changed, strict=True) if other] == [(3, 8)]


def scalars(**values):
    return {name: torch.tensor(value, dtype=torch.float64) for name, value in values.items()}


@pytest.mark.parametrize(
    ("improvements", "limit", "expected"),
    [
        ({"a": 0.1, "b": 0.3}, None, {"a": 0.75, "b": 0.25}),
        ({"a": 0.1, "b": 0.3, "c": 0.6}, None, {"a": 0.9, "b": 0.7, "c": 0.4}),
        ({"a": -0.1, "b": -0.3}, None, {"a": 0.75, "b": 0.25}),
        ({"a": -0.1, "b": 0.2}, None, {"a": 2.0, "b": -1.0}),
        ({"a": -0.1, "b": 0.2}, 1.0, {"a": 1.0, "b": -1.0}),
        ({"a": 0.0, "b": 0.0}, None, {"a": 1.0, "b": 1.0}),
        ({"a": 0.5, "b": -0.5}, 1.5, {"a": -1.5, "b": 1.5}),
        ({"a": 0.5}, None, {"a": 1.0}),
    ],
)
def test_a_coefficient_is_the_others_share_of_all_improvements(improvements, limit, expected):
    found = coefficients(scalars(**improvements), limit)
    assert {name: float(value) for name, value in found.items()} == pytest.approx(expected, abs=1e-6)


def test_the_closed_form_is_the_gradient_of_the_cosine():
    draw = torch.Generator().manual_seed(0)
    own, fused = (torch.randn(3, 4, dtype=torch.float64, generator=draw) for _ in range(2))
    fused.requires_grad_()
    functional.cosine_similarity(own.flatten(), fused.flatten(), dim=0).backward()
    torch.testing.assert_close(cosine_gradient(own, fused.detach()), fused.grad)


def test_a_head_of_zeros_is_drawn_by_finite_numbers():
    assert cosine_gradient(torch.ones(3, 4), torch.zeros(3, 4)).isfinite().all()


@pytest.mark.parametrize("limit", [0, -1.0, float("inf"), "1"])
def test_a_limit_bounds_something(limit):
    with pytest.raises(InputError, match="limit"):
        Cggm(limit=limit)
