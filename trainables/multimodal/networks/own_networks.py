"""Encoders and fusions of a user's own: built from an import path, and tried out before any training."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

import torch
from torch import Tensor, nn

from trainables.multimodal.errors import InputError
from trainables.multimodal.networks.encoders import Encoder, EncoderKind, Shape
from trainables.multimodal.networks.fusion import Build, Fusion, Output, fused_from
from trainables.multimodal.networks.missing_modalities import EVERYWHERE
from trainables.multimodal.networks.model_spec import ModelSpec
from trainables.multimodal.networks.standardise import Standardise, StandardiseSteps
from trainables.multimodal.own_parts import is_own, own_part, said
from trainables.multimodal.setting_checks import is_integer

INPUTS: Final[Mapping[int, type[Standardise]]] = {2: StandardiseSteps}
"""What stands before an own encoder that does not say, by the axes of a sample; else Standardise."""
TRIED: Final = 2
"""Samples that a part is tried out on."""


def own_encoder(modality: str, shape: Shape, path: str) -> EncoderKind:
    """The kind of encoder that an import path names; `Encoder` says what it must keep to.

    Raises InputError: there is no such part or, when it is built, it does not give the features it promises.
    """
    make = own_part(path)
    if not inspect.isfunction(make) and not _is_class(make, nn.Module):
        raise InputError(f"{path} is neither the class of a torch module nor a function that makes one")
    inputs = getattr(make, "inputs", INPUTS.get(len(shape), Standardise))
    if not _is_class(inputs, Standardise):
        raise InputError(f"{path} must have a subclass of Standardise for `inputs`, got {inputs!r}")
    build = partial(_encoder, f"{path} for {modality}", make, inputs)
    return EncoderKind(path, (len(shape),), build, inputs)


def own_fusion(path: str) -> Build:
    """The fusion that an import path names, made of sizes, classes and weights as any other.

    Raises InputError: there is no such part or, when it is built, it does not give the logits of a fusion.
    """
    make = own_part(path)
    if not _is_class(make, Fusion):
        raise InputError(f"{path} is no subclass of Fusion in {Fusion.__module__}")
    return partial(_fusion, path, make)


def own_paths(spec: ModelSpec) -> list[str]:
    """Import paths of the encoders and the fusion that are a user's own."""
    return sorted({name for name in (*spec.encoders.values(), spec.fusion) if is_own(name)})


def _encoder(
    name: str, make: Callable[..., Any], inputs: type[Standardise], shape: Shape, spec: ModelSpec
) -> Encoder:
    given = (spec.frames, *shape[1:]) if len(shape) == 4 else shape
    with _naming(name):
        encoder: Encoder = make(given, spec)
    size = getattr(encoder, "features", 0)
    if not isinstance(encoder, nn.Module) or not is_integer(size, 1):
        raise InputError(f"{name} must be a torch module with `features`, the number of what it gives")
    samples = inputs(given, spec.frames)(torch.ones(TRIED, *given))
    with _on_trial(name, encoder):
        first, again, alone = (encoder(values) for values in (samples, samples, samples[:1]))
    _require(name, "features", first, (TRIED, size))
    _require(name, "features", alone, (1, size))
    _require_same(name, first, again)
    return encoder


def _fusion(
    name: str, make: Build, sizes: Mapping[str, int], classes: int, weights: Mapping[str, float]
) -> Fusion:
    with _naming(name):
        fusion = make(sizes, classes, weights)
    features = {modality: torch.ones(TRIED, size) for modality, size in sizes.items()}
    with _on_trial(name, fusion):
        first, again = fusion(features, EVERYWHERE), fusion(features, EVERYWHERE)
    if not isinstance(first, Output) or first.unimodal.keys() != sizes.keys():
        raise InputError(f"{name} must give an Output with the logits of each modality in `unimodal`")
    with _on_trial(name, fusion):
        lacking = [fused_from(fusion, features, EVERYWHERE, sizes.keys() - {modality}) for modality in sizes]
    for logits in (first.fused, *first.unimodal.values(), *lacking):
        _require(name, "logits", logits, (TRIED, classes))
    _require_same(name, first.fused, again.fused)
    return fusion


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Inside, an error becomes an InputError that names the part."""
    try:
        yield
    except Exception as error:  # whatever a user's part raises
        raise InputError(f"{name} fails ({said(error)})") from error


@contextmanager
def _on_trial(name: str, part: nn.Module) -> Iterator[None]:
    """Inside, a part is in eval mode, and what it draws is drawn again afterwards."""
    part.eval()
    with _naming(name), torch.random.fork_rng(devices=[]), torch.no_grad():
        yield
    part.train()


def _require(name: str, what: str, given: object, shape: Shape) -> None:
    if not isinstance(given, Tensor) or not given.is_floating_point() or given.shape != shape:
        got = f"{list(given.shape)} {given.dtype}" if isinstance(given, Tensor) else type(given).__name__
        raise InputError(f"{name} must give {what} {list(shape)} of {shape[0]} samples, and gives {got}")


def _require_same(name: str, first: Tensor, again: Tensor) -> None:
    if not torch.equal(first, again):
        raise InputError(f"{name} gives something else of the same samples in eval mode, where none may draw")


def _is_class(part: object, base: type) -> bool:
    return inspect.isclass(part) and issubclass(part, base)
