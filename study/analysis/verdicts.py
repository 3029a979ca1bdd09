"""What the numbers of a study allow one to say: sentences about comparisons, sweeps and importances."""

from collections.abc import Sequence
from typing import Any

from study.analysis import words
from study.analysis.sensitivity import Importance, Point, Shift, shifts
from study.analysis.statistics import ALPHA, Interval
from study.analysis.summary import Comparison


def compared(one: Comparison, label: str, tests: int) -> str:
    """Better or worse, by how much, and whether seeds alone could explain it."""
    difference = one.test.difference
    ours, base = words.method(one.method), words.method(one.baseline)
    start = f"{ours} against {base}{label} on the same {words.count(difference.n, 'seed')}"
    if difference.n < 2:
        return f"{start}: {_size(one)}; one seed allows no statement about chance."
    if one.adjusted is None:
        return f"{start}: {_size(one)} on every seed; without spread between seeds no test can be computed."
    holm = f", Holm-adjusted over {tests} comparisons" if tests > 1 else ""
    tested = f"{_size(one)} ({_interval(difference)}, paired t-test {words.p_value(one.adjusted)}{holm})"
    return f"{start}: {tested}; {_verdict(one, ours, base)}"


def _size(one: Comparison) -> str:
    mean = one.test.difference.mean or 0.0
    return f"{words.points(mean)} {'better' if mean > 0 else 'worse'}" if mean else "exactly equal"


def _verdict(one: Comparison, ours: str, base: str) -> str:
    difference = one.test.difference
    if one.adjusted is None or one.adjusted >= ALPHA:
        return f"not distinguishable from the variation between seeds. {_power(difference)}"
    negative = f". A negative result: {ours} is worse than {base}" if (difference.mean or 0.0) < 0 else ""
    return f"distinguishable from the variation between seeds{negative}."


def _power(difference: Interval) -> str:
    """What the interval's half width means for the differences such a study can see."""
    half = ((difference.high or 0.0) - (difference.low or 0.0)) / 2
    seen = (
        f"only a difference of more than about {words.points(half)}"
        if half < 0.5
        else "hardly any difference"
    )
    return f"With so many seeds and this spread, {seen} would be."


def _interval(difference: Interval) -> str:
    return f"95{words.PERCENT} interval {words.signed(difference.low)} to {words.signed(difference.high)}"


def swept(method: str, key: str, points: Sequence[Point], value: Any) -> str:
    """Where a sweep is best, and whether any value differs from the incumbent's."""
    symbol, tests = words.key(key), shifts(points, value)
    means = {point.value: point.interval.mean for point in points if point.interval.mean is not None}
    start = f"Sensitivity of {words.method(method)} to {symbol}"
    if not means:
        return f"{start}: no run of the sweep gave a number."
    top, ends = (
        max(means, key=means.__getitem__),
        [words.value(end) for end in (*means,)[:: len(means) - 1 or 1]],
    )
    spread = words.points(max(means.values()) - min(means.values()))
    return (
        f"{start} (validation): the best mean, {words.percent(means[top])}, is at {symbol} = "
        f"{words.value(top)}; means differ by at most {spread} between {' and '.join(ends)}. "
        f"{_shifted(symbol, value, tests)}{_ablation(key, value, tests)}"
    )


def _shifted(symbol: str, value: Any, tests: Sequence[Shift]) -> str:
    at = f"{symbol} = {words.value(value)}"
    clear = [one for one in tests if one.adjusted is not None and one.adjusted < ALPHA]
    if not tests:
        return f"The incumbent's own {at} was not run in the sweep, so no value can be tested against it."
    if not clear:
        return f"No value is distinguishable from the incumbent's {at} (paired t-tests, Holm-adjusted)."
    each = [f"{words.value(one.value)} ({_shift(one)})" for one in clear]
    return (
        f"Distinguishable from the incumbent's {at} (paired t-tests, Holm-adjusted): {words.listing(each)}."
    )


def _shift(one: Shift) -> str:
    return f"{words.signed(one.test.difference.mean)} points, {words.p_value(one.adjusted or 0.0)}"


def _ablation(key: str, value: Any, tests: Sequence[Shift]) -> str:
    """What re-learning itself does: with lambda = 0 the rest of the settings is joint training."""
    off = next((one for one in tests if key == "lam" and one.value == 0), None)
    if off is None or off.test.difference.mean is None:
        return ""
    difference = off.test.difference
    bounds = "" if difference.low is None else f" ({_interval(difference)})"
    clear = off.adjusted is not None and off.adjusted < ALPHA
    effect = "helps" if (difference.mean or 0.0) < 0 else "harms"
    return (
        f" Switching re-learning off (λ = 0, joint training with these settings) changes accuracy by "
        f"{words.signed(difference.mean)} points{bounds} against λ = {words.value(value)} on the same "
        f"{words.count(difference.n, 'seed')}: re-learning itself "
        f"{effect if clear else 'is shown neither to help nor to harm'} here."
    )


def lost_points(key: str, points: Sequence[Point]) -> list[str]:
    """Seeds that a sweep's means leave out."""
    return [
        f"At {words.key(key)} = {words.value(point.value)} the run diverged or failed on seed "
        f"{words.listing([str(seed) for seed in point.lost])}; its mean leaves that out."
        for point in points
        if point.lost
    ]


def important(method: str, found: Sequence[Importance]) -> str:
    """Hyperparameters whose importance exceeds the noise."""
    above = [one for one in found if one.share > one.floor_high]
    start = f"Importance in the search of {words.method(method)} (PED-ANOVA, biased by the sampler)"
    noise = "out from the noise of permuted values."
    if not above:
        return f"{start}: no hyperparameter stands {noise}"
    each = [
        f"{words.key(o.key)} {100 * o.share:.0f}{words.PERCENT} (noise {100 * o.floor:.0f}{words.PERCENT})"
        for o in above
    ]
    stand = "stand" if len(above) > 1 else "stands"
    return f"{start}: {words.listing(each)} {stand} {noise}"
