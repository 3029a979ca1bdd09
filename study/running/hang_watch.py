"""Ends trials whose process stands still: Ray notices one that dies, never one that hangs.

Ray then retries the trial. The process that was given up may wake up again, on a node that was cut off: its
folder belongs to nobody any more, so that it writes nothing (see `trial_files`).
"""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ray
from ray import tune

from study.records.ledger import Ledger
from study.records.trial_record import Record
from study.running.stage_run import StageRun
from study.settings import Resources

FLOOR = 600.0  # shortest silence, in seconds, that counts as a hang: disks stall, machines are crowded
MULTIPLE = 20.0  # of the slowest epoch so far: one that diagnoses, tests and exports takes several times more
UNKNOWN = 6 * 3600.0  # seconds for a first epoch where even a forecast of it failed
_LOOK = 1.0  # seconds between two looks at the trials
Sign = tuple[Any, float]  # the process that works on a trial, and when it last gave a result


@dataclass(frozen=True)
class Patience:
    """How long a trial may give no result: what was asked for, or what the length of epochs tells."""

    ledger: Ledger
    forecast: Callable[[], float | None]
    """Seconds of an epoch, if they are known before the first one of the study has ended."""
    asked: float | None = None
    """Seconds; None: FLOOR and a MULTIPLE of an epoch."""
    staging: float = 0.0
    """Seconds that a trial may take longer, since its node may have to copy the data first."""

    @property
    def shortest(self) -> float:
        """Seconds after which any trial may hang."""
        return FLOOR if self.asked is None else self.asked

    def of(self, record: Record) -> float:
        """Seconds without a result after which a trial hangs, by its own epochs or else by the study's."""
        if self.asked is not None:
            return self.asked + self.staging
        known = _seconds([record]) or _seconds(self.ledger.records())
        epoch = max(known) if known else self.forecast()
        return (UNKNOWN if epoch is None else _limit(epoch)) + self.staging


def hanging(epoch: float, resources: Resources) -> str:
    """When a trial without a result is ended, where an epoch is thought to take so many seconds."""
    if resources.hung_after is not None:
        return (
            f"a trial without an epoch for {resources.hung_after:g} s is ended and tried again (--hung-after)"
        )
    return (
        f"a trial without its first epoch after {_limit(epoch):.0f} s is ended and tried again: "
        f"{FLOOR:.0f} s and {MULTIPLE:.0f} times an epoch (--hung-after sets another limit)"
    )


def _limit(epoch: float) -> float:
    return FLOOR + MULTIPLE * epoch


def _seconds(records: Sequence[Record]) -> list[float]:
    return [metrics.get("seconds", 0.0) for record in records for metrics in record.epochs.values()]


def silences(
    before: Mapping[str, tuple[Sign, float]], signs: Mapping[str, Sign], passed: float
) -> dict[str, tuple[Sign, float]]:
    """Add the seconds that passed to every trial whose sign of life is the one from before."""
    return {
        name: (sign, before[name][1] + passed if name in before and before[name][0] == sign else 0.0)
        for name, sign in signs.items()
    }


class Watch(tune.Callback):  # type: ignore[misc]
    """Looks at every working trial about once a second.

    Args:
        run: What the trials belong to.
        patience: How long they may be silent.

    """

    def __init__(self, run: StageRun, patience: Patience) -> None:
        self.run = run
        self.patience = patience
        self._looked = time.monotonic()
        self._silent: dict[str, tuple[Sign, float]] = {}

    def on_step_begin(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Kill the process of a trial that hangs."""
        now = time.monotonic()
        if now - self._looked < _LOOK:
            return
        passed = min(now - self._looked, 2 * _LOOK)  # a driver that stood still itself has heard nobody
        self._looked = now
        for trial in self.hung(trials, passed):
            ray.kill(trial.temporary_state.ray_actor)

    def hung(self, trials: Sequence[Any], passed: float) -> list[Any]:
        """Return the trials that hang, `passed` seconds after the last call."""
        working = {trial.trial_id: trial for trial in trials if trial.temporary_state.ray_actor is not None}
        self._silent = silences(self._silent, {n: _sign(trial) for n, trial in working.items()}, passed)
        return [trial for name, trial in working.items() if self._gives_up(name, self._silent[name][1])]

    def _gives_up(self, name: str, seconds: float) -> bool:
        if seconds <= self.patience.shortest:
            return False
        record = self.run.ledger.get(self.run.assigned[name])
        if seconds <= self.patience.of(record):
            return False
        what = f"{record.stage} {record.method} #{record.number}"
        print(f"{what}: no result for {seconds:.0f} s, so its process is ended", file=sys.stderr)
        return True

    def __reduce__(self) -> tuple[Any, ...]:
        return (tune.Callback, ())  # Ray pickles its experiment; nobody reads it


def _sign(trial: Any) -> Sign:
    return trial.temporary_state.ray_actor, trial.run_metadata.last_result_time
