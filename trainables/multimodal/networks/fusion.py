"""Fusion: named features in, logits per modality and together out."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainables.multimodal.errors import InputError
from trainables.multimodal.networks.missing_modalities import EVERYWHERE, Present, without
from trainables.multimodal.setting_checks import is_real

CONCATENATION: Final = "concatenation"
"""The fusion of a run that asks for none."""
HEAD_UNITS = 256  # of every boosted head, as published
TINY = 1e-12  # in place of the weight of no modality at all


@dataclass(frozen=True)
class Output:
    """One forward pass: features [B, D_m] and logits [B, C] by modality, and the fused logits [B, C]."""

    features: dict[str, Tensor]
    unimodal: dict[str, Tensor]
    fused: Tensor


class Fusion(nn.Module):
    """What all fusions share: `fusion(features, present) -> Output`, from features of `sizes` by modality.

    Features of absent modalities are zero (`missing_modalities.py`). One of a user's own is a subclass, made
    by `Name(sizes, classes, weights)` with weights of modalities that are empty where a method gives none.
    It draws from torch's global generators, and in eval mode not at all.
    """

    by_batch: bool = False
    """Whether a prediction depends on the samples beside it, so that batches are those of training."""

    def __init__(self, sizes: Mapping[str, int]) -> None:
        super().__init__()
        self.sizes = dict(sizes)

    def columns(self) -> dict[str, Tensor]:
        """The part of the head's weight that belongs to each modality; InputError where they share it."""
        raise InputError("this fusion has no part of its own for each modality: leave reset_head off")


class ConcatenationFusion(Fusion):
    """One linear head over concatenated features: logits = W [u_1; ...; u_n] + b.

    The logits of one modality are W_m u_m + b / n, where W_m are the head's columns for it, so that the
    logits of all modalities sum to the fused ones. An absent modality contributes W_m 0.
    """

    def __init__(self, sizes: Mapping[str, int], classes: int) -> None:
        super().__init__(sizes)
        self.head = nn.Linear(sum(self.sizes.values()), classes)

    def forward(self, features: Mapping[str, Tensor], present: Present = EVERYWHERE) -> Output:
        """Derive every logit from features [B, D_m]; each modality of the head must be there."""
        share = self.head.bias / len(self.sizes)
        unimodal = {
            name: functional.linear(features[name], columns, share)
            for name, columns in self.columns().items()
        }
        fused = torch.stack(list(unimodal.values())).sum(dim=0)
        return Output(dict(features), unimodal, fused)

    def columns(self) -> dict[str, Tensor]:
        """Views [C, D_m] of the head's weight, by modality."""
        parts = torch.split(self.head.weight, list(self.sizes.values()), dim=1)
        return dict(zip(self.sizes, parts, strict=True))


class OwnHeadsFusion(ConcatenationFusion):
    """One linear head over concatenated features, and one of its own for each modality.

    The fused logits are those of a concatenation, to which the modalities' own logits add nothing.
    """

    def __init__(self, sizes: Mapping[str, int], classes: int) -> None:
        super().__init__(sizes, classes)
        self.heads = nn.ModuleDict({name: nn.Linear(size, classes) for name, size in sizes.items()})

    def forward(self, features: Mapping[str, Tensor], present: Present = EVERYWHERE) -> Output:
        """Derive every logit from features [B, D_m]."""
        fused = super().forward(features, present).fused
        return Output(
            dict(features), {name: head(features[name]) for name, head in self.heads.items()}, fused
        )


class AveragedFusion(Fusion):
    """A linear head per modality; the fused logits are the mean over those present, weighted or not."""

    def __init__(self, sizes: Mapping[str, int], classes: int, weights: Mapping[str, float]) -> None:
        super().__init__(sizes)
        self.weights = normalised(weights, sizes)
        self.heads = nn.ModuleDict({name: nn.Linear(size, classes) for name, size in sizes.items()})

    def forward(self, features: Mapping[str, Tensor], present: Present = EVERYWHERE) -> Output:
        """Derive every logit from features [B, D_m]."""
        unimodal = {name: head(features[name]) for name, head in self.heads.items()}
        return Output(dict(features), unimodal, weighted(unimodal, self.weights, present))

    def columns(self) -> dict[str, Tensor]:
        """Weight [C, D_m] of each head, by modality."""
        return {name: head.get_parameter("weight") for name, head in self.heads.items()}


