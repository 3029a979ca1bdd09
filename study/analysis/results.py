"""Everything that a report shows and says, computed once from a study's trials."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd

from study.analysis import trial_tables
from study.analysis.chosen_runs import ChosenRuns
from study.analysis.comparisons import (
    Comparison,
    as_numbers,
    baseline,
    published_with_baseline,
    with_baseline,
    with_controls,
)
from study.analysis.completeness import complete
from study.analysis.edges import Edge, at_edges
from study.analysis.embedding import Embedding
from study.analysis.importance import Importance, importance
from study.analysis.method_status import MethodStatus, method_statuses
from study.analysis.metric_names import is_fraction
from study.analysis.summary import SPLITS, Measure, summarise
from study.analysis.surfaces import MethodSurface, surfaces
from study.analysis.sweeps import Sweeps, sweeps
from study.analysis.tuning import Tuning, tunings
from study.records.trial_record import Record
from study.settings import StudySettings


@dataclass(frozen=True, eq=False)
class Results:
    """Everything that the sections of a report draw from."""

    chosen: ChosenRuns
    summary: dict[str, Any]
    baseline: str
    comparisons: list[Comparison]  # with the baseline
    controls: list[Comparison]  # of methods with their controls
    published: list[Comparison]  # of published values with the baseline
    statuses: list[MethodStatus]
    sweeps: Sweeps
    importances: dict[str, list[Importance]]
    tunings: dict[str, Tuning]
    edges: list[Edge]  # incumbents' values at an end of what was searched
    surfaces: dict[str, MethodSurface]  # of methods with a design
    embeddings: Mapping[str, Embedding] = field(
        default_factory=dict
    )  # of methods whose weights were published

    @property
    def settings(self) -> StudySettings:
        """What was asked."""
        return self.chosen.settings

    @property
    def methods(self) -> list[str]:
        """Methods in the order they were asked for."""
        return self.chosen.methods

    @property
    def protocols(self) -> tuple[str, ...]:
        """Protocols of the confirm runs, the main one first."""
        return self.chosen.protocols

    @cached_property
    def runs(self) -> dict[str, list[Record]]:
        """Method -> confirm runs of the main protocol, where there are any."""
        runs = {method: self.chosen.confirmed(method, self.protocols[0]) for method in self.methods}
        return {method: confirmed for method, confirmed in runs.items() if confirmed}

    @cached_property
    def epochs(self) -> pd.DataFrame:
        """A row per epoch of those runs."""
        return trial_tables.epochs(run for runs in self.runs.values() for run in runs)

    @cached_property
    def modalities(self) -> pd.DataFrame:
        """A row per epoch and modality of those runs."""
        return trial_tables.modalities(run for runs in self.runs.values() for run in runs)

    @cached_property
    def saturated(self) -> list[Record]:
        """Confirm runs of the main protocol whose selection is saturated, where they are more than half."""
        runs = [run for confirmed in self.runs.values() for run in confirmed]
        saturated = [run for run in runs if is_saturated(run, self.settings.judged_by.name)]
        return saturated if 2 * len(saturated) > len(runs) else []

    def split(self, protocol: str) -> str:
        """What methods are judged on: test where any of them was tested."""
        return self.chosen.judged_on[protocol]

    def scores(self, protocol: str) -> dict[str, Any]:
        """The summary's results of one protocol: method -> split -> metric -> measure."""
        scores: dict[str, Any] = self.summary["methods" if protocol == self.protocols[0] else protocol]
        return scores

    def judged(self, protocol: str, method: str) -> Measure:
        """What a method is judged by, on the split it is judged on."""
        scores = self.scores(protocol)[method][self.split(protocol)]
        measured: Measure = scores[self.settings.judged_by.name]
        return measured

    def against_baseline(self, protocol: str, method: str) -> Comparison | None:
        """The comparison of a method with the baseline, where both have a result."""
        compared = (
            comparison
            for comparison in self.comparisons
            if (comparison.protocol, comparison.method) == (protocol, method)
        )
        return next(compared, None)

    def ranked(self, protocol: str) -> list[str]:
        """Methods by their mean score, the best first and those without one last."""
        means = {method: self.judged(protocol, method)["mean"] for method in self.methods}
        sign = self.settings.judged_by.sign
        return sorted(means, key=lambda method: (means[method] is None, -sign * (means[method] or 0.0)))

    def status(self, protocol: str) -> list[MethodStatus]:
        """How far every method came under one protocol, the best first and those left out last."""
        statuses = {status.method: status for status in self.statuses if status.protocol == protocol}
        return [statuses[method] for method in dict.fromkeys([*self.ranked(protocol), *statuses])]

    def columns(self, protocol: str) -> list[tuple[str, str]]:
        """Split and metric of every number that methods have under one protocol."""
        first = [(split, name) for split in SPLITS for name in self.chosen.metrics]
        scores = self.scores(protocol).values()
        rest = ((split, name) for split in SPLITS for measured in scores for name in measured[split])
        return list(dict.fromkeys([*first, *rest]))


