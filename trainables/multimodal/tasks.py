"""What a run predicts: a sample's class, which of several labels it has, or the number that is kept of it.

A task says what targets are, how wrong a prediction is and how it is scored. Its `objective` is the score
that chooses the best epoch, stops trials and selects configurations. Every task also has an `accuracy`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from trainables.multimodal.class_loss import PLAIN
from trainables.multimodal.data.store.feature_store import FeatureStore, Quantity
from trainables.multimodal.errors import InputError
from trainables.multimodal.metrics import (
    accuracy,
    correlation,
    label_f1,
    macro_f1,
    mean_average_precision,
    weighted_f1,
)

Loss = Callable[[Tensor, Tensor], Tensor]
AUTO: Final = "auto"
CLASSIFICATION, REGRESSION, MULTILABEL = "classification", "regression", "multilabel"
ACCURACY: Final = "accuracy"
LOSS: Final = "loss"
PRECISION: Final = "mean_average_precision"


def absolute(outputs: Tensor, values: Tensor) -> Tensor:
    """Mean absolute error of outputs [N, 1] and values [N]."""
    return functional.l1_loss(outputs.squeeze(1), values)


def squared(outputs: Tensor, values: Tensor) -> Tensor:
    """Mean squared error of outputs [N, 1] and values [N]."""
    return functional.mse_loss(outputs.squeeze(1), values)


LOSSES: Final[Mapping[str, Mapping[str, Loss]]] = {
    CLASSIFICATION: {"cross_entropy": PLAIN},
    REGRESSION: {"l1": absolute, "mse": squared},
    MULTILABEL: {"binary_cross_entropy": functional.binary_cross_entropy_with_logits},
}
"""Losses by task and by the name that settings carry, the default first."""


def loss_of(task: str, name: str) -> Loss:
    """The loss of this name, `auto` being the task's first; InputError for one of another task."""
    losses = LOSSES[task]
    if name not in (AUTO, *losses):
        raise InputError(f"loss must be {' or '.join(losses)} where task is {task}, got {name!r}")
    return next(iter(losses.values())) if name == AUTO else losses[name]


@dataclass(frozen=True)
class Objective:
    """The score that selects, and its direction: what is maximised is sign times the score.

    Runs report what is maximised, ledgers keep it, and everything ranks by it: a study of Optuna's keeps one
    direction for good, and no `max` need know which score it compares. Only what people read turns it back.
    """

    name: str
    sign: int

    @property
    def best(self) -> str:
        """Metric under which a run reports the score of its best epoch."""
        return f"best/{self.name}"

    def of(self, scores: Mapping[str, float]) -> float:
        """What is maximised, from scores by name."""
        return self.sign * scores[self.name]

    def score(self, maximised: float) -> float:
        """The score whose maximised form this is."""
        return self.sign * maximised


OBJECTIVES: Final[Mapping[str, Mapping[str, Objective]]] = {
    CLASSIFICATION: {
        ACCURACY: Objective(ACCURACY, 1),
        "macro_f1": Objective("macro_f1", 1),
        LOSS: Objective(LOSS, -1),
    },
    REGRESSION: {"mae": Objective("mae", -1), ACCURACY: Objective(ACCURACY, 1)},
    MULTILABEL: {
        PRECISION: Objective(PRECISION, 1),
        "macro_f1": Objective("macro_f1", 1),
        LOSS: Objective(LOSS, -1),
    },
}
"""Objectives by task and by the name that settings carry, the default first."""


def objective_of(task: str, name: str) -> Objective:
    """The objective of this name, `auto` being the task's first; InputError for one of another task."""
    objectives = OBJECTIVES[task]
    if name not in (AUTO, *objectives):
        raise InputError(
            f"objective must be one of {', '.join(objectives)} where task is {task}, got {name!r}"
        )
    return next(iter(objectives.values())) if name == AUTO else objectives[name]


