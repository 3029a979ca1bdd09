"""Means, intervals and tests over seeds: pure functions on plain numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
ALPHA = 1 - CONFIDENCE
NO_SPREAD = 1e-12  # accuracies are ratios of counts: a smaller standard deviation is rounding, not spread


@dataclass(frozen=True)
class Interval:
    """A mean with its t-interval; without values there is no mean, with one value no interval."""

    mean: float | None
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True)
class PairedTest:
    """Mean of the pairwise differences, and Student's p-value (None where it is undefined)."""

    difference: Interval
    p: float | None


def mean_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval:
    """Mean and two-sided t-interval of the mean: m +- t(n-1) * s / sqrt(n)."""
    n = len(values)
    if n == 0:
        return Interval(None, None, None, 0)
    mean = float(np.mean(values))
    if n == 1:
        return Interval(mean, None, None, 1)
    half = float(stats.t.ppf((1 + confidence) / 2, n - 1)) * _spread(values) / sqrt(n)
    return Interval(mean, mean - half, mean + half, n)


def paired_test(first: Sequence[float], second: Sequence[float]) -> PairedTest:
    """Two-sided paired t-test of `first` minus `second`, pair by pair.

    With fewer than two pairs, or when all differences are equal, t is undefined and so is p: claiming
    p = 0 because two seeds happened to differ by the same number of samples would be false certainty.
    Different lengths: ValueError.
    """
    differences = [a - b for a, b in zip(first, second, strict=True)]
    difference = mean_interval(differences)
    if difference.mean is None or len(differences) < 2 or _spread(differences) == 0:
        return PairedTest(difference, None)
    n = len(differences)
    t = difference.mean / (_spread(differences) / sqrt(n))
    return PairedTest(difference, float(2 * stats.t.sf(abs(t), n - 1)))


def paired_seeds(first: Mapping[int, float], second: Mapping[int, float]) -> PairedTest:
    """Paired test of two results over the seeds both of them have."""
    shared = sorted(first.keys() & second.keys())
    return paired_test([first[seed] for seed in shared], [second[seed] for seed in shared])


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's step-down adjustment for several tests, of which some may have no p-value.

    The i-th smallest of m becomes max over j <= i of (m - j + 1) * p_(j), at most 1. An undefined p stays
    undefined, but counts in m: that one method diverged must not make the others more significant.
    """
    defined = sorted((p, index) for index, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, index) in enumerate(defined):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p))
        adjusted[index] = largest
    return adjusted


def _spread(values: Sequence[float]) -> float:
    """Standard deviation with n - 1, exactly 0 where only rounding differs."""
    deviation = float(np.std(values, ddof=1))
    return deviation if deviation > NO_SPREAD else 0.0
