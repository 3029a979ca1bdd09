"""What is tried next, and what is stopped early: TPE over a search's trials, and ASHA over their epochs."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.storages import InMemoryStorage
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial
from ray.tune.schedulers import AsyncHyperBandScheduler
from ray.tune.search.optuna import OptunaSearch

from study.records.trial_record import BEST_OBJECTIVE
from trainables.multimodal.setting_checks import is_real

REDUCTION_FACTOR = 2
_LEARNT = (TrialState.COMPLETE, TrialState.PRUNED)  # what TPE learns from once it has ended
STARTUP_TRIALS = 10  # drawn at random before TPE learns from them: Optuna's default
REMEMBERED: Final = 500
"""So many of the last trials are remembered at least, ended or not, and fewer than twice as many."""
BEST: Final = 25
"""How many trials TPE takes for good ones at most: Optuna's default."""


def asha(
    epochs: int, grace_period: int, reduction_factor: float = REDUCTION_FACTOR
) -> AsyncHyperBandScheduler:
    """Asynchronous successive halving over epochs; one bracket, since more draw from a global generator."""
    return AsyncHyperBandScheduler(
        time_attr="epoch",
        metric=BEST_OBJECTIVE,
        mode="max",
        max_t=epochs,
        grace_period=min(grace_period, epochs),
        reduction_factor=reduction_factor,
    )


def rungs(epochs: int, grace_period: int) -> list[int]:
    """Epochs after which it judges: the grace period and its multiples by the reduction factor."""
    judged = [min(grace_period, epochs)]
    while judged[-1] * REDUCTION_FACTOR <= epochs:
        judged.append(judged[-1] * REDUCTION_FACTOR)
    return judged


def distributions(space: Mapping[str, Any]) -> dict[str, BaseDistribution]:
    """Optuna's distributions of a dict of Ray Tune domains."""
    return dict(OptunaSearch.convert_search_space(dict(space)))


def recorded(
    space: Mapping[str, BaseDistribution], values: Sequence[Mapping[str, Any]]
) -> dict[str, BaseDistribution]:
    """Distributions of trials that no sampler drew: those of the space, with room for all that is run.

    Trials of one study of Optuna's must agree in kind, scale and choices of a distribution, and may differ in
    its ends. So `values` hold everything that a stage runs: what lies outside the space is published or
    swept, and does not change with the incumbent.
    """
    keys = dict.fromkeys(key for trial in values for key in trial)
    return {key: _with_room(space.get(key), [trial[key] for trial in values if key in trial]) for key in keys}


def shows(distribution: BaseDistribution, value: Any) -> bool:
    """Whether a recorded distribution may hold a value: one of numbers holds no word and no `none`."""
    return isinstance(distribution, CategoricalDistribution) or is_real(value)


def _with_room(distribution: BaseDistribution | None, values: Sequence[Any]) -> BaseDistribution:
    """A distribution like this one, or one of the values alone where there is none."""
    numbers = [value for value in values if is_real(value)]
    if isinstance(distribution, CategoricalDistribution) or (distribution is None and numbers != values):
        choices = getattr(distribution, "choices", ())
        return CategoricalDistribution(list(dict.fromkeys([*choices, *values])))
    held, logarithmic = numbers, False
    if isinstance(distribution, IntDistribution | FloatDistribution):
        held = [distribution.low, distribution.high, *numbers]
        logarithmic = distribution.log and min(held) > 0
    kind = IntDistribution if all(isinstance(value, int) for value in held) else FloatDistribution
    return kind(min(held), max(held), log=logarithmic)


class TrialHistory(Protocol):
    """What a search has tried: the ledger, or the trials of a simulation."""

    def frozen(self, stage: str, method: str, start: int = 0) -> list[FrozenTrial]:
        """Trials from number `start` on, which change while they run."""
        ...


