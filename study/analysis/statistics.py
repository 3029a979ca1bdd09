"""Means, intervals and tests over seeds: pure functions on plain numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from scipy import optimize, special, stats

CONFIDENCE = 0.95
ALPHA = 1 - CONFIDENCE
LEAST = 3  # values of an interval or a test: two say next to nothing about their spread
POWER = 0.8  # of a difference that counts as detectable
MOST_SEEDS = 10_000  # where a number of seeds is looked for
NO_SPREAD = 1e-12  # accuracies are ratios of counts: a smaller standard deviation is rounding, not spread


@dataclass(frozen=True)
class Interval:
    """A mean with its interval; no mean without values, no interval with few of them or without spread."""

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
    """Mean and two-sided t-interval of the mean: m +- t(n-1) * s / sqrt(n).

    Fewer than LEAST values, or values without spread, have no interval: one of width zero, or one that two
    seeds happen to give, would be false certainty.
    """
    n = len(values)
    if n == 0:
        return Interval(None, None, None, 0)
    mean = float(np.mean(values))
    if n < LEAST or spread(values) == 0:
        return Interval(mean, None, None, n)
    half = float(stats.t.ppf((1 + confidence) / 2, n - 1)) * spread(values) / sqrt(n)
    return Interval(mean, mean - half, mean + half, n)


def fraction_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval:
    """`mean_interval` of fractions, which never leaves 0..1.

    Where the t-interval would, it is taken on the scale of the logit, by the delta method: the ends are
    expit(logit(m) +- half / (m (1 - m))), with the t-interval's half width.
    """
    plain = mean_interval(values, confidence)
    if plain.mean is None or plain.low is None or plain.high is None or 0 <= plain.low <= plain.high <= 1:
        return plain
    half = (plain.high - plain.low) / 2 / (plain.mean * (1 - plain.mean))
    low, high = special.expit(special.logit(plain.mean) + np.array([-half, half]))
    return Interval(plain.mean, float(low), float(high), plain.n)


def paired_test(first: Sequence[float], second: Sequence[float]) -> PairedTest:
    """Two-sided paired t-test of `first` minus `second`, pair by pair.

    There is a p where there is an interval: with LEAST pairs or more that do not all differ by the same.
    Different lengths: ValueError.
    """
    differences = [a - b for a, b in zip(first, second, strict=True)]
    difference = mean_interval(differences)
    if difference.mean is None or difference.low is None:
        return PairedTest(difference, None)
    n = len(differences)
    t = difference.mean / (spread(differences) / sqrt(n))
    return PairedTest(difference, float(2 * stats.t.sf(abs(t), n - 1)))


def power(effect: float, n: int, alpha: float = ALPHA) -> float:
    """Probability that a two-sided paired t-test of n pairs finds a true difference.

    `effect` is the difference in standard deviations of the pairwise differences. Exact: t squared follows
    the noncentral F distribution with 1 and n - 1 degrees of freedom and noncentrality n * effect^2. (scipy's
    noncentral t gives NaN in its far tail.)
    """
    critical = stats.t.ppf(1 - alpha / 2, n - 1)
    return float(1 - special.ncfdtr(1, n - 1, n * effect**2, critical**2))


def detectable(n: int, alpha: float = ALPHA, wanted: float = POWER) -> float:
    """The smallest true difference that n pairs find with power `wanted`, in standard deviations."""
    largest = 1.0
    while power(largest, n, alpha) < wanted:
        largest *= 2
    return float(optimize.brentq(lambda effect: power(effect, n, alpha) - wanted, 0.0, largest))


def seeds_needed(effect: float, alpha: float = ALPHA, wanted: float = POWER) -> int | None:
    """The fewest pairs that find a true difference with power `wanted`; None if MOST_SEEDS do not."""
    low, high = LEAST - 1, LEAST
    while power(effect, high, alpha) < wanted:
        low, high = high, 2 * high
        if low > MOST_SEEDS:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power(effect, middle, alpha) >= wanted else (middle, high)
    return high


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


def spread(values: Sequence[float]) -> float:
    """Standard deviation with n - 1, exactly 0 where only rounding differs."""
    deviation = float(np.std(values, ddof=1))
    return deviation if deviation > NO_SPREAD else 0.0
