"""Which hyperparameters mattered in the search, beside what chance alone would give."""

import warnings
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

from study.analysis.design_axes import Array
from study.analysis.statistics import noise_level
from study.analysis.sweeps import hashable
from study.records.trial_record import Record

MINIMUM_TRIALS = 20  # with fewer, the best quarter is under five trials and PED-ANOVA is noise
TARGET = 0.25  # importance of reaching the best quarter of the trials
PERMUTATIONS = 119  # with one more, the measured values themselves, 5 % are a whole number of them
LEAST_SHARE = 0.1  # of many trials a share of 2 % is no noise, and still nothing to tune
DECADE = 10.0  # a positive range at least this wide is read as searched on a logarithmic scale


@dataclass(frozen=True)
class Importance:
    """Share of a hyperparameter in PED-ANOVA, beside what permuted trial values give (noise floor)."""

    key: str
    share: float
    floor: float
    floor_high: float  # any passes its own in at most 5 of 100 searches where none matters; never below .1

    @property
    def stands_out(self) -> bool:
        """Whether the share is more than noise, and of a size that counts."""
        return self.share > self.floor_high


def importance(trials: Sequence[Record]) -> list[Importance]:
    """PED-ANOVA shares of the hyperparameters over completed search trials of a method, largest first.

    The share is about reaching the best quarter of the trials, not about the variance of all of them. On a
    complete grid of logistic regressions it names the regularisation. The variance there is mostly due to
    the learning rate, whose extreme values fail.
    Only completed trials count: pruned ones hold low-fidelity values and diverged ones a made-up value. The
    trials were chosen by TPE, so the shares are biased towards what the sampler explored. The floor comes
    from the same trials with their values permuted, and is a share of what was measured, too. It is higher
    for some hyperparameters than for others. So what a share must pass is as many times its own floor
    as the hyperparameter that is farthest above its floor passes in 5 of 100 permutations. Empty with fewer
    than MINIMUM_TRIALS trials, where no trial is better than another, or when fewer than two settings
    varied: the only one has all of the importance.
    """
    space = varied([record.config for record in trials])
    if len(trials) < MINIMUM_TRIALS or len(space) < 2:
        return []
    searched = _study([record.config for record in trials], space)
    values = np.array([record.reached for record in trials])
    measured = _divergences(searched, values, space)
    rng = np.random.default_rng(0)
    noise = np.array([_divergences(searched, rng.permutation(values), space) for _ in range(PERMUTATIONS)])
    whole = measured.sum()
    if whole == 0:  # all trials are equally good
        return []
    floor = noise.mean(0)
    level = floor * noise_level((noise / floor).max(1))
    shares = [(each / whole).clip(max=1) for each in (measured, floor, level.clip(LEAST_SHARE * whole))]
    importances = [Importance(key, *map(float, each)) for key, *each in zip(space, *shares, strict=True)]
    return sorted(importances, key=lambda importance: -importance.share)


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


def _study(configs: Sequence[Mapping[str, Any]], space: dict[str, BaseDistribution]) -> optuna.Study:
    """The trials without their values, which a permutation changes: to make them again would cost more."""
    with quiet():
        study = optuna.create_study(direction="minimize")
    for config in configs:
        params = {key: hashable(config[key]) for key in space}
        study.add_trial(optuna.trial.create_trial(params=params, distributions=space, value=0.0))
    return study


def _divergences(study: optuna.Study, values: Array, space: dict[str, BaseDistribution]) -> Array:
    """PED-ANOVA's measure of every hyperparameter where the trials have these values, larger ones better."""
    with warnings.catch_warnings():  # targets are minimised, hence the sign; `normalize` may change
        warnings.simplefilter("ignore")
        found = get_param_importances(
            study,
            evaluator=PedAnovaImportanceEvaluator(target_quantile=TARGET),
            params=list(space),
            target=lambda trial: -float(values[trial.number]),
            normalize=False,
        )
    return np.array([found[key] for key in space])


@contextmanager
def quiet() -> Iterator[None]:
    """Optuna announces every study it makes; these are made only to be computed with."""
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(level)
