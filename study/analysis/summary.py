"""The numbers of a study, computed once from its trials: what summary.json holds and the report shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from study.analysis.sensitivity import (
    Importance,
    Point,
    agrees,
    completed,
    importance,
    incumbent,
    paired_seeds,
    sweep,
)
from study.analysis.statistics import PairedTest, holm, mean_interval
from study.analysis.table import by_modality
from study.ledger import Record

BASELINE = "joint"
METRICS = ("accuracy", "macro_f1")
ENDINGS = ("completed", "pruned", "failed", "diverged")
FIVE = ("split", "recipe", "frames", "selection", "optimizer")  # without these a number means nothing
SELECTION = {"clean": "best validation epoch", "paper": "best test epoch"}
Measure = dict[str, Any]  # {mean, low, high, seeds: [{seed, value}]}
Sweeps = dict[str, dict[str, list[Point]]]  # method -> key -> points


@dataclass(frozen=True)
class Comparison:
    """A method against the baseline: accuracy on the same seeds, Holm-adjusted over the methods."""

    protocol: str
    split: str  # test, or validation where test was not read
    method: str
    baseline: str
    test: PairedTest
    adjusted: float | None


@dataclass(frozen=True)
class Analysis:
    """Everything the report draws and tells."""

    settings: Mapping[str, Any]
    records: Sequence[Record]
    summary: dict[str, Any]
    comparisons: list[Comparison]
    sweeps: Sweeps
    importances: dict[str, list[Importance]]


def analyse(settings: Mapping[str, Any], records: Sequence[Record]) -> Analysis:
    """Compute everything from the ledger's settings and trials; whatever has not run yet is simply empty."""
    sweeps = {method: _sweeps(settings, records, method) for method in methods(settings, records)}
    summary = summarise(settings, records, sweeps)
    importances = {method: importance(records, method) for method in sweeps}
    return Analysis(
        settings,
        records,
        summary,
        compare(settings, records),
        sweeps,
        {m: i for m, i in importances.items() if i},
    )


def summarise(settings: Mapping[str, Any], records: Sequence[Record], sweeps: Sweeps) -> dict[str, Any]:
    """The content of summary.json; with protocol `both` an extra key `paper` holds the same as `methods`."""
    first, *others = protocols(settings)
    names = methods(settings, records)
    return {
        "study": settings.get("study"),
        "complete": complete(settings, records, sweeps),
        "data": {name: settings.get("data", {}).get(name) for name in ("name", "digest", "is_sample")},
        "protocol": {name: settings.get("protocol", {}).get(name) for name in ("name", *FIVE)},
        "stages": {stage: _stage(records, stage) for stage in stages(settings, records)},
        "methods": {name: _method(records, name, first) for name in names},
        **{other: {name: _method(records, name, other) for name in names} for other in others},
        "sensitivity": {method: _sensitivity(swept) for method, swept in sweeps.items() if swept},
        "cost": _cost(settings, records),
        "mlflow": {
            name: settings.get("mlflow", {}).get(name) for name in ("uri", "experiment", "parent_run")
        },
    }


def methods(settings: Mapping[str, Any], records: Sequence[Record]) -> list[str]:
    """Methods in the order they were asked for."""
    return list(dict.fromkeys([*settings.get("methods", []), *(record.method for record in records)]))


def stages(settings: Mapping[str, Any], records: Sequence[Record]) -> list[str]:
    """Stages that hold or should hold trials."""
    named = [stage for stage in settings.get("stages", []) if stage != "report"]
    return list(dict.fromkeys([*named, *(record.stage for record in records)]))


def protocols(settings: Mapping[str, Any]) -> list[str]:
    """Protocols of the confirm runs, the one that `methods` shows first."""
    name = settings.get("protocol", {}).get("name") or "clean"
    return ["clean", "paper"] if name == "both" else [name]


def five(settings: Mapping[str, Any], protocol: str) -> dict[str, Any]:
    """Split, recipe, frames, selection and optimizer behind the numbers of one protocol."""
    asked = settings.get("protocol", {})
    own = {
        "split": asked.get("splits", {}).get(protocol, asked.get("split")),
        "selection": SELECTION[protocol],
    }
    return {name: own.get(name, asked.get(name)) for name in FIVE}


def confirmed(records: Sequence[Record], method: str, protocol: str) -> list[Record]:
    """Completed confirm runs of the present incumbent."""
    best = incumbent(records, method)
    runs = [record for record in completed(records, "confirm", method) if record.protocol == protocol]
    return [record for record in runs if best is not None and agrees(record, best.config)]


def on_validation(record: Record) -> dict[str, float]:
    """Validation metrics of the best epoch; a paper run chose it on test, so they are looked up there."""
    last = record.epochs.get(max(record.epochs, default=0), {})
    at_best = record.epochs.get(int(last.get("best/epoch", 0)), {})
    source, prefix = (last, "best/") if record.protocol == "clean" else (at_best, "validation/")
    return {name: source[prefix + name] for name in METRICS if prefix + name in source}


def on_test(record: Record) -> dict[str, float]:
    """Test metrics of the best weights."""
    return {name: record.test[f"test/{name}"] for name in METRICS if f"test/{name}" in record.test}


def measure(values: Mapping[int, float]) -> Measure:
    """Mean, 95 % t-interval and the seeds behind them."""
    interval = mean_interval(list(values.values()))
    seeds = [{"seed": seed, "value": value} for seed, value in sorted(values.items())]
    return {"mean": interval.mean, "low": interval.low, "high": interval.high, "seeds": seeds}