def certain_samples(logits: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weight [B, 1] of each modality, proportional to exp(-e) with the entropy e of its softmax."""
    entropies = torch.stack([-(z.softmax(1) * z.log_softmax(1)).sum(dim=1) for z in logits.values()])
    return dict(zip(logits, (-entropies).softmax(dim=0).unsqueeze(2), strict=True))


def certain_batches(logits: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same weight for all samples, as MLA's release has it: softmax and entropy over the batch, summed.

    A prediction then depends on its neighbours.
    """
    entropies = torch.stack([-(z.softmax(0) * z.log_softmax(0)).sum() for z in logits.values()])
    return dict(zip(logits, (-entropies).softmax(dim=0), strict=True))


CERTAINTIES: Final[Mapping[str, Callable[[Mapping[str, Tensor]], dict[str, Tensor]]]] = {
    "per_sample": certain_samples,
    "per_batch": certain_batches,
}
"""How a modality that is sure of its class gets more weight, by name."""


class SharedHeadFusion(Fusion):
    """One linear head that all modalities share, z_m = W u_m + b; the fused logits are their weighted mean.

    Features of other sizes than the largest are first brought to it, by a matrix of their own. Without
    `certainty` the weights are fixed.
    """

    def __init__(
        self, sizes: Mapping[str, int], classes: int, weights: Mapping[str, float], certainty: str | None
    ) -> None:
        super().__init__(sizes)
        self.weights, self._certainty = normalised(weights, sizes), certainty
        self.by_batch = certainty == "per_batch"
        size = max(sizes.values())
        self.head = nn.Linear(size, classes)
        smaller = {name: nn.Linear(own, size, bias=False) for name, own in sizes.items() if own < size}
        self.align = nn.ModuleDict(smaller)

    def forward(self, features: Mapping[str, Tensor], present: Present = EVERYWHERE) -> Output:
        """Derive every logit from features [B, D_m]."""
        unimodal = {name: self.head(self.aligned(name, features[name])) for name in self.sizes}
        return Output(dict(features), unimodal, weighted(unimodal, self.shares(unimodal), present))

    def aligned(self, modality: str, features: Tensor) -> Tensor:
        """Features [B, D] of the size that the head takes."""
        aligned: Tensor = self.align[modality](features) if modality in self.align else features
        return aligned

    def shares(self, unimodal: Mapping[str, Tensor]) -> Mapping[str, float | Tensor]:
        """Weight of each modality in the fused logits."""
        return CERTAINTIES[self._certainty](unimodal) if self._certainty else dict(self.weights)


class BoostedFusion(Fusion):
    """Several heads per modality with one shared final layer (AUG, section 3).

    Head t of modality m is Linear(D_m, 256), ReLU and then the final Linear(256, C), which all heads of all
    modalities share. The logits of a modality are the sum over its heads; the fused logits are the weighted
    mean over the modalities that are present. Loading a state brings the heads that the state has.
    """

    def __init__(self, sizes: Mapping[str, int], classes: int, weights: Mapping[str, float]) -> None:
        super().__init__(sizes)
        self.weights = normalised(weights, sizes)
        self.shared = nn.Linear(HEAD_UNITS, classes)
        self.heads = nn.ModuleDict({name: nn.ModuleList([new_head(size)]) for name, size in sizes.items()})

    def forward(self, features: Mapping[str, Tensor], present: Present = EVERYWHERE) -> Output:
        """Derive every logit from features [B, D_m]."""
        unimodal = {name: sum_of(self.head_logits(name, features[name])) for name in self.heads}
        return Output(dict(features), unimodal, weighted(unimodal, self.weights, present))

    def head_logits(self, modality: str, features: Tensor) -> list[Tensor]:
        """Logits [B, C] of each head of a modality from its features [B, D_m], the oldest head first."""
        return [self.shared(head(features)) for head in self.heads_of(modality)]

    def heads_of(self, modality: str) -> nn.ModuleList:
        """The heads of a modality, the oldest first."""
        heads = self.heads[modality]
        assert isinstance(heads, nn.ModuleList)  # noqa: S101  (tells mypy what __init__ made)
        return heads

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *rest: Any) -> None:
        for name in self.sizes:
            start = f"{prefix}heads.{name}."
            heads = {key.removeprefix(start).split(".")[0] for key in state_dict if key.startswith(start)}
            self._resize(name, len(heads))
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def _resize(self, modality: str, count: int) -> None:
        heads, device = self.heads_of(modality), self.shared.weight.device
        del heads[count:]
        heads.extend(new_head(self.sizes[modality]).to(device) for _ in range(count - len(heads)))


