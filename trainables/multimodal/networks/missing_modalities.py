"""Modalities that some samples lack: whose rows count, and what stands in the place of the others.

`present` maps a modality to bool [B]; every sample has a modality that is not in it. What is computed of
absent ones is zero, and no mean counts them.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import torch
from torch import Tensor

Present = Mapping[str, Tensor]
EVERYWHERE: Final[Present] = MappingProxyType({})
"""Every sample has every modality."""


def having(present: Present, modality: str, values: Tensor) -> Tensor:
    """Those of values [B, ...] whose sample has the modality."""
    return values[present[modality]] if modality in present else values


def present_rows(
    present: Present, by_modality: Mapping[str, Tensor], labels: Tensor
) -> dict[str, tuple[Tensor, Tensor]]:
    """Values and labels of the samples that have each modality, of modalities that any sample has."""
    pairs = {
        name: (having(present, name, values), having(present, name, labels))
        for name, values in by_modality.items()
    }
    return {name: pair for name, pair in pairs.items() if len(pair[1])}


def spread(present: Present, modality: str, values: Tensor) -> Tensor:
    """Values of the samples that have the modality, back at their places [B, ...] among zeros."""
    if modality not in present:
        return values
    mask = present[modality]
    return values.new_zeros(len(mask), *values.shape[1:]).index_put((mask,), values)


def without(present: Present, absent: Mapping[str, Tensor]) -> Present:
    """The same with modalities that no sample has; `absent` holds any values [B, ...] of theirs."""
    nobody = {
        name: torch.zeros(len(values), dtype=torch.bool, device=values.device)
        for name, values in absent.items()
    }
    return {**present, **nobody}
