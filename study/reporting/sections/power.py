"""What the study could have seen: detectable differences, and the seeds that smaller ones would need."""

from collections.abc import Iterable, Mapping

import pandas as pd

from study.analysis.comparisons import Comparison
from study.analysis.results import Results
from study.analysis.statistics import ALPHA, LEAST, POWER, detectable, seeds_needed, spread
from study.reporting import cells
from study.reporting.section import Row, Section, Table

POINTS = (1, 2, 5)
HEADS = ["Method", "Seeds", "Spread, points", "Detectable, points", *(f"Seeds for {p}" for p in POINTS)]
NOTE = (
    f"A difference is detectable if {100 * POWER:.0f} of 100 such studies would find it, at the level that "
    "Holm's correction asks of the smallest p in its family. The spread is the standard deviation of the "
    "differences over seeds, itself estimated from few of them."
)


class Power(Section):
    """Comparisons with the baseline that have a spread."""

    name = "power"
    title = "What this study could have seen"

    def findings(self, results: Results) -> Iterable[str]:
        """The smallest and the largest detectable difference, per protocol."""
        for protocol in () if results.saturated else results.protocols:
            sizes = [100 * _detectable(comparison) for comparison in _measurable(results, protocol)]
            if sizes:
                least, most = f"{min(sizes):.1f}", f"{max(sizes):.1f}"
                size = least if least == most else f"{least} to {most}"
                yield (
                    f"Four of five such studies would find a true difference of {size} points to the baseline"
                    f"{cells.SHORT[protocol]}."
                )

    def tables(self, results: Results) -> list[Table]:
        """A row per comparison, per protocol."""
        return [_table(results, protocol) for protocol in results.protocols]

    def csv(self, results: Results) -> Mapping[str, pd.DataFrame]:
        """The same with all digits."""
        compared = [c for protocol in results.protocols for c in _measurable(results, protocol)]
        return {"power": pd.DataFrame([_row(comparison) for comparison in compared])}


def _measurable(results: Results, protocol: str) -> list[Comparison]:
    """Comparisons with the baseline that have enough seeds and a spread."""
    return [
        comparison
        for comparison in results.comparisons
        if comparison.protocol == protocol and len(comparison.differences) >= LEAST and _spread(comparison)
    ]


def _spread(comparison: Comparison) -> float:
    return spread(list(comparison.differences.values()))


def _detectable(comparison: Comparison) -> float:
    """The difference that its seeds and spread find with a power of POWER, as a fraction."""
    return _spread(comparison) * detectable(len(comparison.differences), ALPHA / comparison.family)


def _needed(comparison: Comparison, points: int) -> int | None:
    """Seeds that find a difference of so many points with a power of POWER."""
    return seeds_needed(points / 100 / _spread(comparison), ALPHA / comparison.family)


def _table(results: Results, protocol: str) -> Table:
    rows = [
        [
            results.settings.label(comparison.method),
            str(len(comparison.differences)),
            f"{100 * _spread(comparison):.1f}",
            f"{100 * _detectable(comparison):.1f}",
            *(str(_needed(comparison, points) or "over 10,000") for points in POINTS),
        ]
        for comparison in _measurable(results, protocol)
    ]
    return Table(f"Differences to the baseline, {cells.PROTOCOLS[protocol]} protocol", HEADS, rows, NOTE)


def _row(comparison: Comparison) -> Row:
    return {
        "protocol": comparison.protocol,
        "method": comparison.method,
        "seeds": len(comparison.differences),
        "holm_over": comparison.family,
        "spread": _spread(comparison),
        "detectable": _detectable(comparison),
        **{f"seeds_for_{points}_points": _needed(comparison, points) for points in POINTS},
    }
