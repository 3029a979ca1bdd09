"""Fusion: named features in, logits per modality and together out."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class Output:
    """One forward pass: features [B, D_m] and logits [B, C] by modality, and the fused logits [B, C]."""

    features: dict[str, Tensor]
    unimodal: dict[str, Tensor]
    fused: Tensor


class ConcatenationFusion(nn.Module):
    """One linear head over concatenated features: logits = W [u_1; ...; u_n] + b.

    The logits of one modality are W_m u_m + b / n, where W_m are the head's columns for it, so that the
    logits of all modalities sum to the fused ones.
    """

    def __init__(self, sizes: Mapping[str, int], classes: int) -> None:
        super().__init__()
        self.sizes = dict(sizes)
        self.head = nn.Linear(sum(self.sizes.values()), classes)

    def forward(self, features: Mapping[str, Tensor]) -> Output:
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
