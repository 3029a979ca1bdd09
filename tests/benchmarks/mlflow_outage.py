"""Points that MLflow lacks after its server was killed and away, while a study went on.

    python tests/benchmarks/mlflow_outage.py [POINTS [SECONDS]]

A ledger gets trials of EPOCHS epochs and METRICS metrics, AT_ONCE at a time, as fast as it can be written,
until it holds POINTS values (100,000 if none are named). A copy is sent to a server of MLflow's on this
machine, which is killed once a quarter of the trials have ended, and started again SECONDS (60) later. Then
what MLflow's database has of each run, metric and step is compared with the ledger. Exit code 1 if any value
is missing, differs, or is there twice.
"""

import contextlib
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from pathlib import Path

from ray import tune
from study_overhead import settings

from study.records.mlflow_runs import epoch_metrics
from study.records.mlflow_target import Target
from study.records.mlflow_tracking import Tracker
from study.records.study_folder import locked, open_ledger
from study.records.trial_record import Ending, Proposal
from study.running.sampling import distributions

EPOCHS, METRICS, AT_ONCE = 20, 25, 10
CATCH_UP = 900.0  # seconds given to the copy after the last trial
SPACE = distributions({"x": tune.uniform(0.0, 1.0)})


def main(points=100_000, away=60):
    trials = -(-points // (EPOCHS * METRICS))
    with tempfile.TemporaryDirectory() as folder, locked(Path(folder) / "outage"):
        root = Path(folder).resolve()
        server = Server(root)
        server.start()
        ledger = open_ledger(root / "outage", settings(trials, EPOCHS), None)
        tracker = Tracker(Target(server.uri, "outage", root / "artifacts"), ledger)
        tracker.start()
        outage = threading.Thread(target=server.vanish, args=(away,))
        longest = write(ledger, tracker, trials, outage)
        outage.join()
        waited = time.monotonic()
        left = tracker.finish(CATCH_UP)
        waited = time.monotonic() - waited
        server.kill()
        lost, wrong, doubled = compared(ledger, root / "mlflow.db")
        ledger.close()
    print(f"{trials} trials, {trials * EPOCHS * METRICS} points; server away for {away} s")
    print(f"longest write of an epoch {longest:.2f} s; caught up {waited:.0f} s after the server was back")
    print(f"{left} trials unsent, {lost} points lost, {wrong} wrong, {doubled} twice")
    return int(any((left, lost, wrong, doubled)))


def write(ledger, tracker, trials, outage):
    """Run all trials, and let the server vanish at a quarter of them; returns the longest write's seconds."""
    longest = 0.0
    for first in range(0, trials, AT_ONCE):
        numbers = range(first, min(first + AT_ONCE, trials))
        keys = [begin(ledger, number) for number in numbers]
        for epoch in range(1, EPOCHS + 1):
            for number, key in zip(numbers, keys, strict=True):
                started = time.monotonic()
                ledger.add_epoch(key, epoch, metrics(number, epoch))
                if epoch == EPOCHS:
                    ledger.set_ending(key, Ending("completed", epoch, time=time.time()))
                    ledger.tell(key)
                tracker.changed(ledger.get(key))
                longest = max(longest, time.monotonic() - started)
        if outage.ident is None and first >= trials / 4:
            outage.start()
    return longest


def begin(ledger, number):
    params = {"x": number / 1e6}
    proposal = Proposal({**params, "epochs": EPOCHS}, 0, params=params, distributions=SPACE)
    return ledger.add("search", "nothing", f"{number:064x}", proposal).key


def metrics(number, epoch):
    """So many values, of which none is that of another trial or epoch, and the epoch's number."""
    values = {f"metric/{n}": number + epoch / 100 + n / 10_000 for n in range(METRICS - 1)}
    return {**values, "best/accuracy": number / 1e6, "epoch": epoch}


def compared(ledger, database):
    """How many values MLflow lacks, has with another value, and has twice."""
    expected = {
        (record.mlflow_run, name, epoch): value
        for record in ledger.records()
        for epoch in record.epochs
        for name, value in epoch_metrics(record, epoch, ledger.settings).items()
    }
    with contextlib.closing(sqlite3.connect(database)) as connection:
        rows = connection.execute("SELECT run_uuid, key, step, value FROM metrics").fetchall()
    found = {(run, name, step): value for run, name, step, value in rows}
    times = Counter((run, name, step) for run, name, step, _ in rows)
    wrong = sum(place in found and found[place] != value for place, value in expected.items())
    return len(expected.keys() - found.keys()), wrong, sum(count > 1 for count in times.values())


class Server:
    """A server of MLflow's on the loopback address, which can be killed and started again."""

    def __init__(self, root):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self.port}"
        self._root, self._process = root, None

    def start(self):
        database, artifacts = f"sqlite:///{self._root}/mlflow.db", str(self._root / "artifacts")
        options = ["--host", "127.0.0.1", "--port", str(self.port), "--workers", "1"]
        stores = ["--backend-store-uri", database, "--artifacts-destination", artifacts]
        with (self._root / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "mlflow", "server", *options, *stores],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._await()

    def kill(self):
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def vanish(self, seconds):
        self.kill()
        time.sleep(seconds)
        self.start()

    def _await(self):
        for _ in range(120):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{self.uri}/health", timeout=5).close()
                return
            time.sleep(0.5)
        raise TimeoutError((self._root / "server.log").read_text()[-500:])


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
