import math

import pytest
import torch

import search_spaces
from trainables.multimodal.balancers.ogm_ge import OgmGe, coefficients, modulate
from trainables.multimodal.errors import InputError


def numbers(scores, alpha):
    found = coefficients({name: torch.tensor(score) for name, score in scores.items()}, alpha)
    return {name: float(value) for name, value in found.items()}


def test_for_two_modalities_the_coefficient_is_the_papers():
    found = numbers({"a": 0.6, "b": 0.2}, alpha=0.3)
    assert found == {"a": pytest.approx(1 - math.tanh(0.3 * 3)), "b": 1.0}


def test_for_three_a_modality_is_compared_with_the_mean_of_the_others():
    found = numbers({"a": 0.6, "b": 0.4, "c": 0.2}, alpha=0.5)
    assert found == {"a": pytest.approx(1 - math.tanh(0.5 * 0.6 / 0.3)), "b": 1.0, "c": 1.0}


@pytest.mark.parametrize("scores", [{"a": 0.5, "b": 0.5}, {"a": 0.0, "b": 0.0}], ids=str)
def test_equal_modalities_are_left_alone(scores):
    assert numbers(scores, alpha=0.5) == {"a": 1.0, "b": 1.0}


def test_alpha_zero_scales_nothing():
    assert numbers({"a": 0.9, "b": 0.0}, alpha=0.0) == {"a": 1.0, "b": 1.0}


def encoder_with_gradients():
    torch.manual_seed(0)
    encoder = torch.nn.Sequential(
        torch.nn.Conv2d(3, 64, 3), torch.nn.BatchNorm2d(64), torch.nn.Linear(64, 64)
    )
    for parameter in encoder.parameters():
        parameter.grad = torch.randn_like(parameter) * 2
    return encoder, [parameter.grad.clone() for parameter in encoder.parameters()]


@pytest.mark.parametrize(
    ("least", "changed"), [(2, [True, False, False, False, True, False]), (4, [True] + [False] * 5)]
)
def test_weights_with_enough_dimensions_are_scaled_and_get_noise(least, changed):
    encoder, before = encoder_with_gradients()
    modulate(encoder, torch.tensor(0.25), least)
    for parameter, old, expected in zip(encoder.parameters(), before, changed, strict=True):
        assert torch.equal(parameter.grad, old) != expected
        if expected:
            noise = parameter.grad - 0.25 * old
            assert noise.std() == pytest.approx(float(old.std()), rel=0.1)
            assert abs(noise.mean()) < 0.2


def test_without_enhancement_gradients_are_scaled_and_nothing_else():
    encoder, before = encoder_with_gradients()
    modulate(encoder, torch.tensor(0.25), noise=False)
    for parameter, old in zip(encoder.parameters(), before, strict=True):
        assert torch.equal(parameter.grad, 0.25 * old if old.dim() > 1 else old)


def test_a_run_without_enhancement_draws_no_noise(make_trainer):
    trainer = make_trainer(2, [OgmGe(noise=False)])
    state = torch.get_rng_state()
    trainer.run_epoch()
    assert torch.equal(torch.get_rng_state(), state)


def test_the_defaults_are_the_releases_for_crema_d():
    assert OgmGe().alpha == search_spaces.ogm_ge.DEFAULTS["alpha"] == 0.8
    balancer = OgmGe(end=search_spaces.ogm_ge.DEFAULTS["end"])
    assert [epoch for epoch in range(100) if balancer.is_active(epoch)] == list(range(51))


@pytest.mark.parametrize(("begin", "end", "active"), [(0, None, [0, 1, 2, 3]), (1, 3, [1, 2]), (0, 0, [])])
def test_gradients_are_modulated_between_two_epochs(begin, end, active):
    balancer = OgmGe(begin=begin, end=end)
    assert [epoch for epoch in range(4) if balancer.is_active(epoch)] == active


def test_the_coefficients_are_reported(make_trainer):
    trainer = make_trainer(3, [OgmGe(alpha=0.5, end=1)], epochs=2)
    first, second = trainer.fit()
    names = {f"train/{name}/coefficient" for name in trainer.model.encoders}
    assert names <= first.keys()
    assert not names & second.keys()
    assert min(first[name] for name in names) < 1


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"alpha": -1}, "alpha must be >= 0"),
        ({"begin": -1}, "begin must be >= 0, got -1"),
        ({"end": 1.5}, "end must be a whole number, got 1.5"),
        ({"conv_only": "yes"}, "conv_only must be true or false"),
        ({"noise": 1}, "noise must be true or false"),
    ],
    ids=str,
)
def test_options_that_make_no_sense_are_refused(options, sentence):
    with pytest.raises(InputError, match=sentence):
        OgmGe(**options)


@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last])
def test_the_noise_is_gaussian_in_any_memory_order(order):
    torch.manual_seed(0)
    layer = torch.nn.Conv2d(32, 64, 3)
    layer.weight.grad = gradient = (0.3 * torch.randn(64, 32, 3, 3)).to(memory_format=order)
    before = gradient.clone()
    modulate(layer, torch.tensor(1.0))
    assert gradient.is_contiguous(memory_format=order)
    noise = (gradient - before).flatten().double()
    assert noise.std().item() == pytest.approx(before.std().item(), rel=0.02)
    assert noise.pow(4).mean().item() / noise.var().item() ** 2 == pytest.approx(3, rel=0.1)
