"""Linear models fitted to frozen features: what can be read from an encoder when training is over.

A probe that is trained along sees each feature for a moment and never converges; these do.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import Tensor

from trainables.multimodal.tasks import Task

STRENGTHS: Final = (1e4, 1e3, 1e2, 1e1, 1.0)
"""Of the L2 penalty, strongest first; the best on validation is taken, of equals the first."""
PATIENCE: Final = 2
"""No weaker penalty is tried after so many in a row were not better: the weakest take most of the time."""
MOST_ITERATIONS: Final = 2000
LEAST: Final = 1e-12  # probability whose logarithm is taken

Probe = Callable[[Tensor], Tensor]
"""Gives outputs [N, K] on the CPU, as the task takes them, for features [N, D]."""


def frozen_probe(
    train: Tensor, targets: Tensor, validation: Tensor, validation_targets: Tensor, task: Task
) -> Probe:
    """The probe fitted to features [N, D] and targets whose objective is best on validation.

    Logistic regression for classes [N], ridge regression for a number [N] and for labels [N, C], to targets 1
    and -1; on features standardised by `train`. Of labels the accuracy has to be best: a precision ranks
    samples, and any penalty leaves their order almost as it is.
    """
    mean, spread = train.mean(dim=0), train.std(dim=0, unbiased=False)
    spread = torch.where(spread > 0, spread, 1)

    def scaled(features: Tensor) -> np.ndarray:
        return np.asarray(((features - mean) / spread).cpu())

    def probe_of(model: Any) -> Probe:
        return lambda features: _outputs(model, scaled(features), len(task.classes))

    several = targets.ndim == 2
    fitted = np.asarray((2 * targets - 1 if several else targets).cpu())
    known, fit = validation_targets.cpu(), _fit_classes if task.classes and not several else _fit_numbers
    with threadpool_limits(torch.get_num_threads()):
        return _best_of_path(
            (probe_of(fit(scaled(train), fitted, penalty)) for penalty in STRENGTHS),
            lambda probe: _objective(probe(validation), known, task),
        )


def _best_of_path(probes: Iterator[Probe], objective: Callable[[Probe], float]) -> Probe:
    """The probe with the largest objective, of equals the first, until PATIENCE is at its end."""
    best = next(probes)
    highest, worse = objective(best), 0
    for probe in probes:
        reached = objective(probe)
        if reached > highest:
            best, highest, worse = probe, reached, 0
        else:
            worse += 1
        if worse == PATIENCE:
            break
    return best


def _objective(outputs: Tensor, targets: Tensor, task: Task) -> float:
    if targets.ndim == 2:
        return float(task.accuracy(outputs, targets))
    known = outputs.clamp(min=LEAST).log() if task.classes else outputs  # scores are those of logits
    scores = {name: float(score) for name, score in task.scores(known, targets).items()}
    return task.objective.of(scores)


def _outputs(model: Any, features: np.ndarray, classes: int) -> Tensor:
    """Probabilities [N, classes], 0 of a class that was never seen; of numbers what is predicted [N, K]."""
    if not hasattr(model, "classes_"):
        return torch.from_numpy(model.predict(features)).float().reshape(len(features), -1)
    outputs = torch.zeros(len(features), classes)
    outputs[:, model.classes_] = torch.from_numpy(model.predict_proba(features)).float()
    return outputs


def _fit_classes(features: np.ndarray, labels: np.ndarray, penalty: float) -> Any:
    with _python_generator_kept():
        from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=1 / penalty, max_iter=MOST_ITERATIONS).fit(features, labels)


def _fit_numbers(features: np.ndarray, values: np.ndarray, penalty: float) -> Any:
    with _python_generator_kept():
        from sklearn.linear_model import Ridge

    return Ridge(alpha=penalty).fit(features, values)


@contextmanager
def _python_generator_kept() -> Iterator[None]:
    """Undo that the first import of scikit-learn draws from Python's generator: training may go on."""
    state = random.getstate()
    yield
    random.setstate(state)
