"""Which part of a method helps: the method against controls that each leave out one of its parts."""

from collections.abc import Iterable

from study.analysis.comparisons import Comparison
from study.analysis.results import Results
from study.reporting import cells, wording
from study.reporting.comparison_wording import is_better, is_clear, tests
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
            if _compared(results, protocol, method)
        ]

    def tables(self, results: Results) -> list[Table]:
        """A table per method."""
        return [_table(results, method) for method in _methods(results)]


def _methods(results: Results) -> Iterable[str]:
    return dict.fromkeys(one.method for one in results.controls)


def _compared(results: Results, protocol: str, method: str) -> list[Comparison]:
    return [one for one in results.controls if (one.protocol, one.method) == (protocol, method)]


def _sentences(results: Results, protocol: str, method: str) -> Iterable[str]:
    """What a control leaves out is shown to help only where the method is better than that control."""
    compared = _compared(results, protocol, method)
    ours = results.settings.label(method) + cells.SHORT[protocol]
    tested = tests(compared[0].family)
    beaten = [one for one in compared if is_clear(one) and is_better(one)]
    untested = [one for one in compared if one.adjusted is None]
    equal = [one for one in compared if one not in beaten and one not in untested]
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
    parts = [results.settings.method(one.baseline).leaves_out for one in compared]
    return wording.listing([f"without {part}" for part in parts])


def _table(results: Results, method: str) -> Table:
    label = results.settings.label
    rows = [
        [
            label(one.baseline),
            cells.PROTOCOLS[one.protocol],
            one.split,
            str(one.test.difference.n),
            *cells.tested(one),
        ]
        for one in results.controls
        if one.method == method
    ]
    difference = f"{label(method)} minus control"
    heads = ["Control", "Protocol", "Split", "Shared seeds", difference, "Holm-adjusted p"]
    return Table(f"{label(method)} against its controls: paired t-tests on the same seeds", heads, rows)
