"""What the study could have seen: detectable differences, and the seeds that smaller ones would need."""

import math
from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from study.analysis.comparisons import FAMILIES, FOLDED, Comparison, family_of
from study.analysis.results import Results
from study.analysis.selection import on_test, on_validation
from study.analysis.statistics import ALPHA, MOST_SEEDS, POWER, StandardError, components, seeds_needed
from study.analysis.summary import by_fold, by_seed, fold_of
from study.reporting import cells, wording
from study.reporting.comparison_wording import counted, is_clear, is_untestable
from study.reporting.section import Card, Row, Section, Table

SIZES = (0.01, 0.02, 0.05)
MATTERS = 0.02
"""A difference that a study should be able to find."""
MORE = f"over {MOST_SEEDS:,}"
NOTE = (
    f"A difference is detectable if {100 * POWER:.0f} of 100 such studies would find it, at the level that "
    "Holm's correction asks of the smallest p in its family. The standard error of the difference is itself "
    "estimated from few"
)
OF_SEEDS = " seeds. Seeds that smaller differences need are a method's; the baseline keeps its share of them."
OF_FOLDS = " folds."


class Power(Section):
    """Comparisons with the baseline that have a spread."""

    name = "power"
    title = "What this study could have seen"

    def cards(self, results: Results) -> Iterable[Card]:
        """What stays unseen where a candidate is not decided, per protocol."""
        for protocol in () if results.saturated else results.protocols:
            open_ = [c for c in results.comparisons if c.protocol == protocol and _is_open(results, c)]
            if open_:
                few = "data" if all(one.kind == FOLDED for one in open_) else "seeds"
                yield Card(f"Too few {few} to decide{cells.SHORT[protocol]}", _unseen(results, open_))

    def findings(self, results: Results) -> Iterable[str]:
        """How much people differ, and how much seeds."""
        for protocol in () if results.saturated else results.protocols:
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


def _is_open(results: Results, comparison: Comparison) -> bool:
    """Whether a candidate is not decided, and more seeds could find an effect that matters."""
    coarse = comparison.detectable is None or comparison.detectable > MATTERS
    is_candidate = family_of(results.chosen, comparison.method) == FAMILIES[0]
    return is_candidate and coarse and not is_clear(comparison) and not is_untestable(comparison)


def _unseen(results: Results, compared: Sequence[Comparison]) -> str:
    """What four of five such studies would find, and what seeds a smaller effect needs."""
    sizes = [comparison.detectable for comparison in compared if comparison.detectable is not None]
    label, metric = results.settings.label, results.settings.judged_by.name
    if not sizes:
        return f"{wording.listing([label(c.method) for c in compared])} cannot be tested."
    least, most = wording.number(min(sizes), metric), wording.number(max(sizes), metric)
    size = most if least == most else f"{least} to {most}"
    found = f"four of five such studies would find a true difference of {size}{wording.unit(metric)}"
    needs = [_needed(c, c.test.error, MATTERS) for c in compared if c.test.error and c.kind != FOLDED]
    if not needs:
        return f"{found}."
    seeds = max(needs, key=lambda number: number or math.inf)
    small = wording.number(MATTERS, metric) + wording.unit(metric)
    return f"{found}; {small} need {seeds or MORE} seeds a method."


def _variances(results: Results, protocol: str) -> Iterable[str]:
    """How much the baseline differs between folds, and how much between seeds of a fold."""
    runs, metric = results.chosen.trained(results.baseline, protocol), results.settings.judged_by.name
    folds = fold_of(runs)
    read = on_test if results.split(protocol) == "test" else on_validation
    parts = components(list(by_fold(by_seed(runs, read, metric), folds).values())) if folds else None
    if parts is not None:
        label = results.settings.label(results.baseline)
        data, seeds = wording.size(parts[0], metric), wording.number(parts[1], metric)
        yield (
            f"{label}: the standard deviation between folds is {data}, that between seeds "
            f"of a fold {seeds}; intervals are over both."
        )


def _measurable(results: Results, protocol: str) -> list[tuple[Comparison, StandardError]]:
    """Comparisons with the baseline that have enough seeds and a spread, with their standard error."""
    return [
        (comparison, comparison.test.error)
        for comparison in results.comparisons
        if comparison.protocol == protocol and comparison.test.error is not None
    ]


def _needed(comparison: Comparison, error: StandardError, size: float) -> int | None:
    """Seeds of the method that find a difference of this size with a power of POWER.

    None for runs over folds: more seeds are no more data.
    """
    if comparison.kind == FOLDED:
        return None
    return seeds_needed(error, size, ALPHA / comparison.family)


def _shown(comparison: Comparison, error: StandardError, size: float) -> str:
    needed = _needed(comparison, error, size)
    if comparison.kind == FOLDED:
        return wording.NONE
    return str(needed or MORE)


def _table(results: Results, protocol: str) -> Table:
    metric, measured = results.settings.judged_by.name, _measurable(results, protocol)
    sizes = SIZES if any(comparison.kind != FOLDED for comparison, _ in measured) else ()
    heads = ["Method", "Seeds", "Test"]
    heads += [wording.with_unit(head, metric, "points") for head in ("Standard error", "Detectable")]
    heads += [wording.with_unit(f"Seeds for {wording.number(s, metric)}", metric, "points") for s in sizes]
    rows = [
        [
            results.settings.label(comparison.method),
            counted(comparison),
            comparison.kind,
            wording.number(error.size, metric),
            wording.number(comparison.detectable or 0.0, metric),
            *(_shown(comparison, error, size) for size in sizes),
        ]
        for comparison, error in measured
    ]
    title = f"Differences to the baseline, {cells.PROTOCOLS[protocol]} protocol"
    return Table(title, heads, rows, NOTE + (OF_SEEDS if sizes else OF_FOLDS))


def _row(comparison: Comparison, error: StandardError) -> Row:
    return {
        "protocol": comparison.protocol,
        "method": comparison.method,
        "seeds": comparison.test.difference.n,
        "baseline_seeds": comparison.baseline_seeds,
        "test": comparison.kind,
        "holm_over": comparison.family,
        "standard_error": error.size,
        "detectable": comparison.detectable,
        **{f"seeds_for_{size}": _needed(comparison, error, size) for size in SIZES},
    }
