"""What a study says before its first trial: where trials run, and where their results go."""

from pathlib import Path

import ray

from study.methods import BASELINE
from study.records.addresses import shown
from study.records.mlflow_target import Target
from study.running.cluster import nodes_alive, slots
from study.settings import Resources, StudySettings


def of_cluster(resources: Resources, folder: Path, ledger: str, target: Target) -> list[str]:
    """The cluster that was joined, and where results, ledger and MLflow are; addresses without logins."""
    return [
        f"Cluster: {counted(len(nodes_alive()), 'node')} alive at {resources.address}",
        f"Results: {folder}",
        f"Ledger:  {shown(ledger)}",
        f"MLflow:  {target.shown}, experiment {target.experiment}",
    ]


def of_trials(resources: Resources) -> str:
    """What the Ray that was joined or started has, and how many trials share it."""
    capacity = ray.cluster_resources()
    has = f"{counted(capacity.get('CPU', 0), 'CPU')}, {counted(capacity.get('GPU', 0), 'GPU')}"
    held = f"{counted(resources.cpus_per_trial, 'CPU')} and {counted(resources.gpus_per_trial, 'GPU')}"
    return f"Ray:     {has}; {counted(slots(resources, capacity), 'trial')} at once of {held}"


def of_seeds(settings: StudySettings) -> list[str]:
    """How many seeds confirm spends: over folds they may be more than were asked for."""
    if "confirm" not in settings.stages:
        return []
    others = [name for name in settings.methods if name != BASELINE]
    told = [f"{_seeds(settings, BASELINE)} of {BASELINE}"]
    told += [f"{_seeds(settings, others[0])} of other methods"] if others else []
    folds = f"; {len(settings.folds)} folds need one each" if settings.folds else ""
    return [f"confirm takes {', '.join(told)}{folds}"]


def _seeds(settings: StudySettings, method: str) -> str:
    """`5`, or `5 to 20` where seeds are added while a comparison is open."""
    fewest, most = settings.seeds_of(method), settings.most_seeds_of(method)
    return f"{fewest}" if fewest == most else f"{fewest} to {most}"


def counted(number: float, noun: str) -> str:
    """`no GPU`, `1 CPU`, `0.25 GPUs`, `8 trials`."""
    return f"{number:g} {noun}{'' if number == 1 else 's'}" if number else f"no {noun}"
