"""Which differences between methods are compared: each with the baseline, boosting with its controls."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from study.analysis.selection import BASELINE, confirmed, on_validation, protocols
from study.analysis.statistics import PairedTest, holm
from study.analysis.summary import by_seed, methods, on_test, split_of
from study.analysis.sweeps import paired_seeds
from study.records.ledger import Record
from study.reporting.wording import CONTROLS

BOOSTING = "boosting"


@dataclass(frozen=True)
class Comparison:
    """A method against another: accuracy on the same seeds, Holm-adjusted over all methods compared."""

    protocol: str
    split: str  # test, or validation where test was not read
    method: str
    baseline: str
    differences: dict[int, float]  # seed -> method minus baseline
    test: PairedTest
    adjusted: float | None
    family: int  # methods compared, those without a test included


def baseline(settings: Mapping[str, Any], records: Sequence[Record]) -> str:
    """Joint training, or the first method of a study without it."""
    names = methods(settings, records)
    return BASELINE if BASELINE in names else next(iter(names), "")


def with_baseline(settings: Mapping[str, Any], records: Sequence[Record]) -> list[Comparison]:
    """Every method against the baseline, per protocol, on the same seeds."""
    base = baseline(settings, records)
    pairs = [(name, base) for name in methods(settings, records) if name != base]
    return _compared(settings, records, pairs)


def with_controls(settings: Mapping[str, Any], records: Sequence[Record]) -> list[Comparison]:
    """Boosting against each of its controls, per protocol, on the same seeds."""
    names = methods(settings, records)
    pairs = [(BOOSTING, name) for name in names if name in CONTROLS and BOOSTING in names]
    return _compared(settings, records, pairs)


def _compared(
    settings: Mapping[str, Any], records: Sequence[Record], pairs: Sequence[tuple[str, str]]
) -> list[Comparison]:
    names = methods(settings, records)
    return [
        one
        for protocol in protocols(settings)
        for one in _compare(records, protocol, split_of(records, names, protocol), pairs)
    ]


def _compare(
    records: Sequence[Record], protocol: str, split: str, pairs: Sequence[tuple[str, str]]
) -> list[Comparison]:
    """Paired tests, Holm-adjusted over all pairs; pairs without a shared seed are left out afterwards."""
    read = on_test if split == "test" else on_validation
    names = {name for pair in pairs for name in pair}
    values = {name: by_seed(confirmed(records, name, protocol), read) for name in names}
    tests = [paired_seeds(values[method], values[base]) for method, base in pairs]
    adjusted = holm([one.p for one in tests])
    found = [
        Comparison(protocol, split, *pair, _differences(values, *pair), test, p, len(pairs))
        for pair, test, p in zip(pairs, tests, adjusted, strict=True)
    ]
    return [one for one in found if one.differences]


def _differences(values: Mapping[str, Mapping[int, float]], method: str, base: str) -> dict[int, float]:
    shared = sorted(values[method].keys() & values[base].keys())
    return {seed: values[method][seed] - values[base][seed] for seed in shared}
