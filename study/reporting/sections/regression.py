"""Scores of a regression beside the two that methods are shown with everywhere."""

from study.analysis.metric_names import PLAIN_NUMBERS
from study.analysis.results import Results
from study.reporting import cells, wording
from study.reporting.section import Section, Table
from trainables.multimodal.tasks import REGRESSION


class RegressionScores(Section):
    """Scores that only a regression has, and those of its signs."""

    name = "regression"
    title = "Further scores of the regression"

    def tables(self, results: Results) -> list[Table]:
        """Test scores of every method, per protocol; nothing of other tasks."""
        if results.settings.protocol.kind != REGRESSION:
            return []
        return [_scores(results, protocol) for protocol in results.protocols]


def _scores(results: Results, protocol: str) -> Table:
    shown = results.chosen.metrics
    names = [name for part, name in results.columns(protocol) if part == "test" and name not in shown]
    rows = [
        [results.settings.label(method), *(cells.score(scores["test"].get(name), name) for name in names)]
        for method, scores in results.scores(protocol).items()
        if names
    ]
    plain = wording.listing([wording.metric(name) for name in names if name in PLAIN_NUMBERS])
    title = f"Regression on test, {cells.PROTOCOLS[protocol]} protocol: in percent, but {plain} as it is"
    return Table(title, ["Method", *(wording.capitalised(wording.metric(name)) for name in names)], rows)