def analyse(settings: StudySettings, records: Sequence[Record]) -> Results:
    """Compute everything from the ledger's settings and trials; whatever has not run yet is simply empty.

    Embeddings are no part of the ledger: whoever has a study's folder adds them.
    """
    chosen = ChosenRuns(settings, records)
    swept, mapped = sweeps(chosen), surfaces(chosen)
    importances = {method: importance(chosen.searched[method]) for method in chosen.methods}
    compared, controls = with_baseline(chosen), with_controls(chosen)
    numbers = [as_numbers(comparison) for comparison in (*compared, *controls)]
    return Results(
        chosen,
        summarise(chosen, swept, mapped, complete=complete(chosen, swept)) | {"comparisons": numbers},
        baseline(chosen.methods),
        compared,
        controls,
        published_with_baseline(chosen),
        method_statuses(chosen),
        swept,
        {method: shares for method, shares in importances.items() if shares},
        tunings(chosen),
        at_edges(chosen),
        mapped,
    )


def ceilings(settings: StudySettings) -> dict[str, float]:
    """Accuracy that is possible with each modality alone and with all; empty where it is not known.

    It is known of generated data, for the prediction of their classes from all of their modalities.
    """
    whole = set(settings.modalities) == set(settings.data.modalities)
    return dict(settings.data.ceilings) if whole and not settings.protocol.task else {}


def relearned_after(runs: Mapping[str, Sequence[Record]]) -> dict[str, list[int]]:
    """Method -> epochs after which any of its runs pulled encoders back."""
    return {
        method: sorted({epoch for run in confirmed for epoch in relearning_epochs(run)})
        for method, confirmed in runs.items()
    }


def relearning_epochs(run: Record) -> list[int]:
    """Epochs after which a run pulled encoders back."""
    return [n for n, metrics in run.epochs.items() if any(name.endswith("/strength") for name in metrics)]


def chosen_before(run: Record, epoch: int) -> bool:
    """Whether a run's chosen weights are older than this epoch."""
    return run.epochs[max(run.epochs)].get("best/epoch", epoch) < epoch


def is_saturated(run: Record, metric: str) -> bool:
    """Whether the split that selects cannot tell epochs apart.

    The best is in the first tenth of them or, where a fraction selects, it is above 99 %.
    """
    last = run.epochs[max(run.epochs)]
    early = 10 * last.get("best/epoch", math.inf) <= run.config["epochs"]
    return early or (is_fraction(metric) and (run.value or 0.0) > 0.99)


def last_values(runs: Sequence[Record], column: str) -> dict[str, float]:
    """Mean over runs of each modality's last recorded value."""
    values: dict[str, list[float]] = {}
    for run in runs:
        latest: dict[str, float] = {}
        for _, metrics in sorted(run.epochs.items()):
            modalities = trial_tables.by_modality(metrics)
            latest |= {m: columns[column] for m, columns in modalities.items() if column in columns}
        for modality, number in latest.items():
            values.setdefault(modality, []).append(number)
    return {modality: sum(numbers) / len(numbers) for modality, numbers in values.items()}


def mean_values(runs: Sequence[Record], column: str) -> dict[str, float]:
    """Mean over runs and epochs of each modality's recorded values."""
    values: dict[str, list[float]] = {}
    for metrics in (metrics for run in runs for metrics in run.epochs.values()):
        for modality, columns in trial_tables.by_modality(metrics).items():
            if column in columns:
                values.setdefault(modality, []).append(columns[column])
    return {modality: sum(numbers) / len(numbers) for modality, numbers in values.items()}
