"""What simulated studies show: how good, how soon, and what stopping saved and cost."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from study.analysis.early_stopping import rank_correlation
from study.replaying.choices import SchedulerChoice, SearcherChoice
from study.replaying.curves import Curves
from study.replaying.simulation import SimulatedStudy, Simulation

SHARES: Final = (0.25, 0.5, 1.0)
"""Budgets, as shares of what all trials would take if each ran to its end."""


@dataclass(frozen=True)
class Combination:
    """A searcher with a scheduler, and the size of the studies."""

    searcher: SearcherChoice
    scheduler: SchedulerChoice
    trials: int
    workers: int


def replay(curves: Curves, combination: Combination, seeds: Sequence[int]) -> list[SimulatedStudy]:
    """Simulate a study for each seed."""
    trials = combination.trials
    return [
        Simulation(
            curves,
            combination.searcher.searcher(curves, trials, seed),
            combination.scheduler.pruner(curves.epochs),
            trials,
        ).run(combination.workers)
        for seed in seeds
    ]


def measured(
    curves: Curves, combination: Combination, studies: Sequence[SimulatedStudy], within: float
) -> dict[str, Any]:
    """A row of the table: medians over the simulated studies, means of shares.

    `epochs_<share>` and `seconds_<share>` are the median best value of the trials that completed within that
    share of the budget, None where at least half of the studies had none. `regret` is how far the incumbent
    stays below the best end of any trial begun, as far as ASHA stopped it; `lost` the share of studies in
    which it did. `within_*` is the median until the incumbent is that near to the best recorded value, None
    where half of the studies never come there.
    """
    full = combination.trials * curves.epochs
    mean_seconds = float(np.mean([curve.seconds[-1] for curve in curves.curves]))
    patience = combination.trials * mean_seconds / combination.workers
    regrets = [_regret(curves, study) for study in studies]
    reached = [_reached(study, curves.best - within) for study in studies]
    return {
        "curves": curves.name,
        "searcher": combination.searcher.name,
        "scheduler": combination.scheduler.name,
        "trials": combination.trials,
        "workers": combination.workers,
        **{f"epochs_{share:g}": _best(curves, studies, epochs=share * full) for share in SHARES},
        **{f"seconds_{share:g}": _best(curves, studies, seconds=share * patience) for share in SHARES},
        "best": _best(curves, studies),
        "completed": _mean([_completed(curves, study) for study in studies]),
        "saved": _mean([1 - study.epochs / _unstopped(study) for study in studies]),
        "regret": _median(regrets),
        "mean_regret": _mean(regrets),
        "lost": _mean([regret > 0 for regret in regrets]),
        "within_epochs": _median([epochs for epochs, _ in reached]),
        "within_seconds": _median([seconds for _, seconds in reached]),
    }


def rank_correlations(curves: Curves, epochs: Sequence[int]) -> Iterator[dict[str, Any]]:
    """Spearman's correlation of the values after each of these epochs with those at the end."""
    whole = [curve for curve in curves.curves if curves.whole(curve)]
    end = [curve.values[-1] for curve in whole]
    for epoch in epochs:
        rung = [curve.values[curve.epochs.index(epoch)] for curve in whole]
        yield {"curves": curves.name, "epoch": epoch, "correlation": rank_correlation(rung, end)}


def _best(
    curves: Curves, studies: Sequence[SimulatedStudy], epochs: float = math.inf, seconds: float = math.inf
) -> float | None:
    """Median incumbent within a budget, as it was recorded."""
    incumbents = [
        max((s.value for s in study.steps if s.epochs <= epochs and s.seconds <= seconds), default=-math.inf)
        for study in studies
    ]
    median = _median(incumbents)
    return None if median is None else curves.sign * median


def _completed(curves: Curves, study: SimulatedStudy) -> float:
    ran = [curves.whole(trial.curve) and not trial.stopped for trial in study.trials]
    return sum(ran) / len(ran)


def _regret(curves: Curves, study: SimulatedStudy) -> float:
    best = max((trial.curve.values[-1] for trial in study.trials if curves.whole(trial.curve)), default=0.0)
    return best - study.steps[-1].value if study.steps else math.inf


def _reached(study: SimulatedStudy, value: float) -> tuple[float, float]:
    """Epochs and seconds until the incumbent is at least this good; infinite if it never is."""
    steps = ((float(s.epochs), s.seconds) for s in study.steps if s.value >= value)
    return next(steps, (math.inf, math.inf))


def _unstopped(study: SimulatedStudy) -> int:
    """Epochs that its trials would have taken without ASHA."""
    return sum(trial.curve.epochs[-1] for trial in study.trials)


def _median(values: Sequence[float]) -> float | None:
    median = float(np.median(values))
    return median if math.isfinite(median) else None


def _mean(values: Sequence[float]) -> float | None:
    mean = float(np.mean(values))
    return mean if math.isfinite(mean) else None
