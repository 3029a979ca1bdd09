"""Whether each search was long enough: what more trials bring, and what its best is worth on fresh seeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean, variance

import numpy as np

from study.analysis.chosen_runs import ChosenRuns
from study.analysis.selection import again
from study.records.trial_record import Record

FEWEST = 4  # completed trials of a curve with two halves
RISE = 1.5  # standard deviations over seeds that a search gains by luck only seldom


@dataclass(frozen=True)
class Tuning:
    """The search of one method in numbers: what it maximises, on validation."""

    method: str
    completed: int
    """Search trials that ran to their end."""
    epochs: int
    """That all its search trials trained, those that were stopped included."""
    curve: tuple[float, ...]
    """Expected best of a search with 1, 2, ... `completed` of these trials."""
    first: float
    """The best search trial."""
    chosen: int
    """Place in the search of the configuration that was confirmed; 1 is the best."""
    again: float | None
    """Mean of the best search trial's configuration on fresh seeds; None: it was not run again."""
    noise: float | None
    """Standard deviation of one configuration over fresh seeds, pooled over finalists."""

    @property
    def optimism(self) -> float | None:
        """How much of the best search trial was luck."""
        return None if self.again is None else self.first - self.again

    @property
    def gain(self) -> float | None:
        """What the second half of the trials brought; None for fewer than FEWEST."""
        return self.curve[-1] - self.curve[len(self.curve) // 2 - 1] if self.completed >= FEWEST else None

    @property
    def rises(self) -> bool:
        """Whether the second half of the trials brought more than the luck of single runs brings.

        Of equally good configurations, whose runs differ by `noise`, it brings .4 of that in the mean. It
        brings more than RISE in 1 to 3 of 100 searches of 4 to 16 trials.
        """
        return self.gain is not None and self.noise is not None and self.gain > RISE * self.noise


def tunings(chosen: ChosenRuns) -> dict[str, Tuning]:
    """The search of every method that has a completed trial."""
    return {method: _tuning(chosen, method) for method in chosen.incumbents}


def expected_best(values: Sequence[float]) -> tuple[float, ...]:
    """Expected largest of k of the n values, drawn without replacement, for k = 1 ... n.

    E_k = sum over i of C(i - 1, k - 1) / C(n, k) * v_(i), where v_(i) is the i-th smallest value. The i-th is
    the largest of k if the k - 1 others are among the i - 1 below it.
    """
    ordered, n = np.sort(values), len(values)
    below = np.arange(n)
    weights, curve = np.full(n, 1 / max(n, 1)), []
    for k in range(1, n + 1):
        curve.append(float(weights @ ordered))
        weights = weights * (below - k + 1) / k * (k + 1) / max(n - k, 1)  # those of k + 1
    return tuple(curve)


def _tuning(chosen: ChosenRuns, method: str) -> Tuning:
    ranked = chosen.ranked(method)
    runs = chosen.reruns(method)
    repeated = [_values(again(trial, runs)) for trial in chosen.finalists(method)]
    return Tuning(
        method,
        completed=len(ranked),
        epochs=sum(max(trial.epochs, default=0) for trial in chosen.trials("search", method)),
        curve=expected_best(_values(ranked)),
        first=_values(ranked)[0],
        chosen=1 + ranked.index(chosen.incumbents[method]),
        again=fmean(repeated[0]) if repeated and repeated[0] else None,
        noise=_pooled([values for values in repeated if len(values) > 1]),
    )


def _values(trials: Sequence[Record]) -> list[float]:
    return [trial.value for trial in trials if trial.value is not None]


def _pooled(groups: Sequence[Sequence[float]]) -> float | None:
    """Standard deviation within groups; None without a group of two."""
    if not groups:
        return None
    degrees = sum(len(values) - 1 for values in groups)
    return sqrt(sum((len(values) - 1) * variance(values) for values in groups) / degrees)
