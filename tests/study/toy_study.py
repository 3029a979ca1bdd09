"""A toy study: plans over two parameters, and trials that are simulated in this process; and toy data."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from ray import tune

from study.records.ledger import Ledger
from study.records.trial_record import Proposal
from study.running.sampling import TrialSampler, asha, distributions
from study.running.stage_run import StagePlan, StageRun
from study.settings import StudySettings
from trainables.multimodal.data.datasets import read_source
from trainables.multimodal.data.preparing.writer import write_store

EPOCHS = 9
SPACE = distributions({"lr": tune.loguniform(1e-3, 1e-1), "depth": tune.randint(1, 4)})
SETTINGS = {
    "id": "toy",
    "study": "toy",
    "methods": ["joint", "other"],
    "data": {
        "name": "toy",
        "digest": "d" * 64,
        "is_sample": False,
        "samples": 60,
        "classes": ["low", "middle", "high"],
        "modalities": {"face": [3], "voice": [3]},
    },
    "protocol": {
        "name": "clean",
        "split": "stratified",
        "splits": {"clean": "stratified"},
        "recipe": "toy",
        "frames": "none",
        "selection": "best validation epoch",
        "optimizer": "SGD",
    },
    "budget": {"epochs": EPOCHS, "trials": 6, "seeds": 2},
    "stages": ["search"],
    "base": {},
    "fixed": {"joint": {}, "other": {}},
    "sensitivity": {},
    "inapplicable": {},
    "initial_weights": {},
}
TOY = StudySettings.from_json(SETTINGS)


def value_at(config: dict[str, Any], epoch: int) -> float:
    """A learning curve that its configuration decides."""
    quality = -abs(np.log10(config["lr"]) + 2) + 0.1 * config["depth"]
    return float(0.5 + 0.1 * quality + 0.01 * epoch)


def plan(ledger: Ledger, method: str, count: int) -> StagePlan:
    """A search by TPE."""
    sampler = TrialSampler(ledger, "search", method, SPACE)

    def propose(number: int, draw: int) -> Proposal:
        params = sampler.draw(number, draw)
        return Proposal({**params, "epochs": EPOCHS}, seed=0, params=params, distributions=SPACE)

    return StagePlan("search", method, count, propose)


def stage_run(
    ledger: Ledger, methods: tuple[str, ...] = ("joint", "other"), count: int = 6, spare: float = 0.0
) -> StageRun:
    """The search stage, without Ray."""
    plans = [plan(ledger, method, count) for method in methods]
    pruners = {method: asha(EPOCHS, 1) for method in methods}
    return StageRun(
        ledger, lambda: plans, pruners, lambda record: {"key": record.key}, lambda record: None, spare
    )


def report(run: StageRun, name: str, epoch: int) -> bool:
    """Tell of an epoch of one of Ray's trials; False once the trial has ended."""
    record = run.ledger.get(run.assigned[name])
    metrics = {"epoch": epoch, "best/accuracy": value_at(record.config, epoch), "seconds": 1.0}
    result = {"epoch": epoch, "metrics": metrics}
    if epoch == EPOCHS:
        result["status"] = "completed"
    return run.result(name, result) != "STOP"


def work(run: StageRun, name: str) -> bool:
    """Do what Ray would do with one trial, from its first epoch on; False when nothing is due."""
    if run.next(name) is None:
        return False
    for epoch in range(1, EPOCHS + 1):
        if not report(run, name, epoch):
            return True
    raise AssertionError("the last epoch did not end the trial")


def work_all(run: StageRun) -> None:
    """Run a stage to its end, one trial at a time."""
    number = 0
    while work(run, f"ray{number}"):
        number += 1


def write_toy_store(root: Path, seed: int = 0) -> Path:
    """Sixty samples of three classes with a strong and a weak modality, prepared below a folder."""
    draw = np.random.default_rng(seed)
    label = np.arange(60) % 3
    arrays = {
        "modality:strong": (label[:, None] + 0.3 * draw.normal(size=(60, 4))).astype(np.float32),
        "modality:weak": (0.3 * label[:, None] + draw.normal(size=(60, 4))).astype(np.float32),
    }
    raw = root / "raw"
    raw.mkdir()
    np.savez(raw / "toy.npz", label=label, **arrays)
    return write_store(read_source("features", raw), root / "toy").path


def method_of(epochs: int, run_epoch: Callable[[int, int], dict[str, Any]]) -> Any:
    """A method that trains nothing: `run_epoch` is given seed and epochs so far, and returns metrics.

    Its classes are local ones: those travel to other processes.
    """

    class Runner:
        def __init__(self, seed: int) -> None:
            self.epoch, self.seed = 0, seed

        @property
        def done(self) -> bool:
            return self.epoch == epochs

        def run_epoch(self) -> dict[str, Any]:
            metrics = run_epoch(self.seed, self.epoch)
            self.epoch += 1
            return metrics

        def state_dict(self) -> dict[str, Any]:
            return {"epoch": self.epoch}

        def load_state_dict(self, state: dict[str, Any]) -> None:
            self.epoch = state["epoch"]

        def constants(self) -> dict[str, Any]:
            return {}

        def load_constants(self, state: dict[str, Any]) -> None:
            pass

    class Method:
        def build(self, settings: dict[str, Any]) -> Runner:
            return Runner(settings["seed"])

    return Method()
