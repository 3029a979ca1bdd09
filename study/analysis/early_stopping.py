"""What early stopping costs: whether a rung tells the end, what was saved, what was thrown away."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from study.analysis.chosen_runs import ChosenRuns
from study.records.trial_record import Record

LEAST_RANKED = 3  # trials of a rank correlation
QUARTERS = (0.25, 0.5, 0.75)  # of the training, looked at whether trials were stopped there or not


@dataclass(frozen=True)
class Rung:
    """An epoch at which search trials of a method could be judged."""

    epoch: int
    stopped: int
    """Trials that ASHA stopped here, spared ones too."""
    ranked: int
    """Trials with a known end that the correlation is over."""
    correlation: float | None
    """Spearman's, of the values here with those at the end."""


@dataclass(frozen=True)
class EarlyStopping:
    """What stopping did to the search of one method."""

    method: str
    trials: int
    stopped: int
    saved: float
    """Share of the epochs of all trials that was not trained."""
    rungs: tuple[Rung, ...]
    regrets: tuple[float, ...]
    """Value of each spared trial at its end less that of the incumbent: above 0, stopping it loses that."""


def early_stopping(chosen: ChosenRuns) -> list[EarlyStopping]:
    """A summary per method that was searched; rungs are where any method's trials were stopped."""
    searched = {method: chosen.trials("search", method) for method in chosen.methods}
    full = chosen.settings.budget.epochs
    judged = {_stopped_at(trial) for trials in searched.values() for trial in trials if _stopped(trial)}
    epochs = sorted(judged | {max(1, round(share * full)) for share in QUARTERS})
    return [_summary(chosen, method, epochs) for method, trials in searched.items() if trials]


def rank_correlation(rung: Sequence[float], end: Sequence[float]) -> float | None:
    """Spearman's correlation of what trials have at a rung with what they end with.

    None for fewer than LEAST_RANKED trials, or where either has no spread.
    """
    if len(rung) < LEAST_RANKED or np.ptp(rung) == 0 or np.ptp(end) == 0:
        return None
    return float(stats.spearmanr(rung, end).statistic)


def _summary(chosen: ChosenRuns, method: str, epochs: Sequence[int]) -> EarlyStopping:
    trials, full = chosen.trials("search", method), chosen.settings.budget.epochs
    stopped = [trial for trial in trials if _stopped(trial)]
    spared = [trial for trial in stopped if trial.spared and full in trial.epochs]
    known = [*chosen.searched[method], *spared]
    best = chosen.incumbents.get(method)
    return EarlyStopping(
        method=method,
        trials=len(trials),
        stopped=len(stopped),
        saved=sum(full - max(trial.epochs) for trial in stopped) / (full * len(trials)),
        rungs=tuple(_rung(epoch, stopped, known) for epoch in epochs),
        regrets=tuple(_end(trial) - _end(best) for trial in spared) if best else (),
    )


def _rung(epoch: int, stopped: Sequence[Record], known: Sequence[Record]) -> Rung:
    here = [trial.value_at(epoch) for trial in known]
    end = [_end(trial) for trial in known]
    count = sum(_stopped_at(trial) == epoch for trial in stopped)
    return Rung(epoch, count, len(known), rank_correlation(here, end))


def _stopped(trial: Record) -> bool:
    return trial.status == "pruned"


def _stopped_at(trial: Record) -> int:
    """The epoch after which ASHA decided to stop a trial."""
    judged = trial.ending.stopped if trial.ending else None
    return max(trial.epochs) if judged is None else judged


def _end(trial: Record) -> float:
    return trial.value_at(max(trial.epochs))
