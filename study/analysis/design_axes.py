"""Hyperparameters of a design as axes of the unit cube: what a value's place is, and where to evaluate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

Array = NDArray[np.float64]
MOST_NODES = 15
DUMMY = "dummy"


@dataclass(frozen=True)
class Axis:
    """One hyperparameter, whose values are equally probable over the unit interval."""

    key: str
    places: tuple[float, ...]
    """Nodes of the unit interval, equally probable."""
    values: tuple[Any, ...]
    """What the hyperparameter is there."""
    categories: tuple[Any, ...] = ()
    """All of them, where they have no order."""
    logarithmic: bool = False

    def at(self, quantiles: Array) -> Array:
        """Places at quantiles: those of the nodes for whole numbers and categories, any place for others."""
        if isinstance(self.values[0], float):
            return quantiles
        return np.asarray(self.places)[(quantiles * len(self.places)).astype(int)]

    def columns(self, places: Array) -> Array:
        """Inputs of a model [n, columns]: the place, or a column per category."""
        if not self.categories:
            return places[:, None]
        return np.eye(len(self.categories))[(places * len(self.categories)).astype(int)]


def axis(key: str, domain: BaseDistribution) -> Axis:
    """The axis of a hyperparameter with this domain."""
    if isinstance(domain, CategoricalDistribution):
        middles = _middles(len(domain.choices))
        return Axis(key, tuple(middles.tolist()), tuple(domain.choices), tuple(domain.choices))
    low, high, log = _scale(domain)
    values: list[Any] = _unscaled(low + _middles(MOST_NODES) * (high - low), log).tolist()
    if isinstance(domain, IntDistribution):
        values = sorted({min(domain.high, max(domain.low, round(value))) for value in values})
        if domain.high - domain.low < MOST_NODES:
            values = list(range(domain.low, domain.high + 1))
    places = [place(value, domain) for value in values]
    return Axis(key, tuple(places), tuple(values), logarithmic=log)


def place(value: Any, domain: BaseDistribution) -> float:
    """Where a value stands in the unit interval; ValueError for a category that the domain lacks."""
    if isinstance(domain, CategoricalDistribution):
        return (domain.choices.index(value) + 0.5) / len(domain.choices)
    low, high, log = _scale(domain)
    return float(((np.log(value) if log else value) - low) / (high - low))


def dummy() -> Axis:
    """A hyperparameter that does nothing: what is found of it is noise."""
    middles = tuple(_middles(MOST_NODES).tolist())
    return Axis(DUMMY, middles, middles)


def points(configs: Sequence[Mapping[str, Any]], domains: Mapping[str, BaseDistribution]) -> Array:
    """Places of configurations [n, domains]."""
    return np.array([[place(config[key], domain) for key, domain in domains.items()] for config in configs])


def _scale(domain: BaseDistribution) -> tuple[float, float, bool]:
    """Ends of a domain of numbers on the scale it is drawn on; a whole number has one unit of it."""
    assert isinstance(domain, FloatDistribution | IntDistribution)
    low, high = float(domain.low), float(domain.high)
    if isinstance(domain, IntDistribution):
        low, high = low - 0.5, high + 0.5
    return (float(np.log(low)), float(np.log(high)), True) if domain.log else (low, high, False)


def _unscaled(scaled: Array, log: bool) -> Array:
    return np.exp(scaled) if log else scaled


def _middles(count: int) -> Array:
    """The middles of equal parts of the unit interval."""
    return (np.arange(count) + 0.5) / count
