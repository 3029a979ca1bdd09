"""What is replayed: searchers and schedulers by their names on the command line."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from ray.tune.schedulers import AsyncHyperBandScheduler

from study.replaying.curves import Curves
from study.replaying.searchers import RandomSearch, Searcher, TPESearch
from study.running.sampling import REDUCTION_FACTOR, STARTUP_TRIALS, asha
from trainables.multimodal.errors import InputError

SEARCHERS: Final = "random, tpe or tpe:STARTUP, such as tpe:8 or tpe:1/3 of the trials"
SCHEDULERS: Final = "none, asha or asha:REDUCTION:GRACE, such as asha:2:640 or asha:2:1/4 of the epochs"


@dataclass(frozen=True)
class SearcherChoice:
    """Random search, or TPE after so many startup trials."""

    name: str
    startup: int | Fraction | None = None
    """A number, or a share of all trials; None is random search."""

    def searcher(self, curves: Curves, trials: int, seed: int) -> Searcher:
        """The searcher of one simulated study."""
        if self.startup is None:
            return RandomSearch(curves, seed)
        return TPESearch(curves, seed, _of(self.startup, trials))


@dataclass(frozen=True)
class SchedulerChoice:
    """The project's ASHA, or none."""

    name: str
    reduction: float = 0.0
    grace: int | Fraction | None = None
    """Epochs, or a share of a full run; None stops no trial."""

    def pruner(self, epochs: int) -> AsyncHyperBandScheduler | None:
        """A fresh scheduler for runs of so many epochs."""
        return None if self.grace is None else asha(epochs, _of(self.grace, epochs), self.reduction)

    def rungs(self, curve_epochs: Sequence[int]) -> list[int]:
        """Epochs at which trials are judged: the first report at each rung, g r^k, or after it."""
        full = curve_epochs[-1]
        if self.grace is None:
            return []
        rung, judged = float(_of(self.grace, full)), []
        while (epoch := next(e for e in curve_epochs if e >= min(rung, full))) < full:
            judged.append(epoch)
            rung *= self.reduction
        return sorted(set(judged))


def searcher_choice(name: str) -> SearcherChoice:
    """The searcher of this name; InputError for any other word."""
    kind, *rest = name.split(":")
    if kind == "random" and not rest:
        return SearcherChoice(name)
    if kind == "tpe" and len(rest) <= 1:
        return SearcherChoice(name, _share(rest[0], name, SEARCHERS) if rest else STARTUP_TRIALS)
    raise InputError(f"unknown searcher {name}: searchers are {SEARCHERS}.")


def scheduler_choice(name: str, grace: int) -> SchedulerChoice:
    """The scheduler of this name; `asha` is what a study does whose grace period is `grace`.

    InputError for any other word.
    """
    kind, *rest = name.split(":")
    if name == "none":
        return SchedulerChoice(name)
    if name == "asha":
        return SchedulerChoice(f"asha:{REDUCTION_FACTOR}:{grace}", REDUCTION_FACTOR, grace)
    if kind != "asha" or len(rest) != 2:
        raise InputError(f"unknown scheduler {name}: schedulers are {SCHEDULERS}.")
    reduction = float(_share(rest[0], name, SCHEDULERS))
    if reduction <= 1:
        raise InputError(f"the reduction factor of {name} must be more than 1.")
    return SchedulerChoice(name, reduction, _share(rest[1], name, SCHEDULERS))


def _share(text: str, name: str, choices: str) -> int | Fraction:
    """A whole number from 1 up, or a share between 0 and 1."""
    try:
        number = Fraction(text)
    except (ValueError, ZeroDivisionError) as error:
        raise InputError(f"cannot read {name}: choices are {choices}.") from error
    if number <= 0 or (number > 1 and number.denominator > 1):
        raise InputError(f"cannot read {name}: choices are {choices}.")
    return int(number) if number.denominator == 1 else number


def _of(number: int | Fraction, whole: int) -> int:
    return number if isinstance(number, int) else max(1, int(number * whole))
