"""Means, intervals and tests over seeds: pure functions on plain numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, inf, sqrt
from statistics import fmean, median

import numpy as np
from scipy import optimize, special

from trainables.multimodal.data.splits import FOLDS

CONFIDENCE = 0.95
ALPHA = 1 - CONFIDENCE
LEAST = 3  # values of an interval or a test: two say next to nothing about their spread
POWER = 0.8  # of a difference that counts as detectable
MOST_SEEDS = 10_000  # where a number of seeds is looked for
CORRELATION = 0.5  # of two methods on the same seed, where one follows the other until it acts
COLLAPSE = 0.1  # a seed that failed to train is at least this far below the median
HELD_OUT = 1 / (FOLDS - 2)  # size of a fold's test part over that of its training part (`by_fold`)
NO_SPREAD = 1e-12  # accuracies are ratios of counts: a smaller standard deviation is rounding, not spread


@dataclass(frozen=True)
class Interval:
    """A mean with its interval; no mean without values, no interval with few of them or without spread."""

    mean: float | None
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True)
class Spread:
    """Independent values behind a mean: their variance and how many they are."""

    variance: float
    n: float


@dataclass(frozen=True)
class StandardError:
    """Standard error of a sum or difference of the means of independent samples."""

    samples: tuple[Spread, ...]

    @property
    def size(self) -> float:
        """The root of the sum of s_i^2 / n_i."""
        return sqrt(sum(sample.variance / sample.n for sample in self.samples))

    @property
    def df(self) -> float:
        """Degrees of freedom by Welch and Satterthwaite; n - 1 for one sample."""
        parts = [(sample.variance / sample.n, sample.n - 1) for sample in self.samples]
        return self.size**4 / sum(part**2 / free for part, free in parts)

    def with_seeds(self, n: int) -> "StandardError":
        """The same with n values in the first sample and, by the same factor, at least two in the others."""
        factor = n / self.samples[0].n
        return StandardError(tuple(replace(sample, n=max(2.0, sample.n * factor)) for sample in self.samples))


@dataclass(frozen=True)
class DifferenceTest:
    """A mean difference and its t-test; None where too few values or no spread allow none."""

    difference: Interval  # n: values of the first sample
    p: float | None  # two-sided
    above: float | None
    """Probability that the true difference is above 0, P(T < difference / error): 1 - p/2 for a positive
    difference, p/2 for a negative one. Of equal priors for all sizes it is the posterior probability."""
    error: StandardError | None


def quantile(df: float, confidence: float = CONFIDENCE) -> float:
    """Half the width, in standard errors, of a two-sided t-interval."""
    return float(special.stdtrit(df, (1 + confidence) / 2))


def mean_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval:
    """Mean and two-sided t-interval of the mean: m +- t(n-1) * s / sqrt(n).

    Fewer than LEAST values, or values without spread, have no interval: one of width zero, or one that two
    seeds happen to give, would be false certainty.
    """
    n = len(values)
    if n == 0:
        return Interval(None, None, None, 0)
    mean = fmean(values)
    if n < LEAST or spread(values) == 0:
        return Interval(mean, None, None, n)
    half = quantile(n - 1, confidence) * spread(values) / sqrt(n)
    return Interval(mean, mean - half, mean + half, n)


def resampled_interval(values: Sequence[float], held_out: float = HELD_OUT) -> Interval:
    """Mean of a value per fold with a t-interval of variance (1 / J + held_out) s^2, see `resampled_test`."""
    plain = mean_interval(values)
    if plain.mean is None or plain.low is None or plain.high is None:
        return plain
    half = (plain.high - plain.low) / 2 * sqrt(1 + len(values) * held_out)
    return Interval(plain.mean, plain.mean - half, plain.mean + half, plain.n)


def components(folds: Sequence[Sequence[float]]) -> tuple[float, float] | None:
    """Standard deviations between folds and between the seeds of a fold; None without two seeds in a fold.

    One-way analysis of variance. The mean square within folds is the seeds' variance. That of the folds is
    what the variance of fold means has beyond the seeds' share in it, at least 0.
    """
    repeated = [values for values in folds if len(values) > 1]
    if not repeated or len(folds) < LEAST:
        return None
    degrees = sum(len(values) - 1 for values in repeated)
    within = sum((len(values) - 1) * float(np.var(values, ddof=1)) for values in repeated) / degrees
    means = float(np.var([np.mean(values) for values in folds], ddof=1))
    share = float(np.mean([1 / len(values) for values in folds]))
    return sqrt(max(0.0, means - within * share)), sqrt(within)


def fraction_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval:
    """Mean of fractions with a t-interval for skewed values, on the scale of the logit.

    Where errors multiply it covers the mean in 94 to 96 of 100 studies, the plain t-interval in 90 to 92
    (tests/benchmarks/trust.py).
    """
    return on_logit(for_skewed(mean_interval(values, confidence), values))


def for_skewed(plain: Interval, values: Sequence[float]) -> Interval:
    """A t-interval as wide as the skewness g of its values asks for: half sqrt(1 + 7 g^2 / (4 n)).

    The variance of Student's t grows by 7 g^2 / (4 n) where single values have skewness g (Bartlett, 1935),
    and accuracies over seeds are often skewed. Even of normal values few look symmetric, so the interval
    is 13 % wider on average with 5 values, 4 % with 10.
    """
    if plain.mean is None or plain.low is None or plain.high is None:
        return plain
    n, s = plain.n, spread(values)
    skewness = n / ((n - 1) * (n - 2)) * sum(((value - plain.mean) / s) ** 3 for value in values)
    half = (plain.high - plain.low) / 2 * sqrt(1 + 7 * skewness**2 / (4 * n))
    return Interval(plain.mean, plain.mean - half, plain.mean + half, plain.n)


def on_logit(plain: Interval) -> Interval:
    """The interval of a fraction on the scale of the logit, which never leaves 0..1, by the delta method.

    Its ends are expit(logit(m) +- half / (m (1 - m))). Near 1 it reaches further down than up, as such values
    do.
    """
    if plain.mean is None or plain.low is None or plain.high is None:
        return plain
    half = (plain.high - plain.low) / 2 / (plain.mean * (1 - plain.mean))
    low, high = special.expit(special.logit(plain.mean) + np.array([-half, half]))
    return Interval(plain.mean, float(low), float(high), plain.n)


def collapsed(values: Mapping[int, float], guessing: float) -> set[int]:
    """Seeds that failed to train beside others that did.

    Such a seed has less than half of the median seed's gain over guessing, and is at least COLLAPSE below it.
    A mean over both kinds describes neither, and no interval from few seeds covers it: whether one of ten
    runs fails is not seen in five. So they are counted apart, and means are of the seeds that trained. Where
    half of the seeds or more are so far below, none collapsed: the rest would be a selection. The best seed
    would be no measure: the more seeds a method has, the better it is, and the more would fall below.
    """
    if not values:
        return set()
    middle = median(values.values())
    limit = min((middle + guessing) / 2, middle - COLLAPSE)
    below = {seed for seed, value in values.items() if value < limit}
    return below if 2 * len(below) < len(values) else set()


def paired_test(first: Sequence[float], second: Sequence[float]) -> DifferenceTest:
    """Two-sided paired t-test of `first` minus `second`, pair by pair.

    There is a p where there is an interval: with LEAST pairs or more that do not all differ by the same.
    Different lengths: ValueError.
    """
    return _tested([a - b for a, b in zip(first, second, strict=True)])


def welch_test(first: Sequence[float], second: Sequence[float]) -> DifferenceTest:
    """Welch's two-sided t-test of `first` minus `second`, of any two numbers of values."""
    return _tested(first, second) if first and second else _tested([])


