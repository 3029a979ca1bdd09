"""The numbers of a study, read from its trials: what summary.json holds."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from math import isnan
from statistics import fmean
from typing import Any

from study.analysis.chosen_runs import ChosenRuns
from study.analysis.metric_names import METRICS, interval_over_seeds, is_fraction
from study.analysis.selection import on_test, on_validation
from study.analysis.statistics import on_logit, resampled_interval, spread
from study.analysis.surfaces import MethodSurface
from study.analysis.sweeps import Sweep, Sweeps
from study.recipe_wording import optimizer_of
from study.records.trial_record import Record
from study.settings import AUGMENTED, SELECTIONS, MlflowRun, ProtocolFacts, Resources, StudySettings

SPLITS = ("test", "validation")
ENDINGS = ("completed", "pruned", "failed", "diverged")
FIVE = ("split", "recipe", "frames", "selection", "optimizer")  # without these a number means nothing
Measure = dict[str, Any]  # {mean, std, low, high, seeds: [{seed, value}]}
Hours = dict[str, float]  # {cpu_hours, gpu_hours}


def summarise(
    chosen: ChosenRuns, sweeps: Sweeps, surfaces: Mapping[str, MethodSurface], *, complete: bool
) -> dict[str, Any]:
    """The content of summary.json; with protocol `both` an extra key `paper` holds the same as `methods`.

    A study with a design has its `surface` there too, and one by the paper's protocol its `recipes`.
    """
    settings = chosen.settings
    first, *others = chosen.protocols
    return {
        "study": settings.study,
        "complete": complete,
        "data": {name: getattr(settings.data, name) for name in ("name", "digest", "is_sample")},
        "protocol": _protocol(settings.protocol),
        "stages": {stage: _stage(chosen, stage) for stage in chosen.stages},
        "methods": {name: _method(chosen, name, first) for name in chosen.methods},
        **{other: {name: _method(chosen, name, other) for name in chosen.methods} for other in others},
        "sensitivity": {m: _sensitivity(swept, settings) for m, swept in sweeps.items() if swept},
        **({"recipes": {m: asdict(one) for m, one in settings.recipes.items()}} if settings.recipes else {}),
        **({"surface": {method: _surface(found) for method, found in surfaces.items()}} if surfaces else {}),
        "cost": cost(settings, chosen.records),
        "mlflow": asdict(settings.mlflow or MlflowRun()),
    }


def five(settings: StudySettings, protocol: str) -> dict[str, Any]:
    """Split, recipe, frames, selection and optimizer behind the numbers of one protocol."""
    facts = settings.protocol
    by = f" by {facts.objective}" if facts.objective else ""
    plain = {name: getattr(facts, name) for name in FIVE} | {"selection": f"{SELECTIONS[protocol]}{by}"}
    if facts.name == protocol == "paper":
        return plain
    if protocol == "paper" and settings.recipes:
        return plain | by_recipes(settings)
    split = facts.splits.get(protocol, facts.split)
    if settings.folds and protocol == "clean":
        split += f", confirmed on {len(settings.folds)} folds ({settings.folds[0]} ...)"
    return plain | {"split": split}


def by_recipes(settings: StudySettings) -> dict[str, Any]:
    """The same but selection, as the recipes of the paper's protocol have it: what methods have in common, or
    what each has.
    """
    facts = settings.protocol
    each = [settings.recipe_config(method) for method in settings.methods]
    prepared = facts.recipe.removesuffix(AUGMENTED)
    values = {
        "split": [config["split"] for config in each],
        "recipe": [prepared + (AUGMENTED if config.get("augment") else "") for config in each],
        "frames": ["none" if facts.frames == "none" else config.get("frames", 1) for config in each],
        "optimizer": [optimizer_of(config) for config in each],
    }
    return {name: _by_method(of_methods) for name, of_methods in values.items()}


def _by_method(values: Sequence[Any]) -> Any:
    """The value of all, or each that any has."""
    different = list(dict.fromkeys(values))
    return different[0] if len(different) == 1 else f"by method: {' or '.join(map(str, different))}"


def measure(
    values: Mapping[int, float], metric: str = "accuracy", folds: Mapping[int, str] | None = None
) -> Measure:
    """Mean, standard deviation over seeds, 95 % interval and the seeds; that of a fraction never leaves 0..1.

    `folds` tells on which fold each seed ran. The interval is then over folds, and so over people or samples:
    the seeds of a fold share them, and training parts of different folds do so in part.
    """
    if folds:
        plain = resampled_interval([fmean(group) for group in by_fold(values, folds).values()])
        interval = on_logit(plain) if is_fraction(metric) else plain
    else:
        interval = interval_over_seeds(list(values.values()), metric)
    seeds = [{"seed": seed, "value": value} for seed, value in sorted(values.items())]
    return {
        "mean": interval.mean,
        "std": spread(list(values.values())) if len(values) > 1 else None,
        "low": interval.low,
        "high": interval.high,
        "seeds": seeds,
    }


def fold_of(records: Iterable[Record]) -> dict[int, str]:
    """Seed -> fold of the confirm runs that went through folds."""
    return {
        record.seed: record.config["split"]
        for record in records
        if "split" in record.config and record.protocol == "clean"
    }


def by_fold(values: Mapping[int, float], folds: Mapping[int, str]) -> dict[str, list[float]]:
    """Fold -> values of its seeds, in the order of folds."""
    groups: dict[str, list[float]] = {fold: [] for fold in sorted({folds[seed] for seed in values})}
    for seed, value in values.items():
        groups[folds[seed]].append(value)
    return groups


def by_seed(
    records: Sequence[Record], read: Callable[[Record], dict[str, float]], metric: str = "accuracy"
) -> dict[int, float]:
    """One metric of every run that has it."""
    measured = {record.seed: read(record) for record in records}
    return {seed: metrics[metric] for seed, metrics in measured.items() if metric in metrics}


def cost(settings: StudySettings, records: Iterable[Record]) -> Hours:
    """Hours of the processors that trials held while they trained and evaluated."""
    resources = settings.resources or Resources()
    spent = [(record.seconds / 3600, resources.held(alone=record.alone)) for record in records]
    cpus, gpus = (sum((hours * held[kind] for hours, held in spent), 0.0) for kind in ("cpu", "gpu"))
    return {"cpu_hours": cpus, "gpu_hours": gpus}


def _protocol(facts: ProtocolFacts) -> dict[str, Any]:
    """What every number rests on; a regression also says what it predicts, and each what chooses."""
    plain = asdict(facts)
    told = [name for name in ("task", "objective") if facts.task or plain[name]]
    return {name: plain[name] for name in ("name", *FIVE, *told)}


def _method(chosen: ChosenRuns, method: str, protocol: str) -> dict[str, Any]:
    runs = chosen.trained(method, protocol)
    folds = fold_of(runs)

    def measures(read: Callable[[Record], dict[str, float]]) -> dict[str, Measure]:
        names = dict.fromkeys([*chosen.metrics, *METRICS, *(name for run in runs for name in read(run))])
        return {name: measure(by_seed(runs, read, name), name, folds) for name in names}

    return {
        "config": chosen.configuration(method, protocol),
        "validation": measures(on_validation),
        "test": measures(on_test),
        "collapsed": sorted(chosen.collapsed(method, protocol)),
    }


def _stage(chosen: ChosenRuns, stage: str) -> dict[str, float]:
    trials = [trial for method in chosen.methods for trial in chosen.trials(stage, method)]
    counts = {ending: sum(trial.status == ending for trial in trials) for ending in ENDINGS}
    return {"trials": len(trials), **counts, "seconds": sum(trial.seconds for trial in trials)}


def _sensitivity(swept: Mapping[str, Sweep], settings: StudySettings) -> dict[str, list[dict[str, Any]]]:
    return {
        key: [
            {"value": tried.value, **measure(tried.seeds, settings.judged_by.name)} for tried in sweep.values
        ]
        for key, sweep in swept.items()
    }


def _surface(mapped: MethodSurface) -> dict[str, Any]:
    """How well a surface predicts, the share of a dummy, and every hyperparameter's shares and verdict."""
    found = mapped.surface
    influences = {
        one.axis.key: {
            "matters": one.matters.value,
            "first_order": one.alone and asdict(one.alone),
            "total": one.total and asdict(one.total),
            "trend": None if one.axis.categories or isnan(one.trend) else one.trend,
            "p": one.p,
        }
        for one in found.influences
    }
    points = {"points": len(found.values), "lost": len(mapped.lost), "seeds": mapped.seeds}
    return {**points, "r2": found.r2, "floor": found.floor, "hyperparameters": influences}
