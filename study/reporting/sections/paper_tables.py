"""The table of a paper: mean, standard deviation and interval of every method, and what it adds to joint."""

from collections.abc import Mapping

from study.analysis.method_status import MethodStatus
from study.analysis.results import Results
from study.analysis.summary import five
from study.reporting import cells, status_wording, wording
from study.reporting.section import Section, Table

MEASURED = "mean ± standard deviation over fresh seeds, with the 95 % interval of the mean"
TESTED = (
    "difference to {base} with p of t-tests, Holm-adjusted within candidates, single modalities and controls"
)
SAMPLE = "SAMPLE: generated data, not a result."
UNFINISHED = "The study is not complete."


class PaperTables(Section):
    """All methods, in files only: the page has a table with more columns."""

    name = "paper_tables"
    title = "Tables for papers"

    def papers(self, results: Results) -> Mapping[str, Table]:
        """A table per protocol."""
        return {f"methods_{protocol}": _methods(results, protocol) for protocol in results.protocols}


def _methods(results: Results, protocol: str) -> Table:
    metrics, base = results.chosen.metrics, wording.inside(results.settings.label(results.baseline))
    scores = [wording.with_unit(wording.capitalised(wording.metric(name)), name, "%") for name in metrics]
    added = wording.with_unit("Difference", metrics[0], "points")
    rows = [_row(results, status) for status in results.status(protocol)]
    title = f"{results.settings.data.name}, {results.split(protocol)}: {MEASURED}; {TESTED.format(base=base)}"
    return Table(title, ["Method", "Seeds", *scores, added, "p"], rows, _rests_on(results, protocol))


def _row(results: Results, status: MethodStatus) -> list[str]:
    """A method with its numbers, or what became of it."""
    start = [results.settings.label(status.method), str(status.seeds)]
    if not status.seeds:
        return [*start, status_wording.outcome(status)]
    measured = results.scores(status.protocol)[status.method][results.split(status.protocol)]
    scores = [cells.with_spread(measured[name], name) for name in results.chosen.metrics]
    difference, p, _ = cells.tested(results.against_baseline(status.protocol, status.method))
    return [*start, *scores, difference, p]


def _rests_on(results: Results, protocol: str) -> str:
    """What a reader must know of the study, and the things without which a number means nothing."""
    facts = "; ".join(f"{name}: {value}" for name, value in five(results.settings, protocol).items())
    sample = SAMPLE if results.settings.data.is_sample else ""
    unfinished = "" if results.summary["complete"] else UNFINISHED
    return " ".join(filter(None, [sample, unfinished, f"{wording.capitalised(facts)}."]))
