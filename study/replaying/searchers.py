"""What a simulated study tries next: recorded curves at random, or those that the project's TPE asks for."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from study.replaying.curves import Curve, Curves
from study.running.sampling import TrialSampler
from study.running.stage_run import DRAWS


class Searcher(Protocol):
    """Names curves, and learns how their trials go."""

    def begin(self, number: int) -> Curve | None:
        """The curve of the trial of this number, none of those before it; None if there are no more."""
        ...

    def report(self, number: int, epoch: int, value: float) -> None:
        """Learn that a trial has reached a value after an epoch."""
        ...

    def end(self, number: int, state: TrialState) -> None:
        """Learn that a trial has ended."""
        ...


class RandomSearch:
    """Recorded curves in a random order."""

    def __init__(self, curves: Curves, seed: int) -> None:
        self._curves = curves
        self._order = np.random.default_rng(seed).permutation(len(curves.curves)).tolist()

    def begin(self, number: int) -> Curve | None:
        """The next of the order."""
        return self._curves.curves[self._order[number]] if number < len(self._order) else None

    def report(self, number: int, epoch: int, value: float) -> None:
        """Learn nothing."""

    def end(self, number: int, state: TrialState) -> None:
        """Learn nothing."""


class TPESearch:
    """The project's sampler on a table of curves.

    A draw is the recorded configuration nearest to it, |a - b| / (levels - 1) summed over hyperparameters:
    on a full grid the draw itself. As in a study, one that was tried before is drawn again, DRAWS times.
    """

    def __init__(self, curves: Curves, seed: int, startup: int) -> None:
        self._curves, self._seed = curves, seed
        self.trials = SimulatedTrials(curves.space)
        self._sampler = TrialSampler(self.trials, "search", curves.name, curves.space, startup)
        self._begun: set[int] = set()  # places in the curves
        self._exact = {tuple(curve.params.values()): place for place, curve in enumerate(curves.curves)}
        self._points = np.array(list(self._exact), dtype=float)
        self._scale = np.maximum(self._points.max(axis=0), 1)

    def begin(self, number: int) -> Curve | None:
        """Draw until a curve is new."""
        for draw in range(DRAWS):
            place = self._nearest(self._sampler.draw(self._seed, number, draw))
            if place not in self._begun:
                self._begun.add(place)
                curve = self._curves.curves[place]
                self.trials.add(curve.params)
                return curve
        return None

    def report(self, number: int, epoch: int, value: float) -> None:
        """Keep the value, from which TPE learns if the trial is stopped."""
        self.trials.report(number, epoch, value)

    def end(self, number: int, state: TrialState) -> None:
        """Close the trial."""
        self.trials.end(number, state)

    def _nearest(self, drawn: Mapping[str, int]) -> int:
        point = tuple(drawn[key] for key in self._curves.space)
        if point in self._exact:
            return self._exact[point]
        return int((np.abs(self._points - point) / self._scale).sum(axis=1).argmin())


class SimulatedTrials:
    """The trials of one simulated search, as a ledger gives them to the sampler."""

    def __init__(self, space: Mapping[str, BaseDistribution]) -> None:
        self._space = dict(space)
        self._trials: list[FrozenTrial] = []

    def frozen(self, stage: str, method: str, start: int = 0) -> list[FrozenTrial]:
        """Trials from number `start` on."""
        return self._trials[start:]

    def add(self, params: Mapping[str, int]) -> None:
        """Begin a trial."""
        trial = create_trial(state=TrialState.RUNNING, params=dict(params), distributions=self._space)
        trial.number = len(self._trials)
        self._trials.append(trial)

    def report(self, number: int, epoch: int, value: float) -> None:
        """Keep the value of an epoch."""
        self._trials[number].intermediate_values[epoch] = value

    def end(self, number: int, state: TrialState) -> None:
        """Close a trial with its last value."""
        trial = self._trials[number]
        trial.values = [trial.intermediate_values[max(trial.intermediate_values)]]
        trial.state = state
