"""What may be said of a comparison."""

from study.analysis.comparisons import FOLDED, Comparison
from study.analysis.statistics import ALPHA, LEAST
from study.reporting import wording


def verdict(comparison: Comparison, ours: str, other: str) -> str:
    """Better, worse, not distinguishable or not decidable, with difference, interval, p and seeds."""
    difference, seeds = comparison.test.difference, counted(comparison)
    moved = wording.change(difference.mean, comparison.score.name)
    if min(difference.n, comparison.baseline_seeds) < LEAST:
        return f"{ours} against {other}: {moved} on {seeds}, which allows no statement about chance."
    if comparison.adjusted is None:
        return f"{ours} against {other}: {moved} on each of {seeds}; no test is possible without spread."
    relation = "not distinguishable from"
    if is_clear(comparison):
        relation = "better than" if comparison.is_better else "worse than"
    bounds = wording.difference(difference.low, difference.high, comparison.score.name)
    return f"{ours} is {relation} {other}: {moved} ({bounds}, {_p(comparison)}, {seeds})."


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