def startup_trials(budget: int) -> int:
    """Trials of a search that are drawn at random: a third of its budget, and STARTUP_TRIALS at most."""
    return max(1, min(STARTUP_TRIALS, budget // 3))


class _SpacedSampler(optuna.samplers.TPESampler):
    """TPE that is told what space its trials share; Optuna's own compares all of them for every draw."""

    def __init__(self, shared: Mapping[str, BaseDistribution], startup: int, seed: int) -> None:
        super().__init__(n_startup_trials=startup, seed=seed)
        self._shared = {name: shared[name] for name in sorted(shared) if not shared[name].single()}

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """What is drawn jointly."""
        return self._shared


def _best(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """The BEST of those that TPE learns from, as it ranks them, in the order in which they began."""
    learnt = [trial for trial in trials if trial.state in _LEARNT]
    return sorted(sorted(learnt, key=_rank)[:BEST], key=lambda trial: trial.number)


def _rank(trial: FrozenTrial) -> tuple[bool, float, float]:
    """Trials that ran to their end come first, by value; of the others those that came furthest."""
    if trial.state == TrialState.COMPLETE:
        return False, 0.0, -(trial.value or 0.0)  # it has one
    step, value = max(trial.intermediate_values.items(), default=(-1, 0.0))
    return True, -step, -value


class TrialSampler:
    """Draws the configurations of one search by TPE.

    A sampler of Optuna's, seeded for each draw, makes the draw a function of the ledger: a study that was
    stopped draws what it would have drawn without the stop. What it learns from is kept in memory, and a draw
    adds only trials that have begun or ended since the draw before. The rest of its cost is TPE's own, which
    weighs all trials: about 6 us for each of them with five hyperparameters. So that long searches keep their
    pace, it weighs the last REMEMBERED to twice as many, and the BEST of those before. TPE gives old trials
    less weight anyway, unless it takes them for good ones.

    Args:
        ledger: Holds the trials.
        stage: Stage of the search.
        method: What is searched.
        space: The search space.
        startup: Trials that must have ended before TPE takes over from random draws.

    """

    def __init__(
        self,
        ledger: TrialHistory,
        stage: str,
        method: str,
        space: Mapping[str, BaseDistribution],
        startup: int = STARTUP_TRIALS,
    ) -> None:
        self._ledger = ledger
        self._startup = startup
        self._search = (stage, method)
        self._space = dict(space)
        self._start_anew(0)

    def draw(self, *seed: int) -> dict[str, Any]:
        """Draw a configuration; `seed` stands for the draw, and the same trials and seed draw the same."""
        self._catch_up()
        digest = hashlib.sha256(repr(seed).encode()).digest()
        number = int.from_bytes(digest[:4], "big")
        self._study.sampler = _SpacedSampler(self._shared or {}, self._startup, number)
        trial = self._study.ask(self._space)
        self._study.tell(trial, state=TrialState.FAIL)  # TPE passes over it; the ledger has the real one
        return dict(trial.params)

    def _start_anew(self, oldest: int) -> None:
        """Forget all trials before number `oldest` but the best."""
        self._oldest = oldest  # all trials from this number on are copied
        self._next = oldest  # the first that is not copied yet
        self._running: dict[int, FrozenTrial] = {}  # id in the copy -> the ledger's own
        self._shared: dict[str, BaseDistribution] | None = None  # by all trials that TPE learns from
        self._storage = InMemoryStorage()
        self._id = self._storage.create_new_study([StudyDirection.MAXIMIZE], "search")
        self._study = optuna.load_study(study_name="search", storage=self._storage)
        before = self._ledger.frozen(*self._search)[:oldest]
        self._open = [trial for trial in before if not trial.state.is_finished()]  # may yet be of the best
        self._add(_best(before))

    def _catch_up(self) -> None:
        """Copy the trials that have begun since, then the ends of those that were running."""
        new = self._ledger.frozen(*self._search, start=self._next)
        oldest = max(0, REMEMBERED * ((self._next + len(new)) // REMEMBERED - 1))
        if oldest > self._oldest or any(trial.state.is_finished() for trial in self._open):
            self._start_anew(oldest)
            new = self._ledger.frozen(*self._search, start=oldest)
        self._add(new)
        self._next += len(new)
        for copy in [copy for copy, trial in self._running.items() if trial.state.is_finished()]:
            self._end(copy, self._running.pop(copy))

    def _add(self, trials: Sequence[FrozenTrial]) -> None:
        """Copy trials as they are when they begin."""
        for trial in trials:
            running = create_trial(
                state=TrialState.RUNNING, params=trial.params, distributions=trial.distributions
            )
            self._running[self._storage.create_new_trial(self._id, template_trial=running)] = trial

    def _end(self, copy: int, trial: FrozenTrial) -> None:
        """Copy how a trial has ended; of its values TPE reads the last alone."""
        if trial.intermediate_values:
            self._storage.set_trial_intermediate_value(copy, *max(trial.intermediate_values.items()))
        self._storage.set_trial_state_values(copy, trial.state, trial.values)
        if trial.state in _LEARNT:
            before, own = self._shared, trial.distributions
            self._shared = {
                name: own[name] for name in own if before is None or before.get(name) == own[name]
            }
