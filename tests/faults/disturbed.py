"""Faults, done to a study that runs: real signals to real processes, real damage to real files."""

import contextlib
import signal
import sqlite3
import threading
import time
from collections import Counter

import psutil
from oracle import Evidence, outcome, violations
from small_study import ONE_BY_ONE, SmallStudy, ending, signal_processes, signal_trial_processes

from study.running.trial_files import KEPT

TOLD = 60.0  # seconds in which Ray's agents tell a GCS that was killed, too, of their killed raylet
SHORT = [*ONE_BY_ONE, "--sweep", "lam=0,1"]  # all stages, in few trials


class Disturbed(SmallStudy):
    """A small study that faults hit; it counts them by the trials that were under way."""

    def __init__(self, *given, **named):
        super().__init__(*given, **named)
        self.faults = Counter()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for driver in self.drivers:
            driver.kill()
            driver.communicate()

    def under_way(self):
        """Keys of the trials without an end."""
        found = self.trials().values() if self.ledger.exists() else ()
        return {trial.user_attrs["key"] for trial in found if not trial.state.is_finished()}

    @contextlib.contextmanager
    def hit(self, times=1):
        """Count what happens meanwhile as faults of the trials that are under way before or after."""
        hit = self.under_way()
        yield
        self.faults.update(dict.fromkeys(hit | self.under_way(), times))

    def outcome(self):
        """What it came to, for the oracle."""
        for driver in self.drivers:
            driver.wait()
        _, alive = psutil.wait_procs(self.processes, timeout=TOLD + 15)
        return outcome(self.folder, self.url, self.trace, alive)

    def require(self, calm, code):
        """All invariants hold."""
        found = violations(Evidence(calm, self.outcome(), code, self.faults))
        assert not found, found


def kill_driver(study):
    """F2: the driver, and with it Ray, is gone at once."""
    with study.hit():
        study.kill()


def end_driver(study, number=signal.SIGTERM):
    """F3: the driver is asked to end; returns how it did."""
    with study.hit():
        study.note_processes()
        study.drivers[-1].send_signal(number)
        return ending(study.drivers[-1])


def kill_trial(study):
    """F1: the process of a trial is gone."""
    with study.hit():
        signal_trial_processes(study.drivers[-1], signal.SIGKILL)


def kill_ray(study, name="raylet"):
    """A process of Ray itself is gone; returns how the driver ended."""
    with study.hit():
        study.note_processes()
        signal_processes(study.drivers[-1], name, signal.SIGKILL)
        return ending(study.drivers[-1])


def damage_checkpoints(study, damage):
    """F5: the driver is killed, and the newest checkpoint of each trial under way is damaged.

    A trial begins anew where it has no other: each kept checkpoint may cost what came after it.
    """
    with study.hit(times=1 + KEPT):
        study.kill()
        for trial in study.folder.glob("checkpoints/*/*/*"):
            if kept := sorted(trial.glob("*/epoch-*.ckpt"), key=lambda path: path.name):
                damage(kept[-1])


def truncate(path):
    """Leave the first half."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path):
    """Change one bit in the middle."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def remove(path):
    """Leave nothing."""
    path.unlink()


@contextlib.contextmanager
def held(database):
    """F7: meanwhile another program holds a SQLite database for itself."""
    with contextlib.closing(sqlite3.connect(database, timeout=30, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


def hold(database, seconds):
    """Hold a database for some seconds, from beside; returns the thread, to be waited for."""

    def keep():
        with held(database):
            time.sleep(seconds)

    thread = threading.Thread(target=keep)
    thread.start()
    return thread