def paired_seeds(first: Mapping[int, float], second: Mapping[int, float]) -> DifferenceTest:
    """Paired test of two results over the seeds both of them have."""
    shared = sorted(first.keys() & second.keys())
    return paired_test([first[seed] for seed in shared], [second[seed] for seed in shared])


def overlapping_test(first: Mapping[int, float], second: Mapping[int, float]) -> DifferenceTest:
    """Test of `first` minus `second`, paired over shared seeds, that uses more seeds of `second` too.

    Over n shared seeds and m more of `second` the difference is mean(f_i - w s_i) - (1 - w) mean(s_j). These
    are two independent samples, compared by Welch's test. w = (n + m r) / (n + m) has the smallest variance
    if both vary alike and correlate by r = CORRELATION. Any other correlation costs power and nothing else.
    Fewer than two more seeds have no variance, so w is 1: the paired test.
    """
    shared, more = sorted(first.keys() & second.keys()), sorted(second.keys() - first.keys())
    if len(more) < 2 or not shared:
        return paired_seeds(first, second)
    weight = (len(shared) + len(more) * CORRELATION) / (len(shared) + len(more))
    return _tested(
        [first[seed] - weight * second[seed] for seed in shared],
        [(1 - weight) * second[seed] for seed in more],
        least=2,
    )


