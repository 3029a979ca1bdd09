"""A small study from its command: started, disturbed, and looked at from outside."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import mlflow
import optuna
import psutil

from study.records.database import sqlite_url
from study.records.ledger_storage import open_storage
from study.run import main

SMALL = ["--epochs", "4", "--trials", "3", "--seeds", "2", "--finalists", "1", "--pruning", "always"]
SMALL += ["--device", "cpu"]
ONE_BY_ONE = [*SMALL, "--max-concurrent", "1"]  # the order of trials and ASHA's decisions are certain
COUNTED_RUN = Path(__file__).with_name("counted_run.py")
RUN = ["-m", "study.run"]


class SmallStudy:
    """A small study of one store, in a folder of its own, where its ledger lies too or in a journal.

    Drivers that `start` starts note each epoch that begins anywhere in `trace`.
    """

    def __init__(self, store, results, options, study="features_dr", journal=None):
        self.store = store
        self.results = results
        self.options = [*options, "--storage", f"journal://{journal}"] if journal else options
        self.study = study
        self.folder = results / f"{study}-{store.name}"
        self.ledger = journal or self.folder / "ledger.db"
        self.url = f"journal://{journal}" if journal else sqlite_url(self.ledger)
        self.trace = results.with_name(f"{results.name}-epochs.jsonl")
        self.pause = 0.05  # seconds that an epoch takes longer
        self.drivers = []
        self.processes = set()  # all that were seen below a driver

    def start(self, *more, program=None):
        """Start its driver."""
        where = ["--data", str(self.store), "--results", str(self.results)]
        program = program or [str(COUNTED_RUN), str(self.trace)]
        command = [sys.executable, *program, self.study, *where, *self.options, *more]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        found = os.pathsep.join(filter(None, [str(COUNTED_RUN.parent), os.environ.get("PYTHONPATH")]))
        environment = {**os.environ, "NODE": "here", "PAUSE": str(self.pause), "PYTHONPATH": found}
        self.drivers.append(subprocess.Popen(command, **pipes, env=environment, preexec_fn=heed_hangups))
        return self.drivers[-1]

    def run(self, *more):
        """Run it to its end; returns exit code, what it said, and what it complained of."""
        return ending(self.start(*more))

    def run_here(self, *more):
        """As `run`, but in this process, which has imported everything; returns the exit code."""
        where = ["--data", str(self.store), "--results", str(self.results)]
        return main([self.study, *where, *self.options, *more])

    def trials(self):
        """All trials of the ledger, by Optuna study and number."""
        with contextlib.closing(open_storage(self.url)) as opened:
            names = optuna.get_all_study_names(opened.storage)
            studies = [optuna.load_study(study_name=name, storage=opened.storage) for name in names]
            return {(study.study_name, trial.number): trial for study in studies for trial in study.trials}

    def values(self):
        """What the trials came to, by key."""
        found = self.trials().values()
        return {trial.user_attrs["key"]: (trial.state, trial.intermediate_values) for trial in found}

    def epochs(self):
        """How many epochs the ledger holds."""
        if not self.ledger.exists():
            return 0
        return sum(len(trial.intermediate_values) for trial in self.trials().values())

    def wait_for_epoch(self, count):
        """Wait until the ledger holds so many, or its driver has ended."""
        deadline = time.monotonic() + 240
        while time.monotonic() < deadline:
            self.note_processes()
            if self.epochs() >= count or self.drivers[-1].poll() is not None:
                return
            time.sleep(0.3)
        raise AssertionError("the study did not get so far")

    def note_processes(self):
        """Remember what runs below the driver."""
        with contextlib.suppress(psutil.NoSuchProcess):
            self.processes.update(below(self.drivers[-1]))

    def kill(self):
        """Kill the driver, and wait until it is gone."""
        self.note_processes()
        self.drivers[-1].kill()
        self.drivers[-1].communicate()

    def runs(self):
        """MLflow's child runs and its parent runs."""
        client = mlflow.MlflowClient(sqlite_url(self.results / "mlflow.db"))
        (experiment,) = [e for e in client.search_experiments() if e.name == self.folder.name]
        found = client.search_runs([experiment.experiment_id])
        return [
            [run for run in found if ("study.trial" in run.data.tags) == child] for child in (True, False)
        ]


def heed_hangups():
    """As in a terminal: whatever nohup starts, these tests too, does not."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def ending(driver):
    """Wait for a driver; returns exit code, what it said, and what it complained of."""
    said, complained = driver.communicate()
    return driver.returncode, said, complained


def signal_trial_processes(driver, number):
    """Send a signal to what trains for a driver, as soon as something does; returns the processes' ids."""
    return signal_processes(driver, "Trainable", number)


def signal_processes(driver, name, number):
    """Send a signal to all below a driver that are called so, as soon as there are any; returns their ids."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and driver.poll() is None:
        reached = []
        for process in below(driver):
            with contextlib.suppress(psutil.NoSuchProcess):  # between two trials none may be left
                if name in "".join(process.cmdline()[:1]):
                    process.send_signal(number)
                    reached.append(process.pid)
        if reached:
            return reached
        time.sleep(0.02)
    ended = "" if driver.poll() is None else f", and the driver ended: {ending(driver)}"
    raise AssertionError(f"there was no {name}{ended}")


def below(driver):
    """Processes that a driver has started, and those below them."""
    return psutil.Process(driver.pid).children(recursive=True)
