"""One simulated study: a clock, workers, and the project's ASHA, fed from recorded curves."""

import heapq
from dataclasses import dataclass, field
from types import SimpleNamespace

from optuna.trial import TrialState
from ray.tune.schedulers import AsyncHyperBandScheduler, TrialScheduler

from study.records.trial_record import BEST_OBJECTIVE
from study.replaying.curves import Curve, Curves
from study.replaying.searchers import Searcher


@dataclass
class Trial:
    """A simulated trial."""

    number: int
    curve: Curve
    begun: float
    """Seconds on the study's clock."""
    measured: int = 0
    """Measurements of its curve that it has reported."""
    stopped: bool = False
    """Whether ASHA ended it."""

    @property
    def next_report(self) -> float:
        """When it will report, on the study's clock."""
        return self.begun + self.curve.seconds[self.measured]


@dataclass(frozen=True)
class Step:
    """A moment at which a trial ran to its end and became the best one."""

    seconds: float
    epochs: int
    """Trained by all trials up to then."""
    value: float


@dataclass
class SimulatedStudy:
    """What became of a simulated study."""

    trials: list[Trial] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    """Its incumbents one after another."""
    seconds: float = 0.0
    epochs: int = 0


class Simulation:
    """Studies what a scheduler and a searcher do with curves that are known.

    A trial reports at the epochs and times of its curve. Of reports due at the same time, the one that was
    awaited first comes first. A worker that becomes free begins the next trial at once. Only trials that ran
    to their end can be the incumbent, as in a study.

    Args:
        curves: What is drawn from.
        searcher: Names the curve of each trial.
        pruner: The project's ASHA, or None: every trial runs to its end.
        trials: How many are begun, at most.

    """

    def __init__(
        self, curves: Curves, searcher: Searcher, pruner: AsyncHyperBandScheduler | None, trials: int
    ) -> None:
        self._curves = curves
        self._searcher = searcher
        self._pruner = pruner
        self._count = trials
        self._due: list[tuple[float, int, Trial]] = []  # time, order of entry
        self._entries = 0
        self._study = SimulatedStudy()

    def run(self, workers: int) -> SimulatedStudy:
        """Run all trials on so many workers; once only."""
        for _ in range(workers):
            self._begin()
        while self._due:
            self._study.seconds, _, trial = heapq.heappop(self._due)
            if self._report(trial):
                self._await(trial)
            else:
                self._end(trial)
                self._begin()
        return self._study

    def _begin(self) -> None:
        number = len(self._study.trials)
        curve = self._searcher.begin(number) if number < self._count else None
        if curve is None:
            self._count = number  # a search that has come to the end of its space is over
            return
        trial = Trial(number, curve, self._study.seconds)
        self._study.trials.append(trial)
        if self._pruner is not None:
            self._pruner.on_trial_add(None, _stand_in(trial))
        self._await(trial)

    def _await(self, trial: Trial) -> None:
        self._entries += 1
        heapq.heappush(self._due, (trial.next_report, self._entries, trial))

    def _report(self, trial: Trial) -> bool:
        """Report a measurement; False for the last one, and where ASHA stops the trial."""
        curve, place = trial.curve, trial.measured
        epoch, value = curve.epochs[place], curve.values[place]
        self._study.epochs += epoch - (curve.epochs[place - 1] if place else 0)
        trial.measured += 1
        self._searcher.report(trial.number, epoch, value)
        last = trial.measured == len(curve.epochs)
        if self._pruner is not None:
            result = {"epoch": epoch, BEST_OBJECTIVE: value}
            decision = self._pruner.on_trial_result(None, _stand_in(trial), result)
            trial.stopped = decision == TrialScheduler.STOP and not last
        return not last and not trial.stopped

    def _end(self, trial: Trial) -> None:
        """Close a trial; one that ran to its end may be the best so far."""
        self._searcher.end(trial.number, TrialState.PRUNED if trial.stopped else TrialState.COMPLETE)
        steps, value = self._study.steps, trial.curve.values[-1]
        whole = self._curves.whole(trial.curve) and not trial.stopped
        if whole and (not steps or value > steps[-1].value):
            steps.append(Step(self._study.seconds, self._study.epochs, value))


def _stand_in(trial: Trial) -> SimpleNamespace:
    """A trial as ASHA needs it."""
    return SimpleNamespace(trial_id=str(trial.number))
