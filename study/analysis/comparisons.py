"""Which differences between methods are compared: each with the baseline, a method with its controls."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from study.analysis.chosen_runs import ChosenRuns
from study.analysis.selection import on_test, on_validation
from study.analysis.statistics import PairedTest, holm, paired_seeds
from study.analysis.summary import by_seed
from study.methods import BASELINE
from trainables.multimodal.methods import UNIMODAL


@dataclass(frozen=True)
class Comparison:
    """A method against another: accuracy on the same seeds, Holm-adjusted over its family."""

    protocol: str
    split: str  # test, or validation where test was not read
    method: str
    baseline: str
    differences: dict[int, float]  # seed -> method minus baseline
    test: PairedTest
    adjusted: float | None
    family: int  # methods that the correction counts, those without a test included


def baseline(methods: Sequence[str]) -> str:
    """Joint training, or the first method of a study without it."""
    return BASELINE if BASELINE in methods else next(iter(methods), "")


def with_baseline(chosen: ChosenRuns) -> list[Comparison]:
    """Every method against the baseline, per protocol, on the same seeds.

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
    """Every method that has controls against each of them, per protocol, on the same seeds."""
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


def _kind(chosen: ChosenRuns, name: str) -> str:
    """What a method is in a study: a candidate, a modality alone, or the control of another method."""
    if name.startswith(UNIMODAL):
        return "unimodal"
    return "control" if chosen.settings.method(name).control_of in chosen.methods else "candidate"


def _compared(chosen: ChosenRuns, protocol: str, pairs: Sequence[tuple[str, str]]) -> list[Comparison]:
    """Paired tests, Holm-adjusted over all pairs; pairs without a shared seed are left out afterwards."""
    split = chosen.judged_on[protocol]
    read = on_test if split == "test" else on_validation
    names = {name for pair in pairs for name in pair}
    values = {name: by_seed(chosen.confirmed(name, protocol), read) for name in names}
    tests = [paired_seeds(values[method], values[base]) for method, base in pairs]
    adjusted = holm([test.p for test in tests])
    compared = [
        Comparison(protocol, split, *pair, _differences(values, *pair), test, p, len(pairs))
        for pair, test, p in zip(pairs, tests, adjusted, strict=True)
    ]
    return [comparison for comparison in compared if comparison.differences]


def _differences(values: Mapping[str, Mapping[int, float]], method: str, base: str) -> dict[int, float]:
    shared = sorted(values[method].keys() & values[base].keys())
    return {seed: values[method][seed] - values[base][seed] for seed in shared}
