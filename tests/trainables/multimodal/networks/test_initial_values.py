"""Initial values as the releases draw them: spreads follow from the formulas."""

import math

import pytest
import torch
from torch import nn

from trainables.multimodal.balancers.boosting import Boosting
from trainables.multimodal.networks.encoders import ResNet
from trainables.multimodal.networks.initial_values import INITS


@pytest.fixture
def model():
    torch.manual_seed(0)
    parts = {"encoder": ResNet(3, width=0.25), "first": nn.Linear(300, 500), "last": nn.Linear(500, 6)}
    return nn.ModuleDict(parts)


def norms(model):
    return torch.cat([m.weight for m in model.modules() if isinstance(m, nn.BatchNorm2d)]).detach()


@pytest.mark.parametrize("layer", ["first", "last"])
def test_linear_layers_of_ogm_ge_are_xavier_normal_without_bias(model, layer):
    INITS["ogm"](model)
    linear = model[layer]
    expected = math.sqrt(2 / (linear.in_features + linear.out_features))
    assert linear.weight.std().item() == pytest.approx(expected, rel=0.05)
    assert not linear.bias.any()


def test_linear_layers_of_dnr_are_uniform_as_torch_draws_them(model):
    INITS["dnr"](model)
    assert model["first"].weight.abs().max().item() == pytest.approx(1 / math.sqrt(300), rel=0.01)
    assert model["first"].bias.any()


def test_norm_weights_are_1_with_ogm_ge_and_spread_by_a_fiftieth_with_dnr(model):
    INITS["dnr"](model)
    assert norms(model).std().item() == pytest.approx(0.02, rel=0.1)
    INITS["ogm"](model)
    assert norms(model).eq(1).all()


@pytest.mark.parametrize("init", INITS)
def test_convolutions_are_the_same_in_both(model, init):
    before = model["encoder"].conv1.weight.clone()
    INITS[init](model)
    assert torch.equal(model["encoder"].conv1.weight, before)
    fan_out = 49 * model["encoder"].conv1.out_channels
    assert before.std().item() == pytest.approx(math.sqrt(2 / fan_out), rel=0.05)


def test_a_run_with_ogm_ges_values_has_them_in_its_shared_layer_too(make_trainer):
    drawn, ogm = (make_trainer(2, [Boosting()], init=init).model for init in ("dnr", "ogm"))
    assert drawn.fusion.shared.bias.any()
    assert not ogm.fusion.shared.bias.any()
    assert norms(ogm).eq(1).all()
