"""Which hyperparameters mattered in the search, beside what chance alone would give."""

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

from study.analysis.sweeps import hashable
from study.records.trial_record import Record

MINIMUM_TRIALS = 20  # with fewer, the best quarter is under five trials and PED-ANOVA is noise
TARGET = 0.25  # importance of reaching the best quarter of the trials
PERMUTATIONS = 20
DECADE = 10.0  # a positive range at least this wide is read as searched on a logarithmic scale


@dataclass(frozen=True)
class Importance:
    """Share of a hyperparameter in PED-ANOVA, beside what permuted trial values give (noise floor)."""

    key: str
    share: float
    floor: float
    floor_high: float  # 95th percentile of the noise


def importance(trials: Sequence[Record]) -> list[Importance]:
    """PED-ANOVA shares of the hyperparameters over completed search trials of a method, largest first.

    The share is about reaching the best quarter of the trials, not about the variance of all of them. On a
    complete grid of logistic regressions it names the regularisation. The variance there is mostly due to
    the learning rate, whose extreme values fail.
    Only completed trials count: pruned ones hold low-fidelity values and diverged ones a made-up value. The
    trials were chosen by TPE, so the shares are biased towards what the sampler explored. The floor comes
    from the same trials with their values permuted. Empty with fewer than MINIMUM_TRIALS trials,
    or when fewer than two settings varied: the only one has all of the importance.
    """
    space = varied([record.config for record in trials])
    if len(trials) < MINIMUM_TRIALS or len(space) < 2:
        return []
    params = [{key: hashable(record.config[key]) for key in space} for record in trials]
    values = np.array([record.reached for record in trials])
    measured = _shares(params, values, space)
    rng = np.random.default_rng(0)
    noise = [_shares(params, rng.permutation(values), space) for _ in range(PERMUTATIONS)]
    importances = [_importance(key, measured[key], [shares[key] for shares in noise]) for key in space]
    return sorted(importances, key=lambda importance: -importance.share)


def _importance(key: str, share: float, noise: Sequence[float]) -> Importance:
    return Importance(key, share, float(np.mean(noise)), float(np.quantile(noise, 0.95)))


def varied(configs: Sequence[Mapping[str, Any]]) -> dict[str, BaseDistribution]:
    """The settings that vary, with the range they were seen in."""
    shared = set(configs[0]).intersection(*configs) if configs else set()
    observed = {key: {hashable(config[key]) for config in configs} for key in sorted(shared)}
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
        optuna.trial.create_trial(params=dict(setting), distributions=space, value=float(value))
        for setting, value in zip(params, values, strict=True)
    ]
    with quiet():
        study = optuna.create_study(direction="maximize")
    study.add_trials(trials)
    evaluator = PedAnovaImportanceEvaluator(target_quantile=TARGET)
    return get_param_importances(study, evaluator=evaluator, params=list(space))


@contextmanager
def quiet() -> Iterator[None]:
    """Optuna announces every study it makes; these are made only to be computed with."""
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(level)
