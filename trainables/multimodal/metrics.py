"""Metrics of predictions, and their means over an epoch."""

from collections.abc import Iterable, Mapping
from math import fsum
from operator import mul
from typing import Final

import torch
from torch import Tensor

from trainables.multimodal.errors import Diverged

WORST: Final[Mapping[str, float]] = {
    "train/loss": 1e9,
    "train/accuracy": 0.0,
    "validation/loss": 1e9,
    "validation/accuracy": 0.0,
    "validation/macro_f1": 0.0,
    "best/accuracy": 0.0,
    "best/macro_f1": 0.0,
    "best/objective": -1e9,
}
"""What a diverged run reports: finite, because schedulers never stop a NaN, and never best."""


def worst_result(epoch: int, names: Iterable[str] = WORST) -> dict[str, float]:
    """What a run reports of the epoch in which it diverged, so that it ends and is never chosen."""
    return {"epoch": epoch, **{name: WORST[name] for name in names}}


def accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    """Share of samples whose largest logit [N, C] is the label [N]; a tensor, so nothing waits for it.

    In double precision, as all shares of counts: 9 of 10 is 0.9, and not 0.8999999762.
    """
    return (logits.argmax(dim=1) == labels).double().mean()


def true_class(logits: Tensor, target: Tensor) -> Tensor:
    """Softmax [B] of logits [B, C] at the true class [B]."""
    return logits.softmax(dim=1).gather(1, target[:, None]).squeeze(1)


def macro_f1(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean over classes of F1 = 2 TP / (2 TP + FP + FN); a class never seen nor predicted counts 0."""
    return _f1(logits, labels).mean()


def weighted_f1(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean over classes of the same F1, each weighted by its share of the labels."""
    support = torch.bincount(labels, minlength=logits.shape[1])
    return (_f1(logits, labels) * support).sum() / len(labels)


def _f1(logits: Tensor, labels: Tensor) -> Tensor:
    """F1 of each class [C]."""
    classes = logits.shape[1]
    predicted = logits.argmax(dim=1)
    confusion = torch.bincount(labels * classes + predicted, minlength=classes**2).view(classes, classes)
    hits = confusion.diagonal()
    involved = confusion.sum(dim=0) + confusion.sum(dim=1)
    return 2 * hits.double() / involved.clamp(min=1)


def label_f1(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean over labels of F1 = 2 TP / (2 TP + FP + FN), from logits [N, C] and targets [N, C], 0 or 1.

    A label is predicted from the logit 0 on; one never there nor predicted counts 0.
    """
    predicted, there = logits >= 0, targets > 0
    involved = predicted.sum(dim=0) + there.sum(dim=0)
    return (2 * (predicted & there).sum(dim=0).double() / involved.clamp(min=1)).mean()


def mean_average_precision(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean over labels of AP = sum over thresholds of (R_n - R_(n-1)) P_n, from logits and targets [N, C].

    Samples with the same logit pass a threshold together, so that their order says nothing. Labels that no
    sample has are left out; 0 where that leaves none. (Manning et al., Information Retrieval, section 8.4.)
    """
    ranked, order = logits.sort(dim=0, descending=True)
    hits = (targets.gather(0, order) > 0).double()
    place = torch.arange(len(logits), device=logits.device)[:, None].expand_as(order)
    differs = torch.ones_like(hits, dtype=torch.bool)
    differs[:-1] = ranked[:-1] != ranked[1:]
    last = torch.where(differs, place, len(logits)).flip(0).cummin(dim=0).values.flip(0)
    precision = (hits.cumsum(dim=0) / (place + 1)).gather(0, last)
    positives = hits.sum(dim=0)
    each = (hits * precision).sum(dim=0) / positives.clamp(min=1)
    return each.sum() / (positives > 0).sum().clamp(min=1)


def correlation(first: Tensor, second: Tensor) -> Tensor:
    """Pearson's correlation of two vectors [N]; 0 where one of them is constant."""
    pair = torch.stack([first, second]).double()
    centred = pair - pair.mean(dim=1, keepdim=True)
    covariance, spread = centred.prod(dim=0).sum(), centred.norm(dim=1).prod()
    varies = (pair.amax(dim=1) > pair.amin(dim=1)).all() & (spread > 0)
    return torch.where(varies, covariance / spread, 0.0)


class Means:
    """Means over an epoch, weighted by batch size; values stay on the device until all are read at once."""

    def __init__(self) -> None:
        self._values: dict[str, list[Tensor]] = {}
        self._weights: dict[str, list[int]] = {}

    def add(self, metrics: Mapping[str, Tensor], weight: int) -> None:
        """Count `metrics` (scalars) of a batch of `weight` samples."""
        for name, value in metrics.items():
            self._values.setdefault(name, []).append(value.detach())
            self._weights.setdefault(name, []).append(weight)

    def read(self, prefix: str) -> dict[str, float]:
        """The means under `prefix`/<name>."""
        means = {}
        for name, weights in self._weights.items():
            values = torch.stack(self._values[name]).double().tolist()
            means[f"{prefix}/{name}"] = fsum(map(mul, values, weights)) / sum(weights)
        return means


def to_numbers(scalars: Mapping[str, Tensor], prefix: str) -> dict[str, float]:
    """Numbers under `prefix`/<name>; waits for the device once."""
    values = torch.stack([value.double() for value in scalars.values()]).tolist()
    return {f"{prefix}/{name}": value for name, value in zip(scalars, values, strict=True)}


def require_finite(values: Mapping[str, float], epoch: int) -> None:
    """Raise Diverged naming the first of `values` that is infinite or NaN."""
    for name, value in values.items():
        if not abs(value) < float("inf"):
            raise Diverged(f"{name} became {value} in epoch {epoch}")
