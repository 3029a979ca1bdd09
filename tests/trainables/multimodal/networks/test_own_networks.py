"""Own encoders and fusions are tried out: what they must keep to, and what is said where they do not."""

import sys
from types import ModuleType

import pytest
import torch
from torch import nn

from trainables.multimodal.errors import InputError
from trainables.multimodal.model import MultimodalModel
from trainables.multimodal.networks.encoders import Encoder
from trainables.multimodal.networks.fusion import ConcatenationFusion, Output
from trainables.multimodal.networks.model_spec import ModelSpec
from trainables.multimodal.networks.standardise import AsStored, Standardise, StandardiseSteps

SHAPES = {"v": (5,), "s": (7, 3), "p": (3, 8, 8), "f": (4, 3, 8, 8)}


class Mean(Encoder):
    """The mean of all values, once drawn weights later."""

    features = 2

    def __init__(self, shape, spec):
        super().__init__()
        self.shape = shape
        self.layer = nn.Linear(1, 2)

    def forward(self, values):
        assert values.shape[1:] == self.shape
        return self.layer(values.flatten(1).mean(dim=1, keepdim=True))


class Kept(Mean):
    inputs = AsStored


class Raised(Mean):
    def __init__(self, shape, spec):
        raise KeyError("weights")


class Unsized(nn.Module):
    def __init__(self, shape, spec):
        super().__init__()


class Wide(Mean):
    features = 3


class Squeezed(Mean):
    def forward(self, values):
        return super().forward(values).squeeze(0)


class Whole(Mean):
    def forward(self, values):
        return super().forward(values).long()


class Noisy(Mean):
    def forward(self, values):
        return super().forward(values) + torch.randn(2)


class Failing(Mean):
    def forward(self, values):
        raise RuntimeError("mat1 and mat2\ndo not fit")


class Dropping(Mean):
    def forward(self, values):
        return nn.functional.dropout(super().forward(values), 0.5, self.training)


class Odd(Mean):
    inputs = "raw"


class Silent(ConcatenationFusion):
    def __init__(self, sizes, classes, weights):
        super().__init__(sizes, classes)

    def forward(self, features, present):
        return super().forward(features, present).fused


class Unfit(ConcatenationFusion):
    pass


class Short(Silent):
    def forward(self, features, present):
        output = ConcatenationFusion.forward(self, features, present)
        return Output(output.features, {"v": output.unimodal["v"]}, output.fused)


class Narrow(Silent):
    def forward(self, features, present):
        output = ConcatenationFusion.forward(self, features, present)
        return Output(output.features, output.unimodal, output.fused[:, :1])


class Plain(Silent):
    def forward(self, features, present):
        return ConcatenationFusion.forward(self, features, present)


class Drawing(Plain):
    def forward(self, features, present):
        torch.rand(3)
        return super().forward(features, present)


class Hating(Plain):
    def forward(self, features, present):
        if present:
            raise RuntimeError("something is absent")
        return super().forward(features, present)


def made(shape, spec):
    """A function makes an encoder as well."""
    return Mean(shape, spec)


@pytest.fixture(autouse=True)
def module(monkeypatch):
    """All of these by the name `mine`."""
    mine = ModuleType("mine")
    vars(mine).update({name: part for name, part in globals().items() if not name.startswith("_")})
    monkeypatch.setitem(sys.modules, "mine", mine)


def model(encoder=None, modality="v", fusion="concatenation"):
    """A model with an own part, of two modalities."""
    shapes = {name: SHAPES[name] for name in dict.fromkeys((modality, "v", "s"))}
    named = {modality: f"mine:{encoder}"} if encoder else {"s": "mine:Mean"}
    return MultimodalModel(ModelSpec(tuple("abc"), shapes, hidden=4, frames=2, encoders=named, fusion=fusion))


@pytest.mark.parametrize("encoder", ["Mean", "Kept", "Dropping", "made"])
@pytest.mark.parametrize("modality", SHAPES)
def test_an_own_encoder_gets_samples_of_the_shape_it_was_told(encoder, modality):
    built = model(encoder, modality)
    inputs = {name: torch.randn(3, *SHAPES[name]) for name in built.encoders}
    assert built(inputs).features[modality].shape == (3, 2)


