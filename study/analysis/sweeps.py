"""Which configuration won, what each hyperparameter does around it, and which ones mattered in the search."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

from study.analysis.selection import agrees, completed, incumbent
from study.analysis.statistics import Interval, PairedTest, holm, mean_interval, paired_test
from study.records.ledger import Record

MINIMUM_TRIALS = 20  # with fewer, the best quarter is under five trials and PED-ANOVA is noise
TARGET = 0.25  # importance of reaching the best quarter of the trials
PERMUTATIONS = 20
DECADE = 10.0  # a positive range at least this wide is read as searched on a logarithmic scale


@dataclass(frozen=True)
class Point:
    """One value of a swept hyperparameter: its mean over seeds, and the seeds that diverged or failed."""

    value: Any
    interval: Interval
    seeds: dict[int, float]
    lost: tuple[int, ...]


@dataclass(frozen=True)
class Shift:
    """What changing a hyperparameter from the incumbent's value to `value` does, on the same seeds."""

    value: Any
    test: PairedTest
    adjusted: float | None  # Holm over the values of one sweep


@dataclass(frozen=True)
class Importance:
    """Share of a hyperparameter in PED-ANOVA, beside what permuted trial values give (noise floor)."""

    key: str
    share: float
    floor: float
    floor_high: float  # 95th percentile of the noise


def sweep(records: Sequence[Record], method: str, key: str) -> list[Point]:
    """Values of one hyperparameter around the incumbent, in order, without trials of an earlier incumbent."""
    best = incumbent(records, method)
    if best is None:
        return []
    around = [
        record
        for record in records
        if (record.stage, record.method) == ("sensitivity", method)
        and key in record.config
        and agrees(record, best.config, but=key)
    ]
    values = sorted({_hashable(record.config[key]) for record in around}, key=_order)
    points = [_point(value, [r for r in around if _hashable(r.config[key]) == value]) for value in values]
    return [point for point in points if point.seeds or point.lost]


def shifts(points: Sequence[Point], value: Any) -> list[Shift]:
    """Paired tests of every other point against the one at `value`; empty where that one is missing."""
    base = next((point for point in points if point.value == value), None)
    if base is None:
        return []
    others = [point for point in points if point is not base and point.seeds.keys() & base.seeds.keys()]
    tests = [paired_seeds(point.seeds, base.seeds) for point in others]
    adjusted = holm([test.p for test in tests])
    return [Shift(o.value, t, p) for o, t, p in zip(others, tests, adjusted, strict=True)]


def paired_seeds(first: Mapping[int, float], second: Mapping[int, float]) -> PairedTest:
    """Paired test of two results over the seeds both of them have."""
    shared = sorted(first.keys() & second.keys())
    return paired_test([first[seed] for seed in shared], [second[seed] for seed in shared])


def importance(records: Sequence[Record], method: str) -> list[Importance]:
    """PED-ANOVA shares of the searched hyperparameters with their noise floor, largest first.

    The share is about reaching the best quarter of the trials, not about the variance of all of them: on a
    complete grid of logistic regressions it names the regularisation, where the variance is mostly due to the
    learning rate, whose extreme values fail.
    Only completed trials count: pruned ones hold low-fidelity values and diverged ones a made-up value. The
    trials were chosen by TPE, so the shares are biased towards what the sampler explored. The floor comes
    from the same trials with their values permuted. Empty with fewer than MINIMUM_TRIALS trials,
    or when fewer than two settings varied: the only one has all of the importance.
    """
    trials = completed(records, "search", method)
    space = _space([record.config for record in trials])
    if len(trials) < MINIMUM_TRIALS or len(space) < 2:
        return []
    params = [{key: _hashable(record.config[key]) for key in space} for record in trials]
    values = np.array([_value(record) for record in trials])
    measured = _shares(params, values, space)
    rng = np.random.default_rng(0)
    noise = [_shares(params, rng.permutation(values), space) for _ in range(PERMUTATIONS)]
    found = [_importance(key, measured[key], [shares[key] for shares in noise]) for key in space]
    return sorted(found, key=lambda one: -one.share)


def _importance(key: str, share: float, noise: Sequence[float]) -> Importance:
    return Importance(key, share, float(np.mean(noise)), float(np.quantile(noise, 0.95)))


def _value(record: Record) -> float:
    return -math.inf if record.value is None else record.value


def _point(value: Any, records: Sequence[Record]) -> Point:
    done = [record for record in records if record.status == "completed"]
    seeds = {r.seed: r.value for r in sorted(done, key=lambda r: r.seed) if r.value is not None}
    lost = sorted({r.seed for r in records if r.status in ("diverged", "failed")} - seeds.keys())
    return Point(value, mean_interval(list(seeds.values())), seeds, tuple(lost))


def _hashable(setting: Any) -> Any:
    """A setting that can be compared and put in a set: lists and mappings as text."""
    return str(setting) if isinstance(setting, list | tuple | dict) else setting


def _order(value: Any) -> tuple[bool, float, str]:
    """Numbers by size, everything else by its text after them."""
    number = isinstance(value, int | float)
    return (not number, float(value) if number else 0.0, "" if number else str(value))


def _space(configs: Sequence[Mapping[str, Any]]) -> dict[str, BaseDistribution]:
    """The settings that vary, with the range they were seen in."""
    shared = set(configs[0]).intersection(*configs) if configs else set()
    observed = {key: {_hashable(config[key]) for config in configs} for key in sorted(shared)}
    return {key: _distribution(list(values)) for key, values in observed.items() if len(values) > 1}


def _distribution(values: Sequence[Any]) -> BaseDistribution:
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in values):
        return CategoricalDistribution(sorted(values, key=str))
    low, high = min(values), max(values)
    log = low > 0 and high / low >= DECADE
    if all(isinstance(value, int) for value in values):
        return IntDistribution(low, high, log=log)
    return FloatDistribution(low, high, log=log)


def _shares(
    params: Sequence[dict[str, Any]], values: Sequence[float] | np.ndarray, space: dict[str, BaseDistribution]
) -> dict[str, float]:
    trials = [
        optuna.trial.create_trial(params=dict(one), distributions=space, value=float(value))
        for one, value in zip(params, values, strict=True)
    ]
    with _quiet():
        study = optuna.create_study(direction="maximize")
    study.add_trials(trials)
    evaluator = PedAnovaImportanceEvaluator(target_quantile=TARGET)
    return get_param_importances(study, evaluator=evaluator, params=list(space))


@contextmanager
def _quiet() -> Iterator[None]:
    """Optuna announces every study it makes; these are made only to be computed with."""
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(level)
