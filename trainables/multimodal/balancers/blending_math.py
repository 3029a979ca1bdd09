"""The arithmetic of Gradient-Blending: weights from losses, and which epochs of a run estimate them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

FUSED: Final = "fused"
"""The part that is the fused head."""
COPIES: Final = ("unimodal", FUSED)
"""Copies of the model that an estimate trains, in this order.

Modalities with heads of their own share no parameter, so that one copy trains each of them alone.
"""
STAGES: Final = len(COPIES) + 1
"""What a cycle trains, a super-epoch each: the copies, and then the model."""
GUARD: Final = 1e-4  # keeps a part that does not over-fit at all from an infinite weight
Losses = tuple[float, float]
"""Mean losses of a part on training data and on held-out data, L^T and L^V."""


def generalisation(before: Losses, after: Losses) -> float:
    """G = L^V(0) - L^V(n): by how much the loss on held-out data has fallen."""
    return before[1] - after[1]


def overfitting(before: Losses, after: Losses) -> float:
    """O = [L^V(n) - L^T(n)] - [L^V(0) - L^T(0)]: by how much the gap to training data has grown."""
    return (after[1] - after[0]) - (before[1] - before[0])


def blending_weights(
    before: Mapping[str, Losses], after: Mapping[str, Losses], guard: float = GUARD
) -> dict[str, float]:
    """w_k = |G_k| / (O_k^2 + guard) of each part k, scaled to sum 1; the paper has no guard.

    Equal weights where nothing has been gained or lost. ZeroDivisionError without guard where an O_k is 0.
    """
    shares = {
        part: abs(generalisation(losses, after[part])) / (overfitting(losses, after[part]) ** 2 + guard)
        for part, losses in before.items()
    }
    return scaled(shares if any(shares.values()) else dict.fromkeys(shares, 1.0))


def scaled(shares: Mapping[str, float]) -> dict[str, float]:
    """Shares divided by their sum, which is above 0."""
    total = sum(shares.values())
    return {part: share / total for part, share in shares.items()}


@dataclass(frozen=True)
class Place:
    """Where an epoch lies in a run."""

    copy: str
    """The copy that is trained; none if it is the model itself."""
    trained: int
    """Epochs for which what is trained has been trained before."""
    completes: bool
    """Whether a super-epoch ends with it."""
    last: bool
    """Whether no estimate follows."""


@dataclass(frozen=True)
class Course:
    """A run of `epochs` in cycles: each trains every copy for `super_epoch` epochs, and then the model.

    Epochs that are too few for another cycle go to the model. A run has one cycle at least.
    """

    epochs: int
    super_epoch: int

    @property
    def cycles(self) -> int:
        """Estimates of the weights; 0 where the run is too short for one."""
        return self.epochs // (STAGES * self.super_epoch)

    @property
    def of_model(self) -> int:
        """Epochs in which the model itself is trained."""
        return self.epochs - len(COPIES) * self.super_epoch * self.cycles

    def place(self, epoch: int) -> Place:
        """Where the epoch with this index lies, counted from 0."""
        cycle = min(epoch // (STAGES * self.super_epoch), self.cycles - 1)
        since = epoch - STAGES * self.super_epoch * cycle
        stage = min(since // self.super_epoch, len(COPIES))
        within = since - stage * self.super_epoch
        copy = (*COPIES, "")[stage]
        return Place(
            copy=copy,
            trained=cycle * self.super_epoch + within,
            completes=within == self.super_epoch - 1,
            last=not copy and cycle == self.cycles - 1,
        )
