"""What may be said of a comparison."""

from collections.abc import Mapping

from study.analysis.comparisons import FOLDED, Comparison
from study.analysis.statistics import ALPHA, LEAST
from study.reporting import wording

BETTER, WORSE = "better", "worse"
NOT_DISTINGUISHABLE, NOT_DECIDABLE = "not distinguishable", "not decidable"


def relation(comparison: Comparison) -> str:
    """One of the four things that may be said of a method."""
    if min(comparison.test.difference.n, comparison.baseline_seeds) < LEAST or comparison.adjusted is None:
        return NOT_DECIDABLE
    if not is_clear(comparison):
        return NOT_DISTINGUISHABLE
    return BETTER if comparison.is_better else WORSE


def verdict(comparison: Comparison, ours: str, other: str) -> str:
    """Better, worse, not distinguishable or not decidable, with difference, interval, p and seeds."""
    difference, seeds = comparison.test.difference, counted(comparison)
    moved = wording.change(difference.mean, comparison.score.name)
    if min(difference.n, comparison.baseline_seeds) < LEAST:
        return f"{ours} against {other}: {moved} on {seeds}, which allows no statement about chance."
    if comparison.adjusted is None and not difference.mean:
        return f"{ours} scores as {other} does on each of {seeds}, so nothing can be said of it."
    if comparison.adjusted is None:
        return f"{ours} against {other}: {moved} on each of {seeds}; no test is possible without spread."
    said = relation(comparison)
    linked = f"{said} {'from' if said == NOT_DISTINGUISHABLE else 'than'}"
    bounds = wording.difference(difference.low, difference.high, comparison.score.name)
    return f"{ours} is {linked} {other}: {moved} ({bounds}, {_p(comparison)}, {seeds})."


def together(comparisons: Mapping[str, Comparison], other: str) -> str:
    """One sentence of all methods, by their labels, that are not distinguishable from another."""
    if len(comparisons) == 1:
        return next(verdict(comparison, ours, other) for ours, comparison in comparisons.items())
    means = [c.test.difference.mean for c in comparisons.values() if c.test.difference.mean is not None]
    metric = next(comparison.score.name for comparison in comparisons.values())
    low, high = (wording.change(mean, metric) for mean in (min(means), max(means)))
    smallest = wording.p_value(min(c.adjusted for c in comparisons.values() if c.adjusted is not None))
    return (
        f"Not distinguishable from {other} are {wording.listing(list(comparisons))}: "
        f"differences of {low} to {high}, smallest adjusted {smallest}."
    )


def is_untestable(comparison: Comparison) -> bool:
    """Whether there are enough seeds, and all of them differ by the same."""
    enough = min(comparison.test.difference.n, comparison.baseline_seeds) >= LEAST
    return enough and comparison.adjusted is None


def is_undecided(comparison: Comparison) -> bool:
    """Whether a method was tested, and chance explains its difference as well."""
    return relation(comparison) == NOT_DISTINGUISHABLE


def counted(comparison: Comparison) -> str:
    """`5 seeds`, `5 against 10 seeds`, or `5 folds`."""
    ours, theirs = comparison.test.difference.n, comparison.baseline_seeds
    if comparison.kind == FOLDED:
        return wording.count(ours, "fold")
    return (
        wording.count(ours, "seed") if ours == theirs else f"{ours} against {wording.count(theirs, 'seed')}"
    )


def is_clear(comparison: Comparison) -> bool:
    """Whether chance is an unlikely explanation."""
    return comparison.adjusted is not None and comparison.adjusted < ALPHA


def tests(family: int) -> str:
    """How the comparisons of a family were tested."""
    if family < 2:
        return "a t-test"
    return f"t-tests, Holm-adjusted over {family} comparisons"


def _p(comparison: Comparison) -> str:
    return ("adjusted " if comparison.family > 1 else "") + wording.p_value(comparison.adjusted or 0.0)
