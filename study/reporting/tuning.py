"""What sweeps and importances of hyperparameters allow one to say."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from study.analysis.statistics import ALPHA
from study.analysis.sweeps import Importance, Point, Shift, shifts
from study.reporting import wording

FEW = 3  # more sweeps than this share a sentence where they found nothing


@dataclass(frozen=True)
class Swept:
    """A sweep of one hyperparameter around the incumbent's value."""

    method: str
    key: str
    points: Sequence[Point]
    chosen: Any

    @property
    def tests(self) -> list[Shift]:
        """Every value against the incumbent's."""
        return shifts(self.points, self.chosen)

    @property
    def means(self) -> dict[Any, float]:
        """Mean of every value that has one."""
        return {p.value: p.interval.mean for p in self.points if p.interval.mean is not None}


def sweeps(found: Sequence[Swept]) -> list[str]:
    """A sentence for every sweep; of many, those in which no value stands out share one."""
    flat = [one for one in found if len(found) > FEW and one.tests and not _clear(one.tests)]
    alone = [one for one in found if one not in flat]
    said = [_sentence(one) for one in alone] + _flat(flat)
    said += [_ablation(one) for one in flat if _ablation(one)]
    return said + [line for one in found for line in _lost_points(one)]


def _sentence(one: Swept) -> str:
    """Where a sweep is best, and whether any value differs from the incumbent's."""
    symbol, means = wording.key(one.key), one.means
    start = f"Sensitivity of {wording.method(one.method)} to {symbol}"
    if not means:
        return f"{start}: no run of the sweep gave a number."
    top = max(means, key=means.__getitem__)
    ends = [wording.value(end) for end in (*means,)[:: len(means) - 1 or 1]]
    said = (
        f"{start} (validation): the best mean, {wording.percent(means[top])}, is at {symbol} = "
        f"{wording.value(top)}; means differ by at most {wording.points(_spread(one))} between "
        f"{' and '.join(ends)}."
    )
    return " ".join([said, _shifted(symbol, one.chosen, one.tests), _ablation(one)]).strip()


def _flat(found: Sequence[Swept]) -> list[str]:
    """Sweeps without a value that stands out, method by method."""
    keys: dict[str, list[str]] = {}
    for one in found:
        keys.setdefault(one.method, []).append(f"{wording.key(one.key)} ({100 * _spread(one):.1f})")
    each = [f"{wording.method(method)} {wording.listing(own)}" for method, own in keys.items()]
    said = "Sweeps in which no value is distinguishable from the incumbent's"
    tests = "validation, paired t-tests, Holm-adjusted within a sweep"
    shown = "with the largest difference between their means in percentage points"
    return [f"{said} ({tests}), {shown}: {'; '.join(each)}."] if each else []


def _spread(one: Swept) -> float:
    """Largest minus smallest mean."""
    return max(one.means.values()) - min(one.means.values())


def _clear(tests: Sequence[Shift]) -> list[Shift]:
    return [one for one in tests if one.adjusted is not None and one.adjusted < ALPHA]


def _shifted(symbol: str, value: Any, tests: Sequence[Shift]) -> str:
    at = f"{symbol} = {wording.value(value)}"
    clear = _clear(tests)
    if not tests:
        return f"The incumbent's own {at} was not run in the sweep, so no value can be tested against it."
    if not clear:
        return f"No value is distinguishable from the incumbent's {at} (paired t-tests, Holm-adjusted)."
    each = [f"{wording.value(one.value)} ({_shift(one)})" for one in clear]
    return (
        f"Distinguishable from the incumbent's {at} (paired t-tests, Holm-adjusted): {wording.listing(each)}."
    )


def _shift(one: Shift) -> str:
    return f"{wording.signed(one.test.difference.mean)} points, {wording.p_value(one.adjusted or 0.0)}"


def _ablation(one: Swept) -> str:
    """What re-learning itself does: with lambda = 0 the rest of the settings is the method without it."""
    rest = wording.WITHOUT_RELEARNING.get(one.method) if one.key == "lam" else None
    off = next((shift for shift in one.tests if rest and shift.value == 0), None)
    if off is None:
        return ""
    moved, bounds = off.test.difference, ""
    if moved.low is not None:
        bounds = f" ({wording.difference(moved.low, moved.high)})"
    effect = "helps" if (moved.mean or 0.0) < 0 else "harms"
    return (
        f"Switching re-learning off (λ = 0, {rest} with these settings) changes accuracy by "
        f"{wording.signed(moved.mean)} points{bounds} against λ = {wording.value(one.chosen)} on the same "
        f"{wording.count(moved.n, 'seed')}: re-learning itself "
        f"{effect if _clear([off]) else 'is shown neither to help nor to harm'} here."
    )


def _lost_points(one: Swept) -> list[str]:
    """Seeds that a sweep's means leave out."""
    return [
        f"At {wording.key(one.key)} = {wording.value(point.value)} the run of {wording.method(one.method)} "
        f"diverged or failed on seed {wording.listing([str(seed) for seed in point.lost])}; "
        "its mean leaves that out."
        for point in one.points
        if point.lost
    ]


def importances(found: Mapping[str, Sequence[Importance]]) -> list[str]:
    """Hyperparameters whose importance exceeds the noise."""
    said = "Importance in the search (PED-ANOVA, biased by the sampler)"
    noise = "out from the noise of permuted values"
    above = {method: _above(own) for method, own in found.items()}
    if len(found) > FEW:
        return [f"{said}: {_often(above)} {noise}; the figure has the shares."]
    return [f"{said} of {wording.method(m)}: {_shares(own)} {noise}." for m, own in above.items()]


def _above(found: Sequence[Importance]) -> list[Importance]:
    return [one for one in found if one.share > one.floor_high]


def _shares(above: Sequence[Importance]) -> str:
    each = [f"{wording.key(o.key)} {_whole(o.share)} (noise {_whole(o.floor)})" for o in above]
    return f"{wording.listing(each)} {'stands' if len(each) == 1 else 'stand'}" if each else "nothing stands"


def _often(above: Mapping[str, Sequence[Importance]]) -> str:
    """In how many of many methods each hyperparameter stands out."""
    counts = Counter(one.key for own in above.values() for one in own)
    each = [f"{wording.key(key)} in {number}" for key, number in counts.most_common()]
    return f"of {len(above)} methods, {wording.listing(each)} stand" if each else "nothing stands"


def _whole(share: float) -> str:
    return f"{100 * share:.0f}{wording.PERCENT}"