def new_head(size: int) -> nn.Sequential:
    """An untrained head for features of `size`: Xavier-normal weight and zero bias."""
    linear = nn.Linear(size, HEAD_UNITS)
    nn.init.xavier_normal_(linear.weight)
    nn.init.zeros_(linear.bias)
    return nn.Sequential(linear, nn.ReLU())


def sum_of(logits: list[Tensor]) -> Tensor:
    """Sum [B, C] of the logits of several heads."""
    return torch.stack(logits).sum(dim=0)


def weighted(
    logits: Mapping[str, Tensor],
    weights: Mapping[str, float] | Mapping[str, float | Tensor],
    present: Present = EVERYWHERE,
) -> Tensor:
    """Weighted mean [B, C] of the logits over the modalities that each sample has; zeros if it has none.

    The weights, numbers or [B, 1], sum to 1. Without logits a modality is absent from every sample.
    """
    if not present:
        return torch.stack([weight * logits[name] for name, weight in weights.items()]).sum(dim=0)
    shares = {name: weights[name] * _held(present, name, values) for name, values in logits.items()}
    total = torch.stack(list(shares.values())).sum(dim=0).clamp(min=TINY)
    return torch.stack([share / total * logits[name] for name, share in shares.items()]).sum(dim=0)


def _held(present: Present, modality: str, logits: Tensor) -> Tensor:
    """1 for samples that have the modality, 0 for the others, [B, 1]."""
    everyone = torch.ones_like(logits[:, :1])
    return present[modality][:, None].to(logits.dtype) if modality in present else everyone


def fused_from(
    fusion: Fusion, features: Mapping[str, Tensor], present: Present, shown: Collection[str]
) -> Tensor:
    """Fused logits [N, K] as if no sample had a modality that is not among those `shown`."""
    hidden = {name: torch.zeros_like(values) for name, values in features.items() if name not in shown}
    output: Output = fusion({**features, **hidden}, without(present, hidden))
    return output.fused


def normalised(weights: Mapping[str, float], names: Mapping[str, Any]) -> dict[str, float]:
    """Weights of the modalities `names`, scaled to sum 1; equal where none are given.

    Raises InputError for a modality too many or missing, a negative weight, or nothing but zeros.
    """
    if not weights:
        return {name: 1 / len(names) for name in names}
    if weights.keys() != names.keys():
        raise InputError(
            f"fusion weights are given for {', '.join(weights)}, and the modalities are {', '.join(names)}"
        )
    if not all(is_real(weight) and 0 <= weight < float("inf") for weight in weights.values()):
        raise InputError(f"fusion weights must be numbers >= 0, got {dict(weights)}")
    total = sum(weights.values())
    if total <= 0:
        raise InputError("at least one fusion weight must be above 0")
    return {name: weights[name] / total for name in names}


Build = Callable[[Mapping[str, int], int, Mapping[str, float]], Fusion]

FUSIONS: Final[Mapping[str, Build]] = {
    CONCATENATION: lambda sizes, classes, weights: ConcatenationFusion(sizes, classes),
    "own_heads": lambda sizes, classes, weights: OwnHeadsFusion(sizes, classes),
    "late": AveragedFusion,
    "boosted": BoostedFusion,
    "shared_fixed": partial(SharedHeadFusion, certainty=None),
    **{f"shared_{name}": partial(SharedHeadFusion, certainty=name) for name in CERTAINTIES},
}
"""Fusions by the name that exported models carry; sizes, classes and weights make one."""
