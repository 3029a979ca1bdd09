"""Trials per second of a study whose trials do nothing.

Usage: python tests/benchmarks/study_overhead.py [TRIALS [EPOCHS]]

Measured from the first trial's first epoch until MLflow has every epoch of every trial. ASHA looks at all
of them and stops nobody.
"""

import sys
import tempfile
import time
from pathlib import Path

from ray import tune
from rich.console import Console

from search_spaces.space import SearchSpace
from study import studies
from study.records.mlflow_tracking import Target, Tracker
from study.records.study_folder import locked, open_ledger
from study.running import driver
from study.running.driver import Job, Resources


class Nothing:
    """Trains nothing, keeps nothing, and has the shape of a trainer."""

    def __init__(self, settings):
        self.epoch, self.epochs, self.value = 0, settings["epochs"], settings["x"]

    @classmethod
    def build(cls, settings):
        return cls(settings)

    @property
    def done(self):
        return self.epoch >= self.epochs

    def run_epoch(self):
        self.epoch += 1
        metrics = {f"metric/{n}": self.value + n for n in range(10)}
        return {**metrics, "epoch": self.epoch, "best/accuracy": self.value, "seconds": 0.0}

    def state_dict(self):
        return {"epoch": self.epoch}

    def load_state_dict(self, state):
        self.epoch = state["epoch"]

    def constants(self):
        return {}

    def load_constants(self, state):
        pass


def settings(trials, epochs):
    return {
        "id": "benchmark",
        "study": "overhead",
        "methods": ["nothing"],
        "data": {"name": "none", "digest": "0" * 64, "is_sample": False, "modalities": {}},
        "protocol": {"name": "clean", "splits": {"clean": "none"}},
        "budget": {"epochs": epochs, "trials": trials, "seeds": 1},
        "stages": ["search"],
        "base": {},
        "fixed": {"nothing": {}},
        "sensitivity": {},
        "numerics": {"device": "cpu", "threads": 1},
    }


def main(trials=100, epochs=10):
    space = SearchSpace(lambda: {"x": tune.uniform(0.0, 1.0)}, {"x": 0.5}, lambda: {"x": 0.5})
    studies.METHODS["nothing"] = studies.Method(
        "study_overhead:Nothing", space, lambda modalities, epochs: ()
    )
    driver.asha = lambda epochs, grace: asha_that_spares(epochs)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        job = Job(
            root / "overhead", root, Resources(1, 0), Target(f"sqlite:///{root}/m.db", "overhead", root / "a")
        )
        with locked(job.folder):
            ledger = open_ledger(job.folder, settings(trials, epochs), None)
            tracker = Tracker(job.target, ledger)
            tracker.start()
            driver._run_stages(job, ledger, tracker, Console(quiet=True))
            left = tracker.finish(300)
            ended = time.time()
        records = ledger.records()
        done = sum(record.status == "completed" for record in records)
        born = min(record.started for record in records)
        started = min(record.times[1] for record in records)
        last = max(record.ended for record in records)
    print(
        f"{done} trials of {epochs} epochs, {left} not in MLflow; {started - born:.1f} s to start processes"
    )
    print(f"{done / (last - started):.2f} trials/s until the last trial ended")
    print(f"{done / (ended - started):.2f} trials/s until MLflow had caught up (wanted: 4.5)")
    print(f"{done / (ended - born):.2f} trials/s, the start of the processes counted in")


def asha_that_spares(epochs):
    """ASHA that looks at every rung and stops nobody: its first rung comes after the last epoch."""
    from study.running.ray_bridge import asha

    return asha(epochs, epochs)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
