"""What stands in a cell of a table: numbers with their intervals, and a dash where there is none."""

from collections.abc import Mapping
from typing import Any

from study.analysis.comparisons import Comparison
from study.reporting.wording import NONE, SPACE, number, p_value, signed
from trainables.multimodal.tasks import ACCURACY

PROTOCOLS = {"clean": "clean", "paper": "paper (best epoch chosen on test)"}
SHORT = {"clean": "", "paper": " (paper protocol)"}


def score(measure: Mapping[str, Any] | None, metric: str, between: str = "\n") -> str:
    """A metric and its interval, below it or beside it.

    A fraction is in percent, any other number as it is, and a dash stands where there is none.
    """
    if measure is None or measure["mean"] is None:
        return NONE
    low, high = measure["low"], measure["high"]
    interval = "" if low is None else ends(number(low, metric), number(high, metric))
    return between.join(filter(None, [number(measure["mean"], metric), interval]))


def with_spread(measure: Mapping[str, Any], metric: str) -> str:
    """A metric with its standard deviation over seeds, and the interval of its mean below them."""
    mean, *interval = score(measure, metric).split("\n")
    spread = [] if measure["std"] is None else ["±", number(measure["std"], metric)]
    return "\n".join([SPACE.join([mean, *spread]), *interval])


def percent(measure: Mapping[str, Any] | None) -> str:
    """A mean in percent and its interval below it."""
    return score(measure, ACCURACY)


def change(
    mean: float | None, low: float | None, high: float | None, metric: str = ACCURACY, between: str = "\n"
) -> str:
    """A difference with its interval, below it or beside it."""
    interval = "" if low is None else ends(signed(low, metric), signed(high, metric))
    return between.join(filter(None, [signed(mean, metric), interval]))


def tested(comparison: Comparison | None) -> list[str]:
    """Difference with its interval, adjusted p, and probability of being better."""
    if comparison is None:
        return [NONE] * 3
    difference = comparison.test.difference
    return [
        change(difference.mean, difference.low, difference.high, comparison.score.name),
        p(comparison.adjusted),
        better(comparison),
    ]


def better(comparison: Comparison) -> str:
    """Probability that the method is truly better, a dash where no test is possible."""
    probability = comparison.probability_better
    if probability is None:
        return NONE
    if not 0.001 <= probability <= 0.999:
        return f"<{SPACE}0.001" if probability < 0.5 else f">{SPACE}0.999"
    return f"{probability:.3f}"


def p(value: float | None) -> str:
    """A p-value, a dash where there is none."""
    return NONE if value is None else p_value(value).removeprefix(f"p{SPACE}").removeprefix(f"={SPACE}")


def hours(spent: float) -> str:
    """Hours with no false precision."""
    return f"{spent:.3f}" if spent < 1 else f"{spent:.1f}"


def ends(low: str, high: str) -> str:
    """The ends of an interval, never torn apart."""
    return f"[{low},{SPACE}{high}]"
