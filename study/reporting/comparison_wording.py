"""What a comparison on the same seeds allows one to say."""

from collections.abc import Sequence

from study.analysis.comparisons import Comparison
from study.analysis.statistics import ALPHA, Interval
from study.reporting import wording


def verdict(one: Comparison, ours: str, other: str) -> str:
    """Better, worse, not distinguishable or not decidable, with difference, interval, p and seeds."""
    difference, seeds = one.test.difference, wording.count(one.test.difference.n, "seed")
    moved = f"{wording.signed(difference.mean)} points"
    if difference.n < 2:
        return f"{ours} against {other}: {moved} on {seeds}, which allows no statement about chance."
    if one.adjusted is None:
        return f"{ours} against {other}: {moved} on each of {seeds}; no test is possible without spread."
    relation = "not distinguishable from"
    if is_clear(one):
        relation = "better than" if is_better(one) else "worse than"
    bounds = wording.difference(difference.low, difference.high)
    return f"{ours} is {relation} {other}: {moved} ({bounds}, {_p(one)}, {seeds})."


def power(compared: Sequence[Comparison]) -> list[str]:
    """What the intervals' half widths mean for the differences that such a study can see."""
    unclear = [one for one in compared if one.adjusted is not None and not is_clear(one)]
    halves = [_half(one.test.difference) for one in unclear]
    if not halves:
        return []
    low, high = (wording.points(half) for half in (min(halves), max(halves)))
    size = low if low == high else f"{low.split()[0]} to {high}"
    if min(halves) >= 0.5:
        return ["With so few seeds and this spread, hardly any difference would be distinguishable."]
    adjusted = ", before the correction" if compared[0].family > 1 else ""
    return [f"With this spread, only differences of more than about {size} are distinguishable{adjusted}."]


def is_clear(one: Comparison) -> bool:
    """Whether chance is an unlikely explanation."""
    return one.adjusted is not None and one.adjusted < ALPHA


def is_better(one: Comparison) -> bool:
    """Whether the method's mean is the larger one."""
    return (one.test.difference.mean or 0.0) > 0


def tests(family: int) -> str:
    """How comparisons were tested."""
    if family < 2:
        return "a paired t-test"
    return f"paired t-tests, Holm-adjusted over {family} comparisons"


def _p(one: Comparison) -> str:
    return ("adjusted " if one.family > 1 else "") + wording.p_value(one.adjusted or 0.0)


def _half(difference: Interval) -> float:
    return ((difference.high or 0.0) - (difference.low or 0.0)) / 2
