"""Which differences between methods are compared: each with the baseline, a method with its controls."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from study.analysis.chosen_runs import ChosenRuns
from study.analysis.selection import on_test, on_validation
from study.analysis.statistics import DifferenceTest, holm, overlapping_test, welch_test
from study.analysis.summary import by_seed
from study.methods import BASELINE
from trainables.multimodal.methods import UNIMODAL


@dataclass(frozen=True)
class Comparison:
    """Accuracy of a method minus that of another, Holm-adjusted over its family."""

    protocol: str
    split: str  # test, or validation where test was not read
    method: str
    baseline: str
    differences: dict[int, float]  # seed -> method minus baseline on that seed, or minus the baseline's mean
    baseline_seeds: int
    is_paired: bool  # a test over shared seeds, else Welch's of all seeds
    test: DifferenceTest
    adjusted: float | None
    family: int  # methods that the correction counts, those without a test included


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
            families.setdefault(_kind(chosen, name), []).append((name, base))
    return [
        one
        for protocol in chosen.protocols
        for pairs in families.values()
        for one in _compared(chosen, protocol, pairs)
    ]


def with_controls(chosen: ChosenRuns) -> list[Comparison]:
    """Every method that has controls against each of them, per protocol."""
    controls: dict[str, list[tuple[str, str]]] = {name: [] for name in chosen.methods}
    for name in chosen.methods:
        of = chosen.settings.method(name).control_of
        if of in controls:
            controls[of].append((of, name))
    return [
        one
        for protocol in chosen.protocols
        for pairs in controls.values()
        for one in _compared(chosen, protocol, pairs)
    ]


def as_numbers(comparison: Comparison) -> dict[str, Any]:
    """A comparison as summary.json and tables hold it; what no test allows is None."""
    difference, test = comparison.test.difference, comparison.test
    return {
        "protocol": comparison.protocol,
        "split": comparison.split,
        "method": comparison.method,
        "baseline": comparison.baseline,
        "difference": difference.mean,
        "difference_low": difference.low,
        "difference_high": difference.high,
        "p": test.p,
        "p_holm": comparison.adjusted,
        "probability_better": test.better,
        "test": "paired" if comparison.is_paired else "Welch",
        "seeds": difference.n,
        "baseline_seeds": comparison.baseline_seeds,
        "holm_over": comparison.family,
    }


def _kind(chosen: ChosenRuns, name: str) -> str:
    """What a method is in a study: a candidate, a modality alone, or the control of another method."""
    if name.startswith(UNIMODAL):
        return "unimodal"
    return "control" if chosen.settings.method(name).control_of in chosen.methods else "candidate"


def _compared(chosen: ChosenRuns, protocol: str, pairs: Sequence[tuple[str, str]]) -> list[Comparison]:
    """Tests of runs that trained, Holm-adjusted over all pairs; those without any are left out afterwards."""
    split = chosen.judged_on[protocol]
    read = on_test if split == "test" else on_validation
    names = {name for pair in pairs for name in pair}
    values = {name: by_seed(chosen.trained(name, protocol), read) for name in names}
    paired = [_is_paired(chosen, *pair) for pair in pairs]
    tests = [
        overlapping_test(values[method], values[base])
        if together
        else welch_test(list(values[method].values()), list(values[base].values()))
        for (method, base), together in zip(pairs, paired, strict=True)
    ]
    adjusted = holm([test.p for test in tests])
    return [
        Comparison(
            protocol,
            split,
            method,
            base,
            _differences(values[method], values[base], together),
            len(values[base]),
            together,
            test,
            p,
            len(pairs),
        )
        for (method, base), together, test, p in zip(pairs, paired, tests, adjusted, strict=True)
        if test.difference.mean is not None
    ]


def _is_paired(chosen: ChosenRuns, method: str, base: str) -> bool:
    """Whether a method is tested against joint training, which its runs follow."""
    return base == BASELINE and chosen.settings.method(method).paired


def _differences(ours: Mapping[int, float], theirs: Mapping[int, float], paired: bool) -> dict[int, float]:
    """What each seed of a method differs by from the baseline on that seed or, unpaired, from its mean."""
    if paired:
        return {seed: ours[seed] - theirs[seed] for seed in sorted(ours.keys() & theirs.keys())}
    return {seed: value - fmean(theirs.values()) for seed, value in sorted(ours.items())} if theirs else {}
