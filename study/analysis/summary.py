"""The numbers of a study, read from its trials: what summary.json holds."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from study.analysis.selection import METRICS, confirmed, incumbent, on_validation, protocols
from study.analysis.statistics import mean_interval
from study.analysis.sweeps import Point
from study.analysis.trial_tables import by_modality
from study.records.ledger import Record
from study.reporting import wording

SPLITS = ("test", "validation")
ENDINGS = ("completed", "pruned", "failed", "diverged")
FIVE = ("split", "recipe", "frames", "selection", "optimizer")  # without these a number means nothing
SELECTION = {"clean": "best validation epoch", "paper": "best test epoch"}
Measure = dict[str, Any]  # {mean, low, high, seeds: [{seed, value}]}
Sweeps = dict[str, dict[str, list[Point]]]  # method -> key -> points
Hours = dict[str, float]  # {cpu_hours, gpu_hours}


def summarise(
    settings: Mapping[str, Any], records: Sequence[Record], sweeps: Sweeps, *, complete: bool
) -> dict[str, Any]:
    """The content of summary.json; with protocol `both` an extra key `paper` holds the same as `methods`."""
    first, *others = protocols(settings)
    names = methods(settings, records)
    return {
        "study": settings.get("study"),
        "complete": complete,
        "data": {name: settings.get("data", {}).get(name) for name in ("name", "digest", "is_sample")},
        "protocol": _protocol(settings.get("protocol", {})),
        "stages": {stage: _stage(records, stage) for stage in stages(settings, records)},
        "methods": {name: _method(records, name, first) for name in names},
        **{other: {name: _method(records, name, other) for name in names} for other in others},
        "sensitivity": {method: _sensitivity(swept) for method, swept in sweeps.items() if swept},
        "cost": cost(settings, records),
        "mlflow": {
            name: settings.get("mlflow", {}).get(name) for name in ("uri", "experiment", "parent_run")
        },
    }


def _protocol(asked: Mapping[str, Any]) -> dict[str, Any]:
    """What every number rests on; a regression also says what it predicts."""
    named = ("name", *FIVE, *(["task"] if "task" in asked else []))
    return {name: asked.get(name) for name in named}


def methods(settings: Mapping[str, Any], records: Sequence[Record]) -> list[str]:
    """Methods in the order they were asked for."""
    return list(dict.fromkeys([*settings.get("methods", []), *(record.method for record in records)]))


def stages(settings: Mapping[str, Any], records: Sequence[Record]) -> list[str]:
    """Stages that hold or should hold trials."""
    named = [stage for stage in settings.get("stages", []) if stage != "report"]
    return list(dict.fromkeys([*named, *(record.stage for record in records)]))


def five(settings: Mapping[str, Any], protocol: str) -> dict[str, Any]:
    """Split, recipe, frames, selection and optimizer behind the numbers of one protocol."""
    asked = settings.get("protocol", {})
    own = {
        "split": asked.get("splits", {}).get(protocol, asked.get("split")),
        "selection": SELECTION[protocol],
    }
    return {name: own.get(name, asked.get(name)) for name in FIVE}


def on_test(record: Record) -> dict[str, float]:
    """Test metrics of the best weights, with those of a regression where it was one."""
    found = {name.removeprefix("test/"): number for name, number in record.test.items()}
    return {name: number for name, number in found.items() if name in METRICS or wording.of_regression(name)}


def measure(values: Mapping[int, float]) -> Measure:
    """Mean, 95 % t-interval and the seeds behind them."""
    interval = mean_interval(list(values.values()))
    seeds = [{"seed": seed, "value": value} for seed, value in sorted(values.items())]
    return {"mean": interval.mean, "low": interval.low, "high": interval.high, "seeds": seeds}


def by_seed(
    records: Sequence[Record], read: Callable[[Record], dict[str, float]], metric: str = "accuracy"
) -> dict[int, float]:
    """One metric of every run that has it."""
    measured = {record.seed: read(record) for record in records}
    return {seed: metrics[metric] for seed, metrics in measured.items() if metric in metrics}


def split_of(records: Sequence[Record], names: Sequence[str], protocol: str) -> str:
    """Test where any method was tested, validation before that."""
    tested = any(on_test(run) for name in names for run in confirmed(records, name, protocol))
    return "test" if tested else "validation"


def cost(settings: Mapping[str, Any], records: Sequence[Record]) -> Hours:
    """Hours of the processors that trials held while they trained and evaluated."""
    hours = sum(record.seconds for record in records) / 3600
    held = settings.get("resources", {})
    return {
        "cpu_hours": hours * held.get("cpus_per_trial", 1),
        "gpu_hours": hours * held.get("gpus_per_trial", 0),
    }


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


def without(records: Sequence[Record], method: str, protocol: str) -> dict[str, Measure]:
    """Test accuracy of a method with each modality left out."""
    found: dict[str, dict[int, float]] = {}
    for record in confirmed(records, method, protocol):
        for modality, columns in by_modality(record.test).items():
            if "test_accuracy_without" in columns:
                found.setdefault(modality, {})[record.seed] = columns["test_accuracy_without"]
    return {modality: measure(values) for modality, values in found.items()}


def _metrics_at_best(record: Record, split: str) -> Mapping[str, float]:
    last = record.epochs[max(record.epochs)]
    return record.test if split == "test" else record.epochs.get(int(last.get("best/epoch", 0)), {})


def _method(records: Sequence[Record], method: str, protocol: str) -> dict[str, Any]:
    best = incumbent(records, method)
    runs = confirmed(records, method, protocol)
    tested = dict.fromkeys([*METRICS, *(name for run in runs for name in on_test(run))])
    return {
        "config": None if best is None else best.config,
        "validation": {name: measure(by_seed(runs, on_validation, name)) for name in METRICS},
        "test": {name: measure(by_seed(runs, on_test, name)) for name in tested},
    }


def _stage(records: Sequence[Record], stage: str) -> dict[str, float]:
    own = [record for record in records if record.stage == stage]
    counts = {ending: sum(record.status == ending for record in own) for ending in ENDINGS}
    return {"trials": len(own), **counts, "seconds": sum(record.seconds for record in own)}


def _sensitivity(swept: Mapping[str, Sequence[Point]]) -> dict[str, list[dict[str, Any]]]:
    return {
        key: [{"value": one.value, **measure(one.seeds)} for one in points] for key, points in swept.items()
    }
