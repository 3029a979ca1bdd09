"""Recorded learning curves: of a table that others have measured, or of the trials of a study."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution

from study.records.trial_record import Record
from trainables.multimodal.errors import InputError

EPOCHS: Final = "n_epochs"
ERROR: Final = "valid_error"
SECONDS: Final = "seconds"
TEST_ERROR: Final = "test_error"
"""Columns of a table of curves, as in HPOlib's; every other column is a hyperparameter."""
UNREADABLE: Final = (OSError, EOFError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError)


@dataclass(frozen=True)
class Curve:
    """What one configuration reached."""

    params: Mapping[str, Any]
    """Places in the levels of a table; empty for a trial of a study."""
    epochs: tuple[int, ...]
    """At which it was measured, rising."""
    values: tuple[float, ...]
    """Best value up to each of them; larger is better."""
    seconds: tuple[float, ...]
    """Since its start, at each of them."""


@dataclass(frozen=True)
class Curves:
    """The curves that simulated studies draw from."""

    name: str
    epochs: int
    """Of a full run."""
    curves: Sequence[Curve]
    space: Mapping[str, BaseDistribution]
    """What TPE searches; empty where only recorded trials can be drawn."""
    sign: int
    """-1 where the recorded value is an error: it is this times the curves' values."""
    left_out: int = 0
    """Recorded trials that were stopped early: how they would have gone on is not known."""

    def whole(self, curve: Curve) -> bool:
        """Whether a curve reaches the last epoch; that of a diverged trial does not."""
        return curve.epochs[-1] >= self.epochs

    @property
    def recorded_epochs(self) -> list[int]:
        """At which whole curves were measured."""
        return list(next(curve.epochs for curve in self.curves if self.whole(curve)))

    @property
    def best(self) -> float:
        """The largest value at the end of any whole curve."""
        return max(curve.values[-1] for curve in self.curves if self.whole(curve))


def read_table(path: Path) -> Curves:
    """Curves of a csv file, compressed or not, with a row per configuration and number of epochs.

    The levels of each hyperparameter are numbered in their order, and TPE searches these numbers: a grid is
    seldom even on any scale. Values become the running best and seconds the running largest, since a table
    may hold the runs of different lengths one by one. Without seconds an epoch takes one.

    Raises InputError: the file cannot be read, lacks a column, or its configurations are not measured at the
    same epochs each.
    """
    rows = _rows(path)
    keys = [str(column) for column in rows if column not in (EPOCHS, ERROR, SECONDS, TEST_ERROR)]
    values, seconds = (rows.pivot_table(column, keys, EPOCHS, dropna=False) for column in (ERROR, SECONDS))
    measured = values.notna().any(axis=1)
    values, seconds = values[measured], seconds[measured]
    if values.isna().any(axis=None) or len(rows) != values.size:
        raise InputError(f"{path}: every configuration must be measured once at each of its {EPOCHS}.")
    levels = {key: _ordered(rows[key].unique()) for key in keys}
    epochs = tuple(int(column) for column in values.columns)
    running = zip(
        values.index.to_frame().to_dict("records"),
        np.maximum.accumulate(-values.to_numpy(float), axis=1).tolist(),
        np.maximum.accumulate(seconds.to_numpy(float), axis=1).tolist(),
        strict=True,
    )
    curves = [
        Curve({key: levels[key].index(params[key]) for key in keys}, epochs, tuple(best), tuple(times))
        for params, best, times in running
    ]
    space = {key: _distribution(levels[key]) for key in keys}
    return Curves(path.name.split(".")[0], epochs[-1], curves, space, sign=-1)


def recorded(method: str, trials: Sequence[Record], epochs: int, sign: int = 1) -> Curves:
    """Curves of the search trials of one method: those that ran to their end, spared ones too, or diverged.

    `sign` is that of the score in what its search maximises.

    InputError where there are fewer than two of them.
    """
    ran = [trial for trial in trials if trial.status in ("completed", "diverged") or trial.spared]
    known = [trial for trial in ran if trial.finished and trial.epochs]
    curves = [
        Curve(
            {},
            tuple(trial.epochs),
            tuple(map(trial.value_at, trial.epochs)),
            tuple(np.cumsum([m.get("seconds", 0.0) for m in trial.epochs.values()]).tolist()),
        )
        for trial in known
    ]
    if sum(curve.epochs[-1] >= epochs for curve in curves) < 2:
        raise InputError(
            f"fewer than two search trials of {method} ran to their end: nothing can be replayed."
        )
    stopped = sum(trial.status == "pruned" and not trial.spared for trial in trials)
    return Curves(method, epochs, curves, {}, sign, left_out=stopped)


def _rows(path: Path) -> pd.DataFrame:
    """The table, checked as far as its columns go."""
    try:
        rows = pd.read_csv(path)
    except UNREADABLE as error:
        raise InputError(f"{path} cannot be read as a table of curves ({error}).") from error
    for column in (EPOCHS, ERROR):
        if column not in rows:
            raise InputError(f"{path} has no column {column}.")
    if SECONDS not in rows:
        rows[SECONDS] = rows[EPOCHS].astype(float)
    try:
        numbers = rows[[EPOCHS, ERROR, SECONDS]].astype(float)
    except ValueError as error:
        raise InputError(f"{path}: {EPOCHS}, {ERROR} and {SECONDS} must be numbers ({error}).") from error
    if len(rows) < 2 or not np.isfinite(numbers).all(axis=None) or (numbers[EPOCHS] < 1).any():
        raise InputError(f"{path}: {EPOCHS}, {ERROR} and {SECONDS} must be numbers in every one of its rows.")
    if set(rows) <= {EPOCHS, ERROR, SECONDS, TEST_ERROR}:
        raise InputError(f"{path} has no column of a hyperparameter.")
    return rows


def _ordered(levels: Any) -> list[Any]:
    """Levels in the order of their values, words in that of the alphabet."""
    return sorted(levels.tolist(), key=lambda level: (isinstance(level, str), level))


def _distribution(levels: Sequence[Any]) -> BaseDistribution:
    """Numbers of levels: in order where levels are numbers, without one where they are words."""
    if any(isinstance(level, str) for level in levels):
        return CategoricalDistribution(range(len(levels)))
    return IntDistribution(0, len(levels) - 1)
