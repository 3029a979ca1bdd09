"""Trials per second of a study whose trials do nothing.

Usage: python tests/benchmarks/study_overhead.py [TRIALS [EPOCHS]]

Measured from the first trial's first epoch until MLflow has every epoch of every trial. ASHA looks at all
of them and stops nobody. Trials per second are also given for each tenth of the trials: a study whose asks
get slower shows it there.
"""

import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

from ray import tune
from rich.console import Console

from search_spaces.space import SearchSpace
from study.methods import StudyMethod
from study.records.mlflow_target import Target
from study.records.mlflow_tracking import Tracker
from study.records.study_folder import locked, open_ledger
from study.running import driver
from study.running.driver import Job
from study.running.sampling import asha
from study.settings import Resources, StudySettings


class Nothing:
    """Trains nothing, keeps nothing, and has the shape of a method and of its trainer."""

    model_waits = False

    def __init__(self, settings):
        self.epoch, self.epochs, self.value = 0, settings["epochs"], settings["x"]

    @classmethod
    def build(cls, settings):
        return cls(settings)

    @classmethod
    def first_action(cls, settings):
        return 0

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


SPACE = SearchSpace(lambda: {"x": tune.uniform(0.0, 1.0)}, {"x": 0.5}, lambda: {"x": 0.5})
TABLE = {"nothing": StudyMethod(Nothing, SPACE, "Nothing")}


def settings(trials, epochs):
    plain = {
        "id": "benchmark",
        "study": "overhead",
        "methods": ["nothing"],
        "data": {
            "name": "none",
            "digest": "0" * 64,
            "is_sample": False,
            "samples": 0,
            "classes": [],
            "modalities": {},
        },
        "protocol": {
            "name": "clean",
            "split": "none",
            "splits": {"clean": "none"},
            "recipe": "none",
            "frames": "none",
            "selection": "none",
            "optimizer": "none",
        },
        "budget": {"epochs": epochs, "trials": trials, "seeds": 1},
        "stages": ["search"],
        "base": {},
        "fixed": {"nothing": {}},
        "sensitivity": {},
        "numerics": {"device": "cpu", "threads": 1},
    }
    return StudySettings.from_json(plain, TABLE)


def main(trials=100, epochs=10):
    # ASHA that looks at every rung and stops nobody: its first rung comes after the last epoch
    driver.asha = lambda epochs, grace: asha(epochs, epochs)
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
        begun = min(record.started for record in records)
        started = min(record.times[1] for record in records)
        last = max(record.ended for record in records)
    print(
        f"{done} trials of {epochs} epochs, {left} not in MLflow; {started - begun:.1f} s to start processes"
    )
    print(f"{done / (last - started):.2f} trials/s until the last trial ended")
    print(f"{done / (ended - started):.2f} trials/s until MLflow had caught up (wanted: 4.5)")
    print(f"{done / (ended - begun):.2f} trials/s, the start of the processes counted in")
    rates = by_tenth(sorted(record.ended for record in records))
    print(f"trials/s from the second tenth to the last: {', '.join(f'{rate:.1f}' for rate in rates)}")


def by_tenth(ended):
    """Trials per second of each tenth of the trials, in the order in which they ended; the first is left out.

    It holds the start of the processes.
    """
    marks = [ended[round(part * (len(ended) - 1) / 10)] for part in range(11)]
    share = (len(ended) - 1) / 10
    return [share / (after - before) for before, after in pairwise(marks)][1:]


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
