"""What runs of a study hold in MLflow, as plain data: names, params, tags, and results of the parent."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import stdev
from typing import Any, Final

from study.records.trial_record import Record
from study.settings import StudySettings
from trainables.multimodal.flat_settings import WEIGHT

DIGITS: Final = 7
"""What a number of single precision holds; in double precision 0.9 would show as 0.8999999762."""
LONGEST: Final = 7500
"""Characters of a description; MLflow cuts a tag of 8,000."""


@dataclass(frozen=True)
class StudyResults:
    """What a study found, for the run that stands for all of it."""

    folder: Path
    """Holds the report and all it refers to."""
    summary: Mapping[str, Any]
    findings: Sequence[str]


# -- a trial -----------------------------------------------------------------------------------------------


def run_name(record: Record, settings: StudySettings) -> str:
    """`lam=3 H=4 lr=0.01 seed=2 diagnose_relearn`: what sets a trial apart, in letters of any terminal.

    The page cuts names where they are long, and has a column for the method.
    """
    return f"{choices(record.method, record.config, settings)} seed={record.seed} {record.method}"


def choices(method: str, config: Mapping[str, Any], settings: StudySettings) -> str:
    """`lam=3 H=4 lr=0.01`: a configuration's hyperparameters of the method, and its learning rate."""
    notation = settings.method(method).search.notation
    known = {*notation, *settings.space(method)}
    named = [key for key in config if key in known or key.startswith(WEIGHT)]
    ordered = sorted(named, key=lambda key: key == "lr")
    return " ".join(f"{_symbol(key, notation)}={_short(config[key])}" for key in ordered)


def trial_tags(record: Record) -> dict[str, str]:
    """Tags that a trial has from its beginning."""
    return {
        "study.trial": record.key,
        "stage": record.stage,
        "method": record.method,
        "protocol": record.protocol,
    }


def trial_params(record: Record) -> dict[str, Any]:
    """All that decides a trial's result, but its data."""
    return {"stage": record.stage, "method": record.method, "seed": record.seed} | record.config


def trial_ending(record: Record) -> dict[str, str]:
    """How a finished trial ended, as tags."""
    return {"status": record.status, "reason": record.reason or ""} if record.finished else {}


def epoch_metrics(record: Record, epoch: int, settings: StudySettings) -> dict[str, float]:
    """An epoch's metrics, the best score first: MLflow's comparison of runs opens on the first one.

    The number of the epoch is their step and no metric.
    """
    metrics = record.epochs[epoch]
    best = settings.judged_by.best
    names = sorted(metrics.keys() - {"epoch"}, key=lambda name: (name != best, name))
    return {name: rounded(metrics[name]) for name in names}


def rounded(value: float) -> float:
    """The number without digits that single precision does not hold."""
    return float(f"{value:.{DIGITS}g}")


# -- the study ---------------------------------------------------------------------------------------------


def study_tags(settings: StudySettings) -> dict[str, str]:
    """Tags of all runs of a study."""
    return {"study.id": settings.id, "study": settings.study}


def study_description(settings: StudySettings) -> dict[str, str]:
    """Tags of the parent: what a number means nothing without."""
    protocol = {f"protocol.{name}": str(value) for name, value in asdict(settings.protocol).items() if value}
    return protocol | {"data.is_sample": str(settings.data.is_sample).lower()}


def study_params(settings: StudySettings) -> dict[str, Any]:
    """What was asked and never changes, as params cannot: seeds and trials may grow."""
    facts = settings.protocol
    return {
        "methods": ", ".join(settings.methods),
        "data": settings.data.name,
        "samples": settings.data.samples,
        "split": facts.split,
        "recipe": facts.recipe,
        "selection": facts.selection,
        "optimizer": facts.optimizer,
        "epochs": settings.budget.epochs,
    }


def result_metrics(summary: Mapping[str, Any], settings: StudySettings) -> dict[str, float]:
    """Mean, standard deviation, interval and seeds of each method, and its difference to the baseline."""
    measured = {
        f"{split}/{metric}{part}/{method}": number
        for method, splits in summary["methods"].items()
        for split in ("validation", "test")
        for metric, measure in splits[split].items()
        for part, number in _parts(measure).items()
    }
    differences = {
        f"difference{part}/{compared['method']}-{compared['baseline']}": compared[f"difference{part}"]
        for compared in summary["comparisons"]
        if compared["protocol"] == settings.protocols[0]
        for part in ("", "_low", "_high")
    }
    return {name: rounded(value) for name, value in (measured | differences).items() if value is not None}


def result_tags(summary: Mapping[str, Any], settings: StudySettings) -> dict[str, str]:
    """Each method's best configuration; tags, since another one may win when a study grows."""
    configs = {method: found["config"] for method, found in summary["methods"].items()}
    return {f"best.{m}": choices(m, config, settings) for m, config in configs.items() if config}


def description(results: StudyResults, trials: str, methods: str) -> str:
    """The parent's description: where the trials are, and the findings, as many as MLflow takes."""
    lines = [f"[All trials, the best first]({trials}) · [Confirmed runs by method]({methods})", ""]
    for finding in results.findings:
        if len("\n".join([*lines, finding])) > LONGEST:
            return "\n".join([*lines, "- The rest is in report.html, among the artifacts."])
        lines.append(f"- {finding}")
    return "\n".join(lines)


def _parts(measure: Mapping[str, Any]) -> dict[str, float]:
    values = [seed["value"] for seed in measure["seeds"]]
    parts = {"": measure["mean"], "_low": measure["low"], "_high": measure["high"], "_seeds": len(values)}
    return parts | ({"_sd": stdev(values)} if len(values) > 1 else {}) if values else {}


def _symbol(key: str, notation: Mapping[str, tuple[str, str]]) -> str:
    """The papers' symbol where it is a word that any terminal shows, else the setting's name."""
    symbol = notation[key][0] if key in notation else key
    return symbol if symbol.isascii() and " " not in symbol else key


def _short(setting: Any) -> str:
    return f"{setting:.3g}" if isinstance(setting, float) and math.isfinite(setting) else str(setting)
