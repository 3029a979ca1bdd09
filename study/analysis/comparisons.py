"""Which differences between methods are compared: each with the baseline, a method with its controls."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from study.analysis.chosen_runs import ChosenRuns
from study.analysis.selection import on_test, on_validation
from study.analysis.sequential import p_of_look
from study.analysis.statistics import (
    ALPHA,
    DifferenceTest,
    detectable,
    holm,
    overlapping_test,
    resampled_test,
    welch_test,
)
from study.analysis.summary import by_fold, by_seed, fold_of
from study.methods import BASELINE
from study.records.trial_record import Record
from trainables.multimodal.methods import UNIMODAL
from trainables.multimodal.tasks import Objective

PAIRED, WELCH, FOLDED = "paired t", "Welch's t", "corrected t over folds"
FAMILIES = ("candidate", "unimodal", "control")
"""What the methods of a study are, each corrected for by itself."""


@dataclass(frozen=True)
class Comparison:
    """Score of a method minus that of another, Holm-adjusted over its family."""

    protocol: str
    split: str  # test, or validation where test was not read
    method: str
    baseline: str
    score: Objective
    """What is compared, and whether more of it is better."""
    differences: Mapping[Any, float]
    """Seed -> method minus baseline on that seed or, unpaired, minus the baseline's mean; or fold -> method
    minus baseline on it."""
    baseline_seeds: int
    kind: str  # PAIRED over shared seeds, WELCH of all seeds, or FOLDED: corrected for shared training data
    test: DifferenceTest
    adjusted: float | None
    family: int  # methods that the correction counts, those without a test included

    @property
    def is_better(self) -> bool:
        """Whether the method's mean is the better of the two."""
        return self.score.sign * (self.test.difference.mean or 0.0) > 0

    @property
    def probability_better(self) -> float | None:
        """Probability that the method is truly better; None where no test is possible."""
        above = self.test.above
        return 1 - above if above is not None and self.score.sign < 0 else above

    @property
    def detectable(self) -> float | None:
        """The true difference that its seeds and spread find with a power of POWER; None without a test.

        At the level that Holm's correction asks of the smallest p in the family.
        """
        return None if self.test.error is None else detectable(self.test.error, ALPHA / self.family)


def baseline(methods: Sequence[str]) -> str:
    """Joint training, or the first method of a study without it."""
    return BASELINE if BASELINE in methods else next(iter(methods), "")


def with_baseline(chosen: ChosenRuns) -> list[Comparison]:
    """Every method against the baseline, per protocol.

    Single modalities and controls are families of their own: a study asks whether a candidate helps, and
    what else it holds must not make its answer weaker.
    """
    base = baseline(chosen.methods)
    families: dict[str, list[tuple[str, str]]] = {}
    for name in chosen.methods:
        if name != base:
            families.setdefault(family_of(chosen, name), []).append((name, base))
    return [
        comparison
        for protocol in chosen.protocols
        for pairs in families.values()
        for comparison in _compared(chosen, protocol, pairs)
    ]


def with_controls(chosen: ChosenRuns) -> list[Comparison]:
    """Every method that has controls against each of them, per protocol."""
    controls: dict[str, list[tuple[str, str]]] = {name: [] for name in chosen.methods}
    for name in chosen.methods:
        of = chosen.settings.method(name).control_of
        if of in controls:
            controls[of].append((of, name))
    return [
        comparison
        for protocol in chosen.protocols
        for pairs in controls.values()
        for comparison in _compared(chosen, protocol, pairs)
    ]


def published_with_baseline(chosen: ChosenRuns) -> list[Comparison]:
    """Every method's published values, at the learning rate of its best, against the baseline's best."""
    protocol, base = chosen.protocols[0], baseline(chosen.methods)
    runs = {method: chosen.published_trained(method) for method in chosen.methods}
    judged = [_judged(chosen, protocol, method, base, tried) for method, tried in runs.items() if tried]
    return _adjusted(judged, [comparison.test.p for comparison in judged])


def family_of(chosen: ChosenRuns, name: str) -> str:
    """What a method is in a study: a candidate, a modality alone, or the control of another method."""
    if name.startswith(UNIMODAL):
        return "unimodal"
    return "control" if chosen.settings.method(name).control_of in chosen.methods else "candidate"


