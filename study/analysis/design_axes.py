"""Hyperparameters of a design as axes of the unit cube: what a value's place is, and where to evaluate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import (
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

Array = NDArray[np.float64]
Numbers = FloatDistribution | IntDistribution
Domain = Numbers | CategoricalDistribution
MOST_NODES = 15
DUMMY = "dummy"


@dataclass(frozen=True)
class Axis:
    """One hyperparameter, whose values are equally probable over the unit interval."""

    key: str
    places: tuple[float, ...]
    """Nodes of the unit interval, equally probable (of whole numbers on a logarithmic scale only about)."""
    values: tuple[Any, ...]
    """What the hyperparameter is there."""
    categories: tuple[Any, ...] = ()
    """All of them, where they have no order."""
    logarithmic: bool = False

    def at(self, quantiles: Array) -> Array:
        """Places at quantiles: those of the nodes for whole numbers and categories, any place for others."""
        if isinstance(self.values[0], float):
            return quantiles
        nodes: Array = np.take(self.places, (quantiles * len(self.places)).astype(int))
        return nodes

    @property
    def nodes(self) -> Array:
        """Where the nodes are drawn."""
        return self.coordinates(np.asarray(self.places))

    def columns(self, places: Array) -> Array:
        """Inputs of a model [n, columns]: the place, or a column per category."""
        if not self.categories:
            return places[:, None]
        count = len(self.categories)
        columns: Array = np.eye(count)[(places * count).astype(int)]
        return columns

    def coordinates(self, places: Array) -> Array:
        """Where places are drawn: at the value itself, or at the number of the category."""
        if self.categories:
            return places * len(self.categories) - 0.5
        scaled = np.log(self.values) if self.logarithmic else np.asarray(self.values, dtype=float)
        slope = (scaled[-1] - scaled[0]) / (self.places[-1] - self.places[0])
        drawn: Array = scaled[0] + slope * (places - self.places[0])
        return np.exp(drawn) if self.logarithmic else drawn


def axis(key: str, domain: Domain) -> Axis:
    """The axis of a hyperparameter with this domain."""
    if isinstance(domain, CategoricalDistribution):
        middles = _middles(len(domain.choices))
        return Axis(key, tuple(middles.tolist()), tuple(domain.choices), tuple(domain.choices))
    low, high, log = _scale(domain)
    scaled = low + _middles(_nodes(domain)) * (high - low)
    values: list[Any] = (np.exp(scaled) if log else scaled).tolist()
    if isinstance(domain, IntDistribution):
        values = sorted({int(value) for value in values})
    return Axis(key, tuple(place(value, domain) for value in values), tuple(values), logarithmic=log)


def place(value: Any, domain: Domain) -> float:
    """Where a value stands in the unit interval; ValueError for a category that the domain lacks."""
    if isinstance(domain, CategoricalDistribution):
        return (domain.choices.index(value) + 0.5) / len(domain.choices)
    low, high, log = _scale(domain)
    middle = value + 0.5 if isinstance(domain, IntDistribution) else value
    return float(((np.log(middle) if log else middle) - low) / (high - low))


def dummy() -> Axis:
    """A hyperparameter that does nothing: what is found of it is noise."""
    middles = tuple(_middles(MOST_NODES).tolist())
    return Axis(DUMMY, middles, middles)


def points(configs: Sequence[Mapping[str, Any]], domains: Mapping[str, Domain]) -> Array:
    """Places of configurations [n, domains]."""
    return np.array([[place(config[key], domain) for key, domain in domains.items()] for config in configs])


def _scale(domain: Numbers) -> tuple[float, float, bool]:
    """Ends of a domain of numbers on the scale it is drawn on; a whole number n is the range n to n + 1."""
    low, high = domain.low, domain.high + isinstance(domain, IntDistribution)
    return (float(np.log(low)), float(np.log(high)), True) if domain.log else (low, high, False)


def _nodes(domain: Numbers) -> int:
    if isinstance(domain, IntDistribution):
        return min(MOST_NODES, domain.high - domain.low + 1)
    return MOST_NODES


def _middles(count: int) -> Array:
    """The middles of equal parts of the unit interval."""
    return (np.arange(count) + 0.5) / count
