"""What a study costs whose trials do nothing, by tenth of its trials, and how long it takes to go on.

    python tests/benchmarks/study_overhead.py [TRIALS [EPOCHS [RESUMES]]]

Trials per second are measured from the first trial's first epoch until MLflow has every epoch of every trial.
ASHA looks at all of them and stops nobody. A table gives for each tenth of the trials what their number might
change: trials per second, the driver's seconds on the CPU for a trial, its memory and its open files. A
machine that others use too has fewer trials per second at times, but the same seconds on the CPU. Wanted: the
last tenth within a factor of 1.3 of the second; the first holds the start of the processes.

Then the finished study is asked for one more trial, RESUMES times, in turns with a new study of one trial and
with a bare Ray: seconds from the command to a first step. Imports are made as `study.run` makes them. Wanted
with 1,000 trials: 3 s more than a bare Ray.
"""

import subprocess
import sys
import tempfile
import threading
import time
from itertools import pairwise
from pathlib import Path

from trainables.multimodal.collector import collector_off

with collector_off():
    import study.run  # noqa: F401  (all that the command imports, as it does)

import psutil
from ray import tune
from rich.console import Console
from study_times import bare

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
            "digest": "",  # no data are read
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


def main(trials=100, epochs=10, resumes=3):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        with Readings() as readings:
            records, left, ended = work(root, trials, epochs)
        tell(records, left, ended)
        by_tenth(sorted(record.ended for record in records), readings)
        for number in range(1, resumes + 1):
            first = root / f"first {number}"
            first.mkdir()
            study, none, ray = resumed(root, trials + number, epochs), resumed(first, 1, epochs), bare(root)
            print(
                f"first step after {study:.1f} s with {trials} finished trials, {none:.1f} with none, ",
                end="",
            )
            print(f"bare Ray {ray:.1f} s")


def work(root, trials, epochs):
    """Run what is missing; returns all records, how many MLflow lacks, and when it had caught up."""
    # ASHA that looks at every rung and stops nobody: its first rung comes after the last epoch
    driver.asha = lambda epochs, grace: asha(epochs, epochs)
    target = Target(f"sqlite:///{root}/m.db", "overhead", root / "a")
    resources = Resources(1, 0, hung_after=600.0)  # said, so that nothing forecasts a first epoch
    job = Job(root / "overhead", root, resources, target)
    with locked(job.folder):
        ledger = open_ledger(job.folder, settings(trials, epochs), None)
        tracker = Tracker(job.target, ledger)
        tracker.start()
        driver._run_stages(job, ledger, tracker, Console(quiet=True))
        left = tracker.finish(300)
        ended = time.time()
    ledger.close()
    return ledger.records(), left, ended


def resumed(root, trials, epochs):
    """Seconds from the command to the first result of the trial that is missing."""
    started = time.time()
    command = [sys.executable, __file__, "resume", str(root), str(trials), str(epochs)]
    told = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(told.stdout.split()[-1]) - started


def resume(root, trials, epochs):
    """Run the missing trial in this process, and say when its first epoch was told."""
    records, _, _ = work(Path(root), int(trials), int(epochs))
    print(max(record.times[1] for record in records))


class Readings(threading.Thread):
    """What this process uses, read five times a second: (time, CPU seconds, MiB, open files)."""

    def __init__(self):
        super().__init__(daemon=True)
        self.rows, self._ended = [], threading.Event()

    def __enter__(self):
        self.start()
        return self.rows

    def __exit__(self, *exception):
        self._ended.set()
        self.join()

    def run(self):
        process = psutil.Process()
        while not self._ended.wait(0.2):
            memory = process.memory_info().rss / 2**20
            self.rows.append((time.time(), time.process_time(), memory, process.num_fds()))


def tell(records, left, ended):
    """Print how fast all of it was."""
    done = sum(record.status == "completed" for record in records)
    begun = min(record.started for record in records)
    started = min(record.times[1] for record in records)
    last = max(record.ended for record in records)
    print(f"{done} trials, {left} not in MLflow; {started - begun:.1f} s to start processes")
    print(f"{done / (last - started):.2f} trials/s until the last trial ended")
    print(f"{done / (ended - started):.2f} trials/s until MLflow had caught up (wanted: 4.5)")
    print(f"{done / (ended - begun):.2f} trials/s, the start of the processes counted in")


def by_tenth(ended, readings):
    """Print what each tenth of the trials has cost, in the order in which they ended."""
    share = (len(ended) - 1) / 10
    marks = [ended[round(part * share)] for part in range(11)]
    read = [min(readings, key=lambda row: abs(row[0] - mark)) for mark in marks]
    print("tenth  trials/s  CPU ms/trial  MiB  open files")
    for tenth, (before, after) in enumerate(pairwise(zip(marks, read, strict=True)), start=1):
        seconds, used = after[0] - before[0], after[1][1] - before[1][1]
        _, _, memory, files = after[1]
        print(f"{tenth:5}  {share / seconds:8.1f}  {1000 * used / share:12.0f}  {memory:.0f}  {files:10}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["resume"]:
        resume(*sys.argv[2:])
    else:
        main(*map(int, sys.argv[1:]))