class Task(Protocol):
    """What the trainer asks of a task; outputs are [N, K], targets [N], or [N, K] of several labels."""

    @property
    def objective(self) -> Objective:
        """Which score chooses the best epoch, and in which direction."""

    @property
    def loss(self) -> Loss:
        """What is trained: how wrong outputs are."""

    @property
    def plain_loss(self) -> Loss:
        """The same without class weights and label smoothing: what scores and probes are measured by."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the outputs; none where the only output is a number."""

    def targets(self, store: FeatureStore) -> np.ndarray:
        """What is to be predicted of every sample."""

    def accuracy(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Share of right predictions."""

    def scores(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """All scores by name, among them `loss`, `accuracy` and `macro_f1`."""

    def guess(self, targets: Tensor) -> Tensor:
        """Output [1, K] that is the best for targets [N] if nothing else is known."""

    def bins(self, targets: np.ndarray) -> np.ndarray:
        """Whole numbers >= 0 [N] of targets: what the purity of clusters is measured against."""

    def n_clusters(self, targets: np.ndarray) -> int:
        """How many clusters purity is measured with, from the targets of the training part."""


@dataclass(frozen=True)
class Classification:
    """The class with the largest output."""

    classes: tuple[str, ...]
    loss: Loss = PLAIN
    objective: Objective = OBJECTIVES[CLASSIFICATION][ACCURACY]

    @property
    def plain_loss(self) -> Loss:
        """The cross-entropy, whatever is trained, so that scores of different settings compare."""
        return functional.cross_entropy

    def targets(self, store: FeatureStore) -> np.ndarray:
        """The labels."""
        return store.labels

    def accuracy(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Share of samples whose largest output is the label."""
        return accuracy(outputs, targets)

    def scores(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """Plain loss, accuracy and macro-F1."""
        return {
            "loss": self.plain_loss(outputs, targets),
            "accuracy": accuracy(outputs, targets),
            "macro_f1": macro_f1(outputs, targets),
        }

    def guess(self, targets: Tensor) -> Tensor:
        """How often each class occurs, so that the most frequent one is predicted."""
        return torch.bincount(targets, minlength=len(self.classes)).float()[None]

    def bins(self, targets: np.ndarray) -> np.ndarray:
        """The labels themselves."""
        return targets

    def n_clusters(self, targets: np.ndarray) -> int:
        """As many as there are classes."""
        return len(self.classes)


@dataclass(frozen=True)
class Regression:
    """The only output is the number.

    Its two classes are the signs, zero counted as positive in prediction and value alike. Its bins are the
    whole numbers of the scale: a number is clipped to the scale and rounded, halves to the even neighbour.
    """

    quantity: Quantity
    loss: Loss = absolute
    classes: tuple[str, ...] = ()
    objective: Objective = OBJECTIVES[REGRESSION]["mae"]

    @property
    def plain_loss(self) -> Loss:
        """What is trained."""
        return self.loss

    def targets(self, store: FeatureStore) -> np.ndarray:
        """The values."""
        return values_of(store)

    def accuracy(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Share of samples whose sign is predicted right."""
        return accuracy(signs(outputs), (targets >= 0).long())

    def scores(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """Loss, accuracy and F1 of the signs, mae, correlation, and accuracy_<n> of the n bins.

        Literature on sentiment reports F1 weighted by the classes' shares, and the accuracy of the signs with
        zeros (here `accuracy`) and without: `accuracy_nonzero`, over the samples that are not neutral.
        """
        predicted, negative_or_not = outputs.squeeze(1), (targets >= 0).long()
        polar = targets != 0
        right = (predicted > 0) == (targets > 0)
        count = self.quantity.highest - self.quantity.lowest + 1
        return {
            "loss": self.loss(outputs, targets),
            "accuracy": self.accuracy(outputs, targets),
            "macro_f1": macro_f1(signs(outputs), negative_or_not),
            "weighted_f1": weighted_f1(signs(outputs), negative_or_not),
            "accuracy_nonzero": (right & polar).double().sum() / polar.sum().clamp(min=1),
            "mae": absolute(outputs, targets),
            "correlation": correlation(predicted, targets),
            f"accuracy_{count}": (self._bins(predicted) == self._bins(targets)).double().mean(),
        }

    def guess(self, targets: Tensor) -> Tensor:
        """The median."""
        return targets.median().view(1, 1)

    def bins(self, targets: np.ndarray) -> np.ndarray:
        """Whole numbers of the scale, counted from its lowest."""
        return self._bins(torch.from_numpy(targets)).numpy()

    def n_clusters(self, targets: np.ndarray) -> int:
        """As many as there are bins with a sample in them."""
        return len(np.unique(self.bins(targets)))

    def _bins(self, values: Tensor) -> Tensor:
        lowest, highest = self.quantity.lowest, self.quantity.highest
        return (values.clamp(lowest, highest).round() - lowest).long()


@dataclass(frozen=True)
class Multilabel:
    """Which labels a sample has: each output is the logit of one, which is predicted from 0 on."""

    classes: tuple[str, ...]
    loss: Loss = functional.binary_cross_entropy_with_logits
    objective: Objective = OBJECTIVES[MULTILABEL][PRECISION]

    @property
    def plain_loss(self) -> Loss:
        """What is trained: the mean over samples and labels."""
        return self.loss

    def targets(self, store: FeatureStore) -> np.ndarray:
        """1.0 where a sample has a label [N, C]."""
        return store.labels.astype(np.float32)

    def accuracy(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Share of right decisions over samples and labels: 1 minus the Hamming loss."""
        return ((outputs >= 0) == (targets > 0)).double().mean()

    def scores(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """Loss, accuracy, mean average precision, and the mean of the labels' F1."""
        return {
            "loss": self.loss(outputs, targets),
            "accuracy": self.accuracy(outputs, targets),
            PRECISION: mean_average_precision(outputs, targets),
            "macro_f1": label_f1(outputs, targets),
        }

    def guess(self, targets: Tensor) -> Tensor:
        """The logit of each label's share."""
        return torch.logit(targets.mean(dim=0, keepdim=True), eps=1e-6)

    def bins(self, targets: np.ndarray) -> np.ndarray:
        """Numbers of the sets of labels that occur."""
        return np.unique(targets, axis=0, return_inverse=True)[1].reshape(-1)

    def n_clusters(self, targets: np.ndarray) -> int:
        """As many as there are labels, since sets may be almost as many as samples; or sets, if fewer."""
        return min(len(self.classes), len(np.unique(targets, axis=0)))


def signs(outputs: Tensor) -> Tensor:
    """Logits [N, 2] whose larger one tells whether an output [N, 1] is negative, or zero and above."""
    positive = (outputs >= 0).float()
    return torch.cat([1 - positive, positive], dim=1)


def values_of(store: FeatureStore) -> np.ndarray:
    """Values [N] of a store; InputError where it has none."""
    if store.values is None:
        raise InputError(
            f"task regression predicts a number per sample, and {store.path} holds none: "
            "prepare the data again with the file of their values, or leave the task at classification"
        )
    return store.values


def task_on(store: FeatureStore, task: str, loss: str = AUTO, objective: str = AUTO) -> Task:
    """The task of this name on a store, with loss and objective; InputError where they do not fit."""
    chosen, selects = loss_of(task, loss), objective_of(task, objective)
    if store.multilabel != (task == MULTILABEL):
        kept = "several labels" if store.multilabel else "one label"
        needed = MULTILABEL if store.multilabel else f"{CLASSIFICATION} or {REGRESSION}"
        raise InputError(f"{store.path} holds {kept} per sample: set task to {needed}, not {task}")
    if task == CLASSIFICATION:
        return Classification(store.classes, chosen, selects)
    if task == MULTILABEL:
        return Multilabel(store.classes, chosen, selects)
    values_of(store)
    assert store.quantity is not None  # noqa: S101  (there where values are)
    return Regression(store.quantity, chosen, objective=selects)
