"""Which part of a method helps: the method against controls that each leave out one of its parts."""

from collections.abc import Iterable

from study.analysis.comparisons import Comparison
from study.analysis.results import Results
from study.reporting import cells, wording
from study.reporting.comparison_wording import counted, is_clear, tests
from study.reporting.section import Section, Table


class Controls(Section):
    """Methods that have controls in the study."""

    name = "controls"
    title = "Which part of a method helps"

    def findings(self, results: Results) -> list[str]:
        """What is shown to help, and what is not."""
        return [
            " ".join(_sentences(results, protocol, method))
            for protocol in results.protocols
            for method in _methods(results)
            if not results.saturated and _compared(results, protocol, method)
        ]

    def tables(self, results: Results) -> list[Table]:
        """A table per method."""
        return [_table(results, method) for method in _methods(results)]


def _methods(results: Results) -> Iterable[str]:
    return dict.fromkeys(comparison.method for comparison in results.controls)


def _compared(results: Results, protocol: str, method: str) -> list[Comparison]:
    return [
        comparison
        for comparison in results.controls
        if (comparison.protocol, comparison.method) == (protocol, method)
    ]


def _sentences(results: Results, protocol: str, method: str) -> Iterable[str]:
    """What a control leaves out is shown to help only where the method is better than that control."""
    compared = _compared(results, protocol, method)
    ours = results.settings.label(method) + cells.SHORT[protocol]
    tested = tests(compared[0].family)
    beaten = [comparison for comparison in compared if is_clear(comparison) and comparison.is_better]
    untested = [comparison for comparison in compared if comparison.adjusted is None]
    equal = [comparison for comparison in compared if comparison not in beaten and comparison not in untested]
    if len(beaten) == len(compared):
        fewer = " with a result" if len(compared) < compared[0].family else ""
        yield f"{ours} is better than every control{fewer} ({tested})."
    elif beaten:
        yield f"{ours} is better than its controls {_without(results, beaten)} ({tested})."
    if equal:
        yield f"{ours} is not distinguishably better than its controls {_without(results, equal)}."
        yield "So what they leave out is not shown to help."
    if untested:
        yield f"{ours} cannot be tested against its controls {_without(results, untested)}."


def _without(results: Results, compared: Iterable[Comparison]) -> str:
    parts = [results.settings.method(comparison.baseline).leaves_out for comparison in compared]
    return wording.listing([f"without {part}" for part in parts])


def _table(results: Results, method: str) -> Table:
    label = results.settings.label
    rows = [
        [
            label(comparison.baseline),
            cells.PROTOCOLS[comparison.protocol],
            comparison.split,
            counted(comparison),
            *cells.tested(comparison),
        ]
        for comparison in results.controls
        if comparison.method == method
    ]
    difference = f"{label(method)} minus control"
    heads = ["Control", "Protocol", "Split", "Seeds", difference, "Holm-adjusted p", "P(better)"]
    kinds = dict.fromkeys(one.kind for one in results.controls if one.method == method)
    return Table(f"{label(method)} against its controls: {wording.listing(list(kinds))}", heads, rows)
