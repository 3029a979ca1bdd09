"""What comparisons on the same seeds allow one to say: alone, many together, and boosting's controls."""

from collections.abc import Sequence

from study.analysis.comparisons import Comparison
from study.analysis.statistics import ALPHA, Interval
from study.reporting import wording

FEW = 3  # more comparisons than this share a sentence


def verdicts(compared: Sequence[Comparison], label: str) -> list[str]:
    """A sentence for every comparison with the baseline, or with many a sentence for those that agree."""
    if len(compared) <= FEW:
        return [_alone(one, label) for one in compared]
    ranked = sorted(compared, key=lambda one: -_mean(one))
    clear = [one for one in ranked if _is_clear(one)]
    alike = [one for one in ranked if not _is_clear(one) and one.adjusted is not None]
    untested = [one for one in ranked if one.adjusted is None]
    base = wording.method(compared[0].baseline)
    said = [f"Against {base}{label} on the same seeds ({_tests(compared[0])}): {_clear(clear)}."]
    return said + _alike(alike, base) + _untested(untested, base)


def against_controls(compared: Sequence[Comparison], label: str) -> list[str]:
    """Whether boosting does better than what leaves out one of its parts."""
    if not compared:
        return []
    parts = {
        "distinguishably better than": [one for one in compared if _is_clear(one) and _mean(one) > 0],
        "distinguishably worse than": [one for one in compared if _is_clear(one) and _mean(one) < 0],
        "not distinguishable from": [o for o in compared if not _is_clear(o) and o.adjusted is not None],
        "not testable against": [one for one in compared if one.adjusted is None],
    }
    each = [f"{said} {wording.listing([_control(o) for o in own])}" for said, own in parts.items() if own]
    start = f"{wording.method(compared[0].method)} against its controls{label} on the same seeds"
    equal = [one for one in compared if not _is_clear(one) or _mean(one) < 0]
    return [f"{start} ({_tests(compared[0])}): {'; '.join(each)}. {_meaning(equal, compared)}"]


def _alone(one: Comparison, label: str) -> str:
    """Better or worse, by how much, and whether seeds alone could explain it."""
    difference = one.test.difference
    ours, base = wording.method(one.method), wording.method(one.baseline)
    start = f"{ours} against {base}{label} on the same {wording.count(difference.n, 'seed')}"
    if difference.n < 2:
        return f"{start}: {_size(one)}; one seed allows no statement about chance."
    if one.adjusted is None:
        return f"{start}: {_size(one)} on every seed; without spread between seeds no test can be computed."
    holm = f", Holm-adjusted over {one.family} comparisons" if one.family > 1 else ""
    bounds = wording.difference(difference.low, difference.high)
    tested = f"{_size(one)} ({bounds}, paired t-test {wording.p_value(one.adjusted)}{holm})"
    return f"{start}: {tested}; {_verdict(one, ours, base)}"


def _size(one: Comparison) -> str:
    mean = _mean(one)
    return f"{wording.points(mean)} {'better' if mean > 0 else 'worse'}" if mean else "exactly equal"


def _verdict(one: Comparison, ours: str, base: str) -> str:
    if not _is_clear(one):
        return f"not distinguishable from the variation between seeds. {_power([one])}"
    negative = f". A negative result: {ours} is worse than {base}" if _mean(one) < 0 else ""
    return f"distinguishable from the variation between seeds{negative}."


def _power(compared: Sequence[Comparison]) -> str:
    """What the intervals' half widths mean for the differences such a study can see."""
    halves = [_half(one.test.difference) for one in compared]
    low, high = (wording.points(half) for half in (min(halves), max(halves)))
    size = low if low == high else f"{low.split()[0]} to {high}"
    adjusted = " before the correction" if compared[0].family > 1 else ""
    seen = f"only a difference of more than about {size}" if min(halves) < 0.5 else "hardly any difference"
    return f"With so many seeds and this spread, {seen} would be{adjusted}."


def _half(difference: Interval) -> float:
    return ((difference.high or 0.0) - (difference.low or 0.0)) / 2


def _tests(one: Comparison) -> str:
    return f"paired t-tests, Holm-adjusted over {wording.count(one.family, 'comparison')}"


def _clear(clear: Sequence[Comparison]) -> str:
    """Who is distinguishably better and who is worse."""
    better = [_changed(one) for one in clear if _mean(one) > 0]
    worse = [_changed(one) for one in clear if _mean(one) < 0]
    said = (
        [f"distinguishably better: {wording.listing(better)}"]
        if better
        else ["no method is shown to be better"]
    )
    said += [f"distinguishably worse, a negative result: {wording.listing(worse)}"] if worse else []
    return "; ".join(said)


def _alike(alike: Sequence[Comparison], base: str) -> list[str]:
    if not alike:
        return []
    each = wording.listing([f"{wording.method(one.method)} ({_moved(one)})" for one in alike])
    least = wording.p_value(min(one.adjusted or 0.0 for one in alike))
    return [f"Not distinguishable from {base}: {each}; the smallest adjusted {least}. {_power(alike)}"]


def _untested(untested: Sequence[Comparison], base: str) -> list[str]:
    each = [
        f"{wording.method(one.method)} ({_moved(one)}, {wording.count(one.test.difference.n, 'shared seed')})"
        for one in untested
    ]
    said = f"No test against {base} is possible, for want of seeds or of spread between them"
    return [f"{said}: {wording.listing(each)}."] if each else []


def _changed(one: Comparison) -> str:
    return f"{wording.method(one.method)} ({_moved(one)}, {wording.p_value(one.adjusted or 0.0)})"


def _control(one: Comparison) -> str:
    p = "" if one.adjusted is None else f", {wording.p_value(one.adjusted)}"
    return f"{wording.method(one.baseline)} ({_moved(one)}{p})"


def _meaning(equal: Sequence[Comparison], compared: Sequence[Comparison]) -> str:
    """What it says of the method that a control does as well."""
    if not equal:
        missing = compared[0].family - len(compared)
        return (
            "Every control falls short of it."
            if not missing
            else "Every control with a result falls short of it."
        )
    parts = wording.listing([wording.CONTROLS[one.baseline] for one in equal])
    return f"So what these controls leave out is not shown to be what helps: {parts}."


def _moved(one: Comparison) -> str:
    return f"{wording.signed(_mean(one))} points"


def _mean(one: Comparison) -> float:
    return one.test.difference.mean or 0.0


def _is_clear(one: Comparison) -> bool:
    return one.adjusted is not None and one.adjusted < ALPHA
