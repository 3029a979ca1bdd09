"""What a study says before its first trial: where trials run, and where their results go."""

from pathlib import Path

import ray

from study.records.addresses import shown
from study.records.mlflow_target import Target
from study.running.cluster import nodes_alive, slots
from study.settings import Resources


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


def counted(number: float, noun: str) -> str:
    """`no GPU`, `1 CPU`, `0.25 GPUs`, `8 trials`."""
    return f"{number:g} {noun}{'' if number == 1 else 's'}" if number else f"no {noun}"