@pytest.mark.parametrize(
    ("encoder", "modality", "inputs"),
    [("Mean", "v", Standardise), ("Mean", "s", StandardiseSteps), ("Kept", "s", AsStored)],
)
def test_steps_are_padded_and_what_is_no_quantity_stays(encoder, modality, inputs):
    assert type(model(encoder, modality).standardisation(modality)) is inputs


def test_token_ids_arrive_as_they_are_with_noise_or_without():
    inputs, ids = AsStored((6,), 1), torch.tensor([[0, 30521, 2**24, 1, 7, 0]])
    inputs.load_state_dict({"mean": torch.full((6,), 2.0), "std": torch.full((6,), 3.0)})
    assert torch.equal(inputs(ids).long(), ids)
    assert not inputs.noise(inputs(ids), torch.Generator()).any()
    assert not inputs.moments(ids).any()


@pytest.mark.parametrize(
    ("encoder", "said"),
    [
        ("Raised", r"mine:Raised for s fails \(KeyError: 'weights'\)"),
        ("Unsized", r"mine:Unsized for s must be a torch module with `features`"),
        ("Wide", r"mine:Wide for s must give features \[2, 3\] of 2 samples, and gives \[2, 2\]"),
        ("Squeezed", r"mine:Squeezed for s must give features \[1, 2\] of 1 samples, and gives \[2\]"),
        ("Whole", r"mine:Whole for s must give features \[2, 2\] of 2 samples, .*int64"),
        ("Noisy", r"mine:Noisy for s gives something else of the same samples in eval mode"),
        ("Failing", r"mine:Failing for s fails \(RuntimeError: mat1 and mat2 do not fit\)"),
        ("SHAPES", r"mine:SHAPES is neither the class of a torch module nor a function"),
        ("InputError", r"mine:InputError is neither the class of a torch module nor a function"),
        ("Odd", r"mine:Odd must have a subclass of Standardise for `inputs`, got 'raw'"),
    ],
)
def test_an_encoder_that_does_not_keep_to_it_is_refused(encoder, said):
    with pytest.raises(InputError, match=said):
        model(encoder, "s")


@pytest.mark.parametrize(
    ("fusion", "said"),
    [
        ("Mean", "mine:Mean is no subclass of Fusion in trainables.multimodal.networks.fusion"),
        ("Unfit", r"mine:Unfit fails \(TypeError: .* takes 3 positional arguments but 4"),
        ("Silent", "mine:Silent must give an Output"),
        ("Short", "mine:Short must give an Output with the logits of each modality"),
        ("Narrow", r"mine:Narrow must give logits \[2, 3\] of 2 samples, and gives \[2, 1\]"),
        ("Hating", r"mine:Hating fails \(RuntimeError: something is absent\)"),
    ],
)
def test_a_fusion_that_does_not_keep_to_it_is_refused(fusion, said):
    with pytest.raises(InputError, match=said):
        model(fusion=f"mine:{fusion}")


def test_trying_out_draws_nothing_that_training_would_draw():
    draws = []
    for fusion in ("mine:Plain", "mine:Drawing", "concatenation"):
        torch.manual_seed(0)
        own = model("Mean", "s", fusion)
        assert own.encoders["s"].training
        assert own.fusion.training
        draws.append(torch.rand(1))
    assert draws == [draws[0]] * 3


@pytest.mark.parametrize("kind", ["Mean", "Kept"])
def test_pictures_that_are_stored_larger_are_shown_in_one_size(kind):
    shapes = {"f": (4, 3, 10, 14)}
    encoders = {"f": f"mine:{kind}"}
    spec = ModelSpec(tuple("abc"), shapes, frames=2, encoders=encoders, shown={"f": (8, 8)})
    built = MultimodalModel(spec).eval()  # whose encoder says which shape it takes
    for frames, size in ((4, (10, 14)), (2, (8, 8))):
        assert built({"f": torch.ones(2, frames, 3, *size)}).fused.shape == (2, 3)
