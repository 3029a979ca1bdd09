"""What the study could have seen: detectable differences, and the seeds that smaller ones would need."""

from collections.abc import Iterable, Mapping

import pandas as pd

from study.analysis.comparisons import FOLDED, Comparison
from study.analysis.results import Results
from study.analysis.selection import on_test, on_validation
from study.analysis.statistics import ALPHA, POWER, StandardError, components, detectable, seeds_needed
from study.analysis.summary import by_fold, by_seed, fold_of
from study.reporting import cells, wording
from study.reporting.comparison_wording import counted
from study.reporting.section import Row, Section, Table

POINTS = (1, 2, 5)
HEADS = ["Method", "Seeds", "Test", "Standard error, points", "Detectable, points"]
HEADS += [f"Seeds for {p}" for p in POINTS]
NOTE = (
    f"A difference is detectable if {100 * POWER:.0f} of 100 such studies would find it, at the level that "
    "Holm's correction asks of the smallest p in its family. The standard error of the difference is itself "
    "estimated from few seeds. Seeds that 1, 2 and 5 points need are a method's; the baseline keeps its "
    "share of them."
)


class Power(Section):
    """Comparisons with the baseline that have a spread."""

    name = "power"
    title = "What this study could have seen"

    def findings(self, results: Results) -> Iterable[str]:
        """The smallest and the largest detectable difference, per protocol."""
        for protocol in () if results.saturated else results.protocols:
            sizes = [100 * _detectable(*measured) for measured in _measurable(results, protocol)]
            if sizes:
                least, most = f"{min(sizes):.1f}", f"{max(sizes):.1f}"
                size = least if least == most else f"{least} to {most}"
                yield (
                    f"Four of five such studies would find a true difference of {size} points to the baseline"
                    f"{cells.SHORT[protocol]}."
                )
            yield from _variances(results, protocol)

    def tables(self, results: Results) -> list[Table]:
        """A row per comparison, per protocol."""
        return [_table(results, protocol) for protocol in results.protocols]

    def csv(self, results: Results) -> Mapping[str, pd.DataFrame]:
        """The same with all digits."""
        rows = [
            _row(*measured) for protocol in results.protocols for measured in _measurable(results, protocol)
        ]
        return {"power": pd.DataFrame(rows)}


def _variances(results: Results, protocol: str) -> Iterable[str]:
    """How much the baseline differs between folds of people, and how much between seeds of a fold."""
    runs = results.chosen.trained(results.baseline, protocol)
    folds = fold_of(runs)
    read = on_test if results.split(protocol) == "test" else on_validation
    parts = components(list(by_fold(by_seed(runs, read), folds).values())) if folds else None
    if parts is not None:
        label = results.settings.label(results.baseline)
        people, seeds = (f"{100 * part:.1f}" for part in parts)
        yield (
            f"{label}: the standard deviation between folds of people is {people} points, that between seeds "
            f"of a fold {seeds}; intervals are over both."
        )


def _measurable(results: Results, protocol: str) -> list[tuple[Comparison, StandardError]]:
    """Comparisons with the baseline that have enough seeds and a spread, with their standard error."""
    return [
        (comparison, comparison.test.error)
        for comparison in results.comparisons
        if comparison.protocol == protocol and comparison.test.error is not None
    ]


def _detectable(comparison: Comparison, error: StandardError) -> float:
    """The difference that its seeds and spread find with a power of POWER, as a fraction."""
    return detectable(error, ALPHA / comparison.family)


def _needed(comparison: Comparison, error: StandardError, points: int) -> int | None:
    """Seeds of the method that find a difference of so many points with a power of POWER.

    None for runs over folds: more seeds do not make the people more.
    """
    if comparison.kind == FOLDED:
        return None
    return seeds_needed(error, points / 100, ALPHA / comparison.family)


def _shown(comparison: Comparison, error: StandardError, points: int) -> str:
    needed = _needed(comparison, error, points)
    if comparison.kind == FOLDED:
        return wording.NONE
    return "over 10,000" if needed is None else str(needed)


def _table(results: Results, protocol: str) -> Table:
    rows = [
        [
            results.settings.label(comparison.method),
            counted(comparison),
            comparison.kind,
            f"{100 * error.size:.1f}",
            f"{100 * _detectable(comparison, error):.1f}",
            *(_shown(comparison, error, points) for points in POINTS),
        ]
        for comparison, error in _measurable(results, protocol)
    ]
    return Table(f"Differences to the baseline, {cells.PROTOCOLS[protocol]} protocol", HEADS, rows, NOTE)


def _row(comparison: Comparison, error: StandardError) -> Row:
    return {
        "protocol": comparison.protocol,
        "method": comparison.method,
        "seeds": comparison.test.difference.n,
        "baseline_seeds": comparison.baseline_seeds,
        "test": comparison.kind,
        "holm_over": comparison.family,
        "standard_error": error.size,
        "detectable": _detectable(comparison, error),
        **{f"seeds_for_{points}_points": _needed(comparison, error, points) for points in POINTS},
    }
