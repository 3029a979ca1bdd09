"""What a regression is judged by beside the accuracy of the sign."""

from study.analysis.metric_names import PLAIN_NUMBERS
from study.analysis.results import Results
from study.reporting import cells, wording
from study.reporting.section import Section, Table


class Regression(Section):
    """Scores that only a regression has."""

    name = "regression"
    title = "How well the value itself is predicted"

    def tables(self, results: Results) -> list[Table]:
        """Test scores of every method, per protocol."""
        return [_scores(results, protocol) for protocol in results.protocols]


def _scores(results: Results, protocol: str) -> Table:
    shown = results.chosen.metrics
    names = [name for _, name in results.columns(protocol) if name not in shown]
    rows = [
        [results.settings.label(method), *(cells.score(scores["test"].get(name), name) for name in names)]
        for method, scores in results.scores(protocol).items()
        if names
    ]
    plain = wording.listing([wording.metric(name) for name in names if name in PLAIN_NUMBERS])
    title = f"Regression on test, {cells.PROTOCOLS[protocol]} protocol: in percent, but {plain} as they are"
    return Table(title, ["Method", *(wording.metric(name).capitalize() for name in names)], rows)