def compare(settings: Mapping[str, Any], records: Sequence[Record]) -> list[Comparison]:
    """Every method against joint training (or the first method), per protocol, on the same seeds."""
    names = methods(settings, records)
    base = BASELINE if BASELINE in names else next(iter(names), "")
    others = [name for name in names if name != base]
    return [one for protocol in protocols(settings) for one in _compare(records, protocol, base, others)]


def probes(records: Sequence[Record], method: str, protocol: str) -> tuple[str, dict[str, Measure]]:
    """Split, and accuracy of each modality's linear probe on it: test where it was read, else validation."""
    runs = confirmed(records, method, protocol)
    for split, column in (("test", "test_accuracy"), ("validation", "accuracy")):
        found: dict[str, dict[int, float]] = {}
        for record in runs:
            for modality, columns in by_modality(_metrics_at_best(record, split)).items():
                if column in columns:
                    found.setdefault(modality, {})[record.seed] = columns[column]
        if found:
            return split, {modality: measure(values) for modality, values in found.items()}
    return "validation", {}


def complete(settings: Mapping[str, Any], records: Sequence[Record], sweeps: Sweeps) -> bool:
    """Whether every trial that was asked for exists and has ended without failing."""
    if not records or any(record.status in ("running", "failed") for record in records):
        return False
    asked = {"search": _searched, "confirm": _confirmed, "sensitivity": _swept}
    return all(
        asked[stage](settings, records, method, sweeps)
        for stage in stages(settings, records)
        if stage in asked
        for method in methods(settings, records)
    )


def _metrics_at_best(record: Record, split: str) -> Mapping[str, float]:
    last = record.epochs[max(record.epochs)]
    return record.test if split == "test" else record.epochs.get(int(last.get("best/epoch", 0)), {})


def _compare(records: Sequence[Record], protocol: str, base: str, others: Sequence[str]) -> list[Comparison]:
    split = "test" if any(on_test(record) for record in confirmed(records, base, protocol)) else "validation"
    read = on_test if split == "test" else on_validation
    ours = {name: _by_seed(confirmed(records, name, protocol), read) for name in (base, *others)}
    tests = [paired_seeds(ours[name], ours[base]) for name in others]
    adjusted = holm([one.p for one in tests])
    found = [
        Comparison(protocol, split, name, base, one, p)
        for name, one, p in zip(others, tests, adjusted, strict=True)
    ]
    return [one for one in found if one.test.difference.n]


def _by_seed(records: Sequence[Record], read: Any, metric: str = "accuracy") -> dict[int, float]:
    measured = {record.seed: read(record) for record in records}
    return {seed: metrics[metric] for seed, metrics in measured.items() if metric in metrics}


def _method(records: Sequence[Record], method: str, protocol: str) -> dict[str, Any]:
    best = incumbent(records, method)
    runs = confirmed(records, method, protocol)
    return {
        "config": None if best is None else best.config,
        "validation": {name: measure(_by_seed(runs, on_validation, name)) for name in METRICS},
        "test": {name: measure(_by_seed(runs, on_test, name)) for name in METRICS},
    }


def _stage(records: Sequence[Record], stage: str) -> dict[str, float]:
    own = [record for record in records if record.stage == stage]
    counts = {ending: sum(record.status == ending for record in own) for ending in ENDINGS}
    return {"trials": len(own), **counts, "seconds": sum(record.seconds for record in own)}


def _sensitivity(swept: Mapping[str, Sequence[Point]]) -> dict[str, list[dict[str, Any]]]:
    return {
        key: [{"value": one.value, **measure(one.seeds)} for one in points] for key, points in swept.items()
    }


def _sweeps(settings: Mapping[str, Any], records: Sequence[Record], method: str) -> dict[str, list[Point]]:
    found = {key: sweep(records, method, key) for key in settings.get("sensitivity", {}).get(method, {})}
    return {key: points for key, points in found.items() if points}


def _cost(settings: Mapping[str, Any], records: Sequence[Record]) -> dict[str, float]:
    """Hours of the processors that trials held while they trained and evaluated."""
    hours = sum(record.seconds for record in records) / 3600
    held = settings.get("resources", {})
    return {
        "cpu_hours": hours * held.get("cpus_per_trial", 1),
        "gpu_hours": hours * held.get("gpus_per_trial", 0),
    }


def _searched(settings: Mapping[str, Any], records: Sequence[Record], method: str, _: Sweeps) -> bool:
    """All trials asked for, or fewer where the space ran out: settings fixed, or later stages begun."""
    own = [record for record in records if record.method == method]
    searched = sum(record.stage == "search" for record in own)
    ran_out = settings.get("fixed", {}).get(method) or searched < len(own)
    return searched >= settings.get("budget", {}).get("trials", 1) or bool(searched and ran_out)


def _confirmed(settings: Mapping[str, Any], records: Sequence[Record], method: str, _: Sweeps) -> bool:
    seeds = settings.get("budget", {}).get("seeds", 1)
    best = incumbent(records, method)
    runs = [
        r for r in records if (r.stage, r.method) == ("confirm", method) and best and agrees(r, best.config)
    ]
    return all(sum(r.protocol == protocol for r in runs) >= seeds for protocol in protocols(settings))


def _swept(settings: Mapping[str, Any], _: Sequence[Record], method: str, sweeps: Sweeps) -> bool:
    seeds = settings.get("budget", {}).get("seeds", 1)
    asked = settings.get("sensitivity", {}).get(method, {})
    ran = {
        key: {one.value: len(one.seeds) + len(one.lost) for one in sweeps[method].get(key, [])}
        for key in asked
    }
    return all(ran[key].get(value, 0) >= seeds for key, values in asked.items() for value in values)
