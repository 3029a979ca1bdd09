"""One trial as the ledger knows it, and the key that names it by all that decides its result."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from optuna.distributions import BaseDistribution

from trainables.multimodal.metrics import WORST

BEST_OBJECTIVE, BEST_ACCURACY = "best/objective", "best/accuracy"
CROWDED: Final = "crowded"
"""Reported in place of an ending: memory ran out on a GPU that the trial shares."""
WORST_OBJECTIVE = WORST[BEST_ACCURACY]  # told for a diverged trial: no accuracy is lower


def objective(metrics: Mapping[str, float]) -> float | None:
    """What a search maximises: the objective of a run that reports one, else its best accuracy."""
    return metrics.get(BEST_OBJECTIVE, metrics.get(BEST_ACCURACY))


@dataclass(frozen=True)
class Ending:
    """Why and where a trial ends; written before the value of its last epoch."""

    status: str  # completed, pruned, diverged or failed
    epoch: int  # the last epoch that counts
    reason: str | None = None
    time: float = 0.0  # unix seconds
    stopped: int | None = None  # epoch after which ASHA would have stopped a trial that was spared


@dataclass(frozen=True)
class Proposal:
    """A configuration to be tried, with the searched part and its distributions for the sampler."""

    config: dict[str, Any]
    seed: int
    protocol: str = "clean"
    params: dict[str, Any] = field(default_factory=dict)
    distributions: dict[str, BaseDistribution] = field(default_factory=dict)


@dataclass(frozen=True)
class Record:
    """One trial as the ledger knows it."""

    stage: str
    method: str
    number: int  # within (stage, method)
    key: str
    seed: int
    protocol: str  # clean or paper
    config: dict[str, Any]  # every setting that shapes the result, but seed, data and protocol
    status: str  # running, completed, pruned, diverged or failed
    reason: str | None = None
    epochs: dict[int, dict[str, float]] = field(default_factory=dict)  # epoch -> metrics
    times: dict[int, float] = field(default_factory=dict)  # epoch -> unix seconds
    started: float | None = None
    ended: float | None = None
    ending: Ending | None = None
    machines: tuple[str, ...] = ()  # types of machines that it ran on; none known in earlier versions
    mlflow_run: str | None = None
    alone: bool = False  # whether memory ran out on a GPU that it shared, so that it goes on alone on one

    @property
    def value(self) -> float | None:
        """The largest objective so far on the split that selects, at the last epoch."""
        return objective(self.epochs[max(self.epochs)]) if self.epochs else None

    @property
    def reached(self) -> float:
        """`value` to compare by: without a result it is below all."""
        return -math.inf if self.value is None else self.value

    @property
    def accuracy(self) -> float | None:
        """Accuracy of the chosen epoch on the split that selects."""
        return self.epochs[max(self.epochs)].get(BEST_ACCURACY) if self.epochs else None

    def value_at(self, epoch: int) -> float:
        """What a search maximises, after an epoch that reported it; KeyError for one that did not."""
        metrics = self.epochs[epoch]
        return metrics[BEST_OBJECTIVE] if BEST_OBJECTIVE in metrics else metrics[BEST_ACCURACY]

    @property
    def test(self) -> dict[str, float]:
        """Test metrics of the best weights; empty unless the trial belongs to confirm."""
        last = self.epochs[max(self.epochs)] if self.epochs else {}
        return {name: value for name, value in last.items() if name.startswith("test/")}

    @property
    def seconds(self) -> float:
        """Time spent training and evaluating, summed over epochs."""
        return sum(metrics.get("seconds", 0.0) for metrics in self.epochs.values())

    @property
    def finished(self) -> bool:
        """Whether the trial has ended."""
        return self.status != "running"

    @property
    def spared(self) -> bool:
        """Whether ASHA would have stopped the trial, and let it run on to show what stopping costs."""
        return self.ending is not None and self.ending.stopped is not None

    def counts(self, epoch: int) -> bool:
        """Whether searcher and scheduler know of an epoch: of a spared trial, what it would have had."""
        return self.ending is None or self.ending.stopped is None or epoch <= self.ending.stopped


def trial_key(stage: str, method: str, proposal: Proposal, digest: str) -> str:
    """Name a trial by what decides its result: sha256 of the canonical JSON of all of it."""
    parts = {
        "stage": stage,
        "method": method,
        "config": proposal.config,
        "seed": proposal.seed,
        "protocol": proposal.protocol,
        "data": digest,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
