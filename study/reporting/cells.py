"""What stands in a cell of a table: numbers with their intervals, and a dash where there is none."""

from collections.abc import Mapping
from typing import Any

from study.analysis.comparisons import Comparison
from study.analysis.metric_names import PLAIN_NUMBERS
from study.reporting.wording import NONE, SPACE, p_value, signed

PROTOCOLS = {"clean": "clean", "paper": "paper (published split, best epoch chosen on test)"}
SHORT = {"clean": "", "paper": " (paper protocol)"}


def score(measure: Mapping[str, Any] | None, metric: str) -> str:
    """A metric of a method: a fraction in percent, any other number as it is, a dash where there is none."""
    if measure is None or measure["mean"] is None:
        return NONE
    if metric not in PLAIN_NUMBERS:
        return percent(measure)
    low, high = measure["low"], measure["high"]
    return below(f"{measure['mean']:.3f}", "" if low is None else ends(f"{low:.3f}", f"{high:.3f}"))


def percent(measure: Mapping[str, Any] | None, between: str = "\n") -> str:
    """A mean in percent and its interval, below it or beside it."""
    if measure is None or measure["mean"] is None:
        return NONE
    low, high = measure["low"], measure["high"]
    interval = "" if low is None else ends(f"{100 * low:.1f}", f"{100 * high:.1f}")
    return between.join(filter(None, [f"{100 * measure['mean']:.1f}", interval]))


def change(mean: float | None, low: float | None, high: float | None) -> str:
    """A difference in points with its interval below it."""
    return below(signed(mean), "" if low is None else ends(signed(low), signed(high)))


def tested(comparison: Comparison | None) -> list[str]:
    """Difference with its interval, adjusted p, and probability of being better."""
    if comparison is None:
        return [NONE] * 3
    difference = comparison.test.difference
    return [
        change(difference.mean, difference.low, difference.high),
        p(comparison.adjusted),
        better(comparison),
    ]


def better(comparison: Comparison) -> str:
    """Probability that the true difference is above 0, a dash where no test is possible."""
    number = comparison.test.better
    if number is None:
        return NONE
    if not 0.001 <= number <= 0.999:
        return f"<{SPACE}0.001" if number < 0.5 else f">{SPACE}0.999"
    return f"{number:.3f}"


def p(number: float | None) -> str:
    """A p-value, a dash where there is none."""
    return NONE if number is None else p_value(number).removeprefix(f"p{SPACE}").removeprefix(f"={SPACE}")


def hours(number: float) -> str:
    """Hours with no false precision."""
    return f"{number:.3f}" if number < 1 else f"{number:.1f}"


def ends(low: str, high: str) -> str:
    """The ends of an interval, never torn apart."""
    return f"[{low},{SPACE}{high}]"


def below(number: str, interval: str) -> str:
    """A number with its interval, if it has one, on the next line."""
    return "\n".join(filter(None, [number, interval]))
