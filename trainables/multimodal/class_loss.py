"""The cross-entropy that trains: with label smoothing, and with a weight for each class."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from trainables.multimodal.errors import InputError

EQUAL: Final = "equal"
BALANCED: Final = "balanced"


@dataclass(frozen=True, eq=False)
class CrossEntropy:
    """Mean cross-entropy of logits [B, C] and labels [B], as `torch.nn.CrossEntropyLoss` computes it.

    Of labels with weights it is the weighted mean. Smoothing s puts s / C on every class and the rest of 1 on
    the label (Szegedy et al., CVPR 2016, section 7).
    """

    weights: Tensor | None = None
    """Weight of each class [C], on the device of the logits; equal if none."""
    smoothing: float = 0.0

    def __call__(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The mean."""
        return functional.cross_entropy(logits, labels, weight=self.weights, label_smoothing=self.smoothing)

    def each(self, logits: Tensor, labels: Tensor) -> Tensor:
        """What each sample adds [B]; their plain mean is the loss."""
        each = functional.cross_entropy(
            logits, labels, weight=self.weights, label_smoothing=self.smoothing, reduction="none"
        )
        return each if self.weights is None else each / self.weights[labels].mean()


PLAIN: Final = CrossEntropy()
"""Without weights and smoothing."""


def class_weights(
    chosen: str | Mapping[str, float], classes: Sequence[str], labels: np.ndarray
) -> Tensor | None:
    """Weight of each class [C] from training labels [N]; none where they are `equal`.

    `balanced` is N / (C * samples of the class), as in scikit-learn. Of a mapping, classes that it does not
    name count once. Raises InputError for an unknown class, or one without a sample to balance by.
    """
    if chosen == EQUAL:
        return None
    if isinstance(chosen, Mapping):
        unknown = [name for name in chosen if name not in classes]
        if unknown:
            raise InputError(
                f"class_weights names {', '.join(unknown)}, and the classes are {', '.join(classes)}"
            )
        return torch.tensor([float(chosen.get(name, 1.0)) for name in classes])
    counts = np.bincount(labels, minlength=len(classes))
    empty = [name for name, count in zip(classes, counts, strict=True) if not count]
    if empty:
        raise InputError(f"class_weights=balanced needs training samples of every class; none is {empty[0]}")
    return torch.from_numpy(len(labels) / (len(classes) * counts)).float()
