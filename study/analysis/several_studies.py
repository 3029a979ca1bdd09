"""Several studies beside each other: what each method reaches in each, and what holds across them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean

from scipy.stats import rankdata

from study.analysis.comparisons import Comparison
from study.analysis.method_status import MethodStatus
from study.analysis.results import Results
from study.analysis.summary import Measure
from trainables.multimodal.errors import InputError
from trainables.multimodal.tasks import Objective


@dataclass(frozen=True, eq=False)
class SeveralStudies:
    """Results of studies by name, all judged by one score, under a protocol that all of them have."""

    results: Mapping[str, Results]

    @property
    def first(self) -> Results:
        """The study that was named first."""
        return next(iter(self.results.values()))

    @property
    def judged_by(self) -> Objective:
        """The score of all studies."""
        return self.first.settings.judged_by

    @property
    def baseline(self) -> str:
        """What methods are compared with in all studies."""
        return self.first.baseline

    @cached_property
    def protocols(self) -> list[str]:
        """Protocols that all studies have, in the order of the first."""
        return [p for p in self.first.protocols if all(p in r.protocols for r in self.results.values())]

    @cached_property
    def methods(self) -> list[str]:
        """Methods of any study, in the order they were asked for."""
        return list(dict.fromkeys(method for results in self.results.values() for method in results.methods))

    def label(self, method: str) -> str:
        """What reports call a method."""
        return self.first.settings.label(method)

    def score(self, study: str, protocol: str, method: str) -> Measure | None:
        """What a method reaches in a study; None where it has no number there."""
        results = self.results[study]
        if method not in results.methods:
            return None
        measured = results.judged(protocol, method)
        return None if measured["mean"] is None else measured

    def added(self, study: str, protocol: str, method: str) -> Comparison | None:
        """A method against the baseline of the same study, where both have a result."""
        return self.results[study].against_baseline(protocol, method)

    def status(self, study: str, protocol: str, method: str) -> MethodStatus | None:
        """How far a method came in a study; None where it was not asked for."""
        statuses = self.results[study].status(protocol)
        return next((status for status in statuses if status.method == method), None)

    def best(self, study: str, protocol: str) -> list[str]:
        """Methods with the best mean of a study: more than one where they are equal."""
        means = self._means(study, protocol)
        reached = max((self.judged_by.sign * mean for mean in means.values()), default=None)
        return [method for method, mean in means.items() if self.judged_by.sign * mean == reached]

    def average_ranks(self, protocol: str) -> dict[str, float]:
        """Mean rank over studies of every method that all of them have, 1 for the best; ties share theirs.

        Empty where such a mean has no meaning: fewer than two methods in common, the same data counted
        twice, or scores on different splits.
        """
        means = [self._means(study, protocol) for study in self.results]
        common = [method for method in self.methods if all(method in each for each in means)]
        if len(common) < 2 or not self._can_be_ranked(protocol):
            return {}
        ranks = [_ranks({m: self.judged_by.sign * each[m] for m in common}) for each in means]
        return {method: fmean(each[method] for each in ranks) for method in common}

    def _can_be_ranked(self, protocol: str) -> bool:
        data = {results.settings.data.digest for results in self.results.values()}
        splits = {results.split(protocol) for results in self.results.values()}
        return len(data) == len(self.results) and len(splits) == 1

    def _means(self, study: str, protocol: str) -> dict[str, float]:
        scores = {method: self.score(study, protocol, method) for method in self.methods}
        return {method: measured["mean"] for method, measured in scores.items() if measured is not None}


def beside(results: Mapping[str, Results]) -> SeveralStudies:
    """Put studies beside each other.

    Raises InputError: fewer than two studies, one of them twice, other scores or baselines, or no protocol
    in common.
    """
    several = SeveralStudies(results)
    names = list(results)
    if len(names) < 2:
        raise InputError("a comparison needs two studies or more.")
    for place, name in enumerate(names):
        for other in names[:place]:
            _require_other(other, results[other], name, results[name])
    if not several.protocols:
        each = ", ".join(f"{name}: {' and '.join(one.protocols)}" for name, one in results.items())
        raise InputError(
            f"these studies have no protocol in common ({each}): their scores cannot be compared."
        )
    return several


def _require_other(name: str, first: Results, other: str, second: Results) -> None:
    """Two studies that can stand in one table."""
    if first.settings.id == second.settings.id:
        raise InputError(f"{name} and {other} are the same study: name each once.")
    metrics = [results.settings.judged_by.name for results in (first, second)]
    if metrics[0] != metrics[1]:
        raise InputError(
            f"{name} is judged by {metrics[0]} and {other} by {metrics[1]}: their scores cannot be compared."
        )
    if first.baseline != second.baseline:
        raise InputError(
            f"{name} compares with {first.baseline} and {other} with {second.baseline}: "
            "name studies that have one baseline."
        )


def _ranks(scores: Mapping[str, float]) -> dict[str, float]:
    """Rank of every score, 1 for the largest; equal ones share the mean of their ranks."""
    ranks = rankdata([-score for score in scores.values()])
    return {name: float(rank) for name, rank in zip(scores, ranks, strict=True)}