def as_numbers(comparison: Comparison) -> dict[str, Any]:
    """A comparison as summary.json and tables hold it; what no test allows is None."""
    difference, test = comparison.test.difference, comparison.test
    return {
        "protocol": comparison.protocol,
        "split": comparison.split,
        "metric": comparison.score.name,
        "method": comparison.method,
        "baseline": comparison.baseline,
        "difference": difference.mean,
        "difference_low": difference.low,
        "difference_high": difference.high,
        "p": test.p,
        "p_holm": comparison.adjusted,
        "probability_better": comparison.probability_better,
        "test": comparison.kind,
        "seeds": difference.n,
        "baseline_seeds": comparison.baseline_seeds,
        "holm_over": comparison.family,
    }


def _compared(chosen: ChosenRuns, protocol: str, pairs: Sequence[tuple[str, str]]) -> list[Comparison]:
    """Tests of the runs that trained, as one family."""
    judged = [_judged(chosen, protocol, *pair, chosen.trained(pair[0], protocol)) for pair in pairs]
    ps = [comparison.test.p for comparison in judged]
    if chosen.settings.budget.most_seeds is not None:
        ps = [
            p_of_look(p, chosen.seeds_begun(comparison.method), alpha=ALPHA / len(pairs))
            for p, comparison in zip(ps, judged, strict=True)
        ]
    return _adjusted(judged, ps)


def _adjusted(judged: Sequence[Comparison], ps: Sequence[float | None]) -> list[Comparison]:
    """One family: Holm-adjusted over all of it; those without any runs are left out afterwards."""
    adjusted = holm(ps)
    return [
        replace(comparison, adjusted=p, family=len(judged))
        for comparison, p in zip(judged, adjusted, strict=True)
        if comparison.test.difference.mean is not None
    ]


def _judged(chosen: ChosenRuns, protocol: str, method: str, base: str, runs: Sequence[Record]) -> Comparison:
    """The runs of a method against the baseline's, before adjustment, by the test that fits them."""
    split = chosen.judged_on[protocol]
    read = on_test if split == "test" else on_validation
    others = chosen.trained(base, protocol)
    score = chosen.settings.judged_by
    ours: Mapping[int, float] = by_seed(runs, read, score.name)
    theirs: Mapping[int, float] = by_seed(others, read, score.name)
    folds, follows = fold_of([*runs, *others]), base == BASELINE and _follows(chosen, method, protocol)
    if follows:
        ours, theirs = _alike(ours, theirs, chosen.collapsed(base, protocol))
    differences: Mapping[Any, float]
    if folds:
        differences = _pairwise(_means(by_fold(ours, folds)), _means(by_fold(theirs, folds)))
        kind, test = FOLDED, resampled_test(list(differences.values()))
    elif follows:
        kind, test, differences = PAIRED, overlapping_test(ours, theirs), _pairwise(ours, theirs)
    else:
        kind, test = WELCH, welch_test(list(ours.values()), list(theirs.values()))
        mean = fmean(theirs.values()) if theirs else 0.0
        differences = {seed: value - mean for seed, value in sorted(ours.items())}
    count = len(differences) if folds else len(theirs)
    return Comparison(protocol, split, method, base, score, differences, count, kind, test, None, 1)


def _follows(chosen: ChosenRuns, method: str, protocol: str) -> bool:
    """Whether runs follow those of the baseline on the same seed, which recipes of their own make untrue."""
    by_recipes = protocol == "paper" and bool(chosen.settings.recipes)
    return chosen.settings.method(method).paired and not by_recipes


def _alike(
    ours: Mapping[int, float], theirs: Mapping[int, float], collapsed: Set[int]
) -> tuple[Mapping[int, float], Mapping[int, float]]:
    """Scores by seed of a method that follows the baseline until it acts, and of the baseline.

    A seed on which the baseline collapsed is left out of both. Where every shared seed has the same score in
    both, the method has not acted: further seeds of the baseline would then make up a difference.
    """
    ours = {seed: value for seed, value in ours.items() if seed not in collapsed}
    same = {seed: theirs[seed] for seed in ours.keys() & theirs.keys()}
    return (same, same) if same and all(ours[seed] == theirs[seed] for seed in same) else (ours, theirs)


def _means(groups: Mapping[str, Sequence[float]]) -> dict[str, float]:
    return {fold: fmean(values) for fold, values in groups.items()}


def _pairwise(ours: Mapping[Any, float], theirs: Mapping[Any, float]) -> dict[Any, float]:
    """What is measured in both places: ours minus theirs."""
    return {place: ours[place] - theirs[place] for place in sorted(ours.keys() & theirs.keys())}
