"""What each hyperparameter does around the configuration that won the search."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from study.analysis.chosen_runs import ChosenRuns
from study.analysis.metric_names import interval_over_seeds
from study.analysis.selection import agrees, on_validation
from study.analysis.statistics import (
    ALPHA,
    DifferenceTest,
    Interval,
    holm,
    paired_seeds,
)
from study.records.trial_record import Record


@dataclass(frozen=True)
class SweptValue:
    """One value of a swept hyperparameter: its mean over seeds, and the seeds that diverged or failed."""

    value: Any
    interval: Interval
    seeds: dict[int, float]
    lost: tuple[int, ...]


@dataclass(frozen=True)
class Shift:
    """What changing a hyperparameter from the incumbent's value to `value` does, on the same seeds."""

    value: Any
    test: DifferenceTest
    adjusted: float | None  # Holm over the values of all sweeps of the method


@dataclass(frozen=True)
class Sweep:
    """One hyperparameter around its value in the incumbent."""

    method: str
    key: str
    chosen: Any  # the incumbent's value
    values: list[SweptValue]  # in order
    shifts: tuple[Shift, ...] = ()
    """Every other value against the incumbent's; empty where that one was not run."""

    @property
    def clear(self) -> list[Shift]:
        """Values that are distinguishable from the incumbent's."""
        return [shift for shift in self.shifts if shift.adjusted is not None and shift.adjusted < ALPHA]


Sweeps = Mapping[str, Mapping[str, Sweep]]  # method -> key -> sweep


def sweeps(chosen: ChosenRuns) -> Sweeps:
    """Every sweep that was asked for and has a run; a method without any is there, empty."""
    asked = {method: chosen.settings.sweeps.get(method, {}) for method in chosen.methods}
    found = {method: [_sweep(chosen, method, key) for key in keys] for method, keys in asked.items()}
    return {
        method: {one.key: one for one in with_shifts([one for one in each if one is not None])}
        for method, each in found.items()
    }


def with_shifts(swept: Sequence[Sweep]) -> list[Sweep]:
    """The sweeps of a method with their tests, Holm-adjusted over all of them.

    One correction, since the report names what stands out in any sweep of a method. A value at which a part
    is switched off is among them: it is judged like every other.
    """
    tests = [_against_the_incumbent(one) for one in swept]
    adjusted = iter(holm([test.p for each in tests for _, test in each]))
    return [
        replace(one, shifts=tuple(Shift(value, test, next(adjusted)) for value, test in each))
        for one, each in zip(swept, tests, strict=True)
    ]


def _sweep(chosen: ChosenRuns, method: str, key: str) -> Sweep | None:
    """One hyperparameter around the incumbent, without trials of an earlier one; None without any run."""
    best = chosen.incumbents.get(method)
    if best is None:
        return None
    runs: dict[Any, list[Record]] = {}
    for run in chosen.trials("sensitivity", method):
        if key in run.config and agrees(run, best.config, but=key):
            runs.setdefault(hashable(run.config[key]), []).append(run)
    score = chosen.settings.judged_by.name
    values = [_swept_value(value, runs[value], score) for value in sorted(runs, key=_order)]
    ended = [value for value in values if value.seeds or value.lost]
    return Sweep(method, key, hashable(best.config.get(key)), ended) if ended else None


def _against_the_incumbent(swept: Sweep) -> list[tuple[Any, DifferenceTest]]:
    """Paired tests of every other value against the incumbent's; empty where that one is missing."""
    base = next((value for value in swept.values if value.value == swept.chosen), None)
    if base is None:
        return []
    others = [value for value in swept.values if value is not base and value.seeds.keys() & base.seeds.keys()]
    return [(value.value, paired_seeds(value.seeds, base.seeds)) for value in others]


def hashable(setting: Any) -> Any:
    """A setting that can be compared and put in a set: lists and mappings as text."""
    return str(setting) if isinstance(setting, list | tuple | dict) else setting


def _swept_value(value: Any, records: Sequence[Record], score: str) -> SweptValue:
    done = [record for record in records if record.status == "completed"]
    scored = ((r.seed, on_validation(r).get(score)) for r in sorted(done, key=lambda r: r.seed))
    seeds = {seed: reached for seed, reached in scored if reached is not None}
    lost = sorted({r.seed for r in records if r.status in ("diverged", "failed")} - seeds.keys())
    return SweptValue(value, interval_over_seeds(list(seeds.values()), score), seeds, tuple(lost))


def _order(value: Any) -> tuple[bool, float, str]:
    """Numbers by size, everything else by its text after them."""
    number = isinstance(value, int | float)
    return (not number, float(value) if number else 0.0, "" if number else str(value))