def resampled_test(differences: Sequence[float], held_out: float = HELD_OUT) -> DifferenceTest:
    """Corrected resampled t-test (Nadeau and Bengio, 2003) of one difference per fold.

    Models of different folds share most of their training samples, so their differences are not independent.
    The variance of their mean is taken as (1 / J + held_out) s^2 in place of s^2 / J, with J - 1 degrees of
    freedom. held_out = test size / training size, which is 1 / (k - 1) for k folds. Where folds were run on
    several seeds, give their means: seeds of a fold share its samples, and are no further folds.
    """
    plain = _tested(differences)
    if plain.error is None:
        return plain
    (sample,) = plain.error.samples
    wider = replace(sample, variance=sample.variance * (1 + sample.n * held_out))
    return _judged(plain.difference, StandardError((wider,)))


def power(shift: float, df: float, alpha: float = ALPHA) -> float:
    """Probability that a two-sided t-test finds a true difference of `shift` standard errors.

    T squared follows the noncentral F distribution with 1 and df degrees of freedom and noncentrality
    shift^2. It is exact for pairs, and for Welch's test of 5 and more up to .05 too high. (scipy's
    noncentral t gives NaN in its far tail.)
    """
    critical = quantile(df, 1 - alpha)
    return float(1 - special.ncfdtr(1, df, shift**2, critical**2))


def detectable(error: StandardError, alpha: float = ALPHA, wanted: float = POWER) -> float:
    """The smallest true difference that is found with power `wanted`, if the error is as estimated."""
    largest = 1.0
    while power(largest, error.df, alpha) < wanted:
        largest *= 2
    shift = optimize.brentq(lambda shift: power(shift, error.df, alpha) - wanted, 0.0, largest)
    return float(shift) * error.size


def seeds_needed(
    error: StandardError, difference: float, alpha: float = ALPHA, wanted: float = POWER
) -> int | None:
    """The fewest seeds of the first sample that find a true difference with power `wanted`.

    The other sample grows alike. None if MOST_SEEDS do not.
    """

    def enough(n: int) -> bool:
        asked = error.with_seeds(n)
        return power(difference / asked.size, asked.df, alpha) >= wanted

    low, high = LEAST - 1, LEAST
    while not enough(high):
        low, high = high, 2 * high
        if low > MOST_SEEDS:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


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


def noise_level(noise: Sequence[float]) -> float:
    """What at most 5 in 100 further values exceed that are noise like these; infinite for fewer than 19.

    It is one of the values: of n + 1 exchangeable ones each is the largest, the second largest and so on
    equally often. A quantile between two of them is exceeded more often, of 20 in 9 of 100.
    """
    rank = ceil(CONFIDENCE * (len(noise) + 1))
    return sorted(noise)[rank - 1] if rank <= len(noise) else inf


def spread(values: Sequence[float]) -> float:
    """Standard deviation with n - 1, exactly 0 where only rounding differs."""
    mean = fmean(values)
    deviation = sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))
    return deviation if deviation > NO_SPREAD else 0.0


def _tested(first: Sequence[float], second: Sequence[float] = (), least: int = LEAST) -> DifferenceTest:
    """t-test of the mean of `first`, minus that of an independent `second` of at least `least` if given."""
    values = [sample for sample in (first, second) if sample]
    if not first:
        return DifferenceTest(Interval(None, None, None, 0), None, None, None)
    mean = fmean(first) - (fmean(second) if second else 0.0)
    difference = Interval(mean, None, None, len(first))
    if len(first) < LEAST or (second and len(second) < least) or not any(spread(sample) for sample in values):
        return DifferenceTest(difference, None, None, None)
    return _judged(difference, StandardError(tuple(Spread(spread(v) ** 2, len(v)) for v in values)))


def _judged(difference: Interval, error: StandardError) -> DifferenceTest:
    """The t-test of a difference with this standard error."""
    mean = difference.mean or 0.0
    t, half = mean / error.size, quantile(error.df) * error.size
    p, above = 2 * float(special.stdtr(error.df, -abs(t))), float(special.stdtr(error.df, t))
    return DifferenceTest(replace(difference, low=mean - half, high=mean + half), p, above, error)
