"""Everything that a report draws and tells, computed once from a study's trials."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from study.analysis.comparisons import Comparison, baseline, with_baseline, with_controls
from study.analysis.completeness import complete
from study.analysis.method_status import Standing, standings
from study.analysis.selection import METRICS, protocols
from study.analysis.summary import SPLITS, Measure, Sweeps, methods, summarise
from study.analysis.sweeps import Importance, Point, importance, sweep
from study.records.ledger import Record


@dataclass(frozen=True)
class Analysis:
    """Everything the report draws and tells."""

    settings: Mapping[str, Any]
    records: Sequence[Record]
    summary: dict[str, Any]
    baseline: str
    comparisons: list[Comparison]  # with the baseline
    controls: list[Comparison]  # of boosting
    standings: list[Standing]
    sweeps: Sweeps
    importances: dict[str, list[Importance]]

    @property
    def methods(self) -> list[str]:
        """Methods in the order they were asked for."""
        return list(self.sweeps)

    @property
    def protocols(self) -> list[str]:
        """Protocols of the confirm runs, the main one first."""
        return protocols(self.settings)

    def split(self, protocol: str) -> str:
        """What methods are judged on: test where any of them was tested."""
        results = self.results(protocol).values()
        return "test" if any(found["test"]["accuracy"]["seeds"] for found in results) else "validation"

    def results(self, protocol: str) -> dict[str, Any]:
        """The summary's results of one protocol, method by method."""
        found: dict[str, Any] = self.summary["methods" if protocol == self.protocols[0] else protocol]
        return found

    def accuracy(self, protocol: str, method: str) -> Measure:
        """Accuracy of a method on the split it is judged on."""
        found: Measure = self.results(protocol)[method][self.split(protocol)]["accuracy"]
        return found

    def against_baseline(self, protocol: str, method: str) -> Comparison | None:
        """The comparison of a method with the baseline, where they share a seed."""
        found = (one for one in self.comparisons if (one.protocol, one.method) == (protocol, method))
        return next(found, None)

    def ranked(self, protocol: str) -> list[str]:
        """Methods by their mean accuracy, the best first and those without one last."""
        means = {method: self.accuracy(protocol, method)["mean"] for method in self.methods}
        return sorted(means, key=lambda method: (means[method] is None, -(means[method] or 0.0)))

    def standing(self, protocol: str) -> list[Standing]:
        """How far every method came under one protocol, the best first and those left out last."""
        found = {one.method: one for one in self.standings if one.protocol == protocol}
        return [found[method] for method in dict.fromkeys([*self.ranked(protocol), *found])]

    def columns(self, protocol: str) -> list[tuple[str, str]]:
        """Split and metric of every number that methods have under one protocol."""
        tested = (name for found in self.results(protocol).values() for name in found["test"])
        more = [name for name in dict.fromkeys(tested) if name not in METRICS]
        return [(split, name) for split in SPLITS for name in METRICS] + [("test", name) for name in more]


def analyse(settings: Mapping[str, Any], records: Sequence[Record]) -> Analysis:
    """Compute everything from the ledger's settings and trials; whatever has not run yet is simply empty."""
    sweeps = {method: _sweeps(settings, records, method) for method in methods(settings, records)}
    importances = {method: importance(records, method) for method in sweeps}
    return Analysis(
        settings,
        records,
        summarise(settings, records, sweeps, complete=complete(settings, records, sweeps)),
        baseline(settings, records),
        with_baseline(settings, records),
        with_controls(settings, records),
        standings(settings, records),
        sweeps,
        {method: found for method, found in importances.items() if found},
    )


def _sweeps(settings: Mapping[str, Any], records: Sequence[Record], method: str) -> dict[str, list[Point]]:
    found = {key: sweep(records, method, key) for key in settings.get("sensitivity", {}).get(method, {})}
    return {key: points for key, points in found.items() if points}
