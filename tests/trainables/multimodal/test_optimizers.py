import pytest
import torch

from trainables.multimodal.balancers.boosting import Boosting
from trainables.multimodal.errors import InputError
from trainables.multimodal.optimizers import OPTIMIZERS, scale_moments, start_moments, take_over

REFERENCES = {
    "sgd": lambda parameters: torch.optim.SGD(parameters, 0.1, momentum=0.8, weight_decay=0.05),
    "adam": lambda parameters: torch.optim.Adam(parameters, 0.1, betas=(0.8, 0.999), weight_decay=0.05),
    "adamw": lambda parameters: torch.optim.AdamW(parameters, 0.1, betas=(0.8, 0.999), weight_decay=0.05),
}
each_optimizer = pytest.mark.parametrize("name", OPTIMIZERS)


def built(name, module):
    """The optimizer as runs build it: fused, its moments started."""
    kind = OPTIMIZERS[name]
    optimizer = kind.build([{"params": list(module.parameters())}], 0.1)
    start_moments(optimizer, kind, module.parameters())
    for group in optimizer.param_groups:
        group.update(kind.options(0.8, 0.05))
    return optimizer


def trained(module, optimizer, steps=4):
    """The same few steps on a fixed regression; every other one reaches the weight alone."""
    draw = torch.Generator().manual_seed(1)
    for step in range(steps):
        inputs = torch.randn(8, 3, generator=draw)
        optimizer.zero_grad()
        outputs = module(inputs) if step % 2 else inputs @ module.weight.T
        (outputs - inputs.sum(dim=1, keepdim=True)).square().mean().backward()
        optimizer.step()
    return module


def linear():
    torch.manual_seed(0)
    return torch.nn.Linear(3, 1)


@each_optimizer
def test_steps_are_those_of_torchs_own_optimizer(name):
    ours, theirs = linear(), linear()
    trained(ours, built(name, ours))
    trained(theirs, REFERENCES[name](theirs.parameters()))
    torch.testing.assert_close(ours.weight, theirs.weight)
    torch.testing.assert_close(ours.bias, theirs.bias)
    assert not torch.equal(ours.bias, linear().bias)


@each_optimizer
def test_moments_scaled_to_nothing_are_a_new_start(name):
    used, fresh = linear(), linear()
    optimizer = built(name, used)
    trained(used, optimizer)
    scale_moments(optimizer, used, 0.0)
    used.load_state_dict(fresh.state_dict())
    trained(used, optimizer)
    trained(fresh, built(name, fresh))
    assert torch.equal(used.weight, fresh.weight)


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_the_step_after_moments_were_scaled_down_is_not_longer_than_others(name):
    module = linear()
    optimizer = built(name, module)
    module.weight.grad = torch.ones_like(module.weight)
    for _ in range(3000):  # as long as the second moment needs to be full
        optimizer.step()
    scale_moments(optimizer, module, 1e-4)
    optimizer.param_groups[0]["weight_decay"] = 0.0
    before = module.weight.detach().clone()
    optimizer.step()
    assert (before - module.weight).abs().max() < 1.05 * 0.1  # the learning rate


def test_moments_are_scaled_where_there_are_some():
    module = linear()
    optimizer = REFERENCES["sgd"](module.parameters())
    scale_moments(optimizer, module, 0.5)
    assert not optimizer.state
    module.weight.grad = torch.ones_like(module.weight)
    optimizer.param_groups[0]["weight_decay"] = 0.0
    optimizer.step()
    scale_moments(optimizer, module, 0.5)
    assert optimizer.state[module.weight]["momentum_buffer"].tolist() == [[0.5, 0.5, 0.5]]


@each_optimizer
def test_taking_over_keeps_what_was_chosen(name):
    donor, heir = linear(), linear()
    before = built(name, donor)
    trained(donor, before)
    after = built(name, heir)
    after.param_groups[0].update(lr=0.003, weight_decay=0.7)
    take_over(after, before.state_dict())
    assert (after.param_groups[0]["lr"], after.param_groups[0]["weight_decay"]) == (0.003, 0.7)
    for one, other in zip(donor.parameters(), heir.parameters(), strict=True):
        values = before.state[one]
        assert all(torch.equal(after.state[other][key], value) for key, value in values.items())


def test_moments_of_another_optimizer_are_refused(make_trainer):
    donor = make_trainer(1, optimizer="sgd")
    with pytest.raises(InputError, match="go on with the optimizer that it was trained by"):
        make_trainer(1, optimizer="adamw").load_state_dict(donor.state_dict())


@each_optimizer
def test_a_grown_head_starts_without_moments_and_leaves_those_of_others(make_trainer, name):
    trainer = make_trainer(2, [Boosting()], optimizer=name)
    trainer.run_epoch()
    before = trainer.state_dict()["optimizer"]["state"]
    head = torch.nn.Linear(2, 2)
    trainer.add_module(trainer.model.fusion.heads_of("vector"), head)
    assert not any(value.any() for p in head.parameters() for value in trainer.optimizer.state[p].values())
    after = trainer.state_dict()["optimizer"]["state"]
    assert all(torch.equal(after[n][key], value) for n, kept in before.items() for key, value in kept.items())
