"""How many trials fit at once, and what a Ray that starts does to signals."""

import os
import subprocess
import sys
from pathlib import Path

import dropped_handles
import pytest
import system_handlers

from study.running.cluster import MOST_SLOTS, slots
from study.settings import Resources


@pytest.mark.parametrize(
    ("gpus", "shares", "alone"),
    [(0.0, False, 0.0), (0.25, True, 1.0), (0.5, True, 1.0), (0.6, False, 0.6), (2.0, False, 2.0)],
)
def test_a_trial_that_is_to_be_alone_holds_the_gpu_that_others_would_share(gpus, shares, alone):
    resources = Resources(2.0, gpus)
    assert resources.shares_gpu == shares
    assert resources.held(alone=False) == {"cpu": 2.0, "gpu": gpus}
    assert resources.held(alone=True) == {"cpu": 2.0, "gpu": alone}


@pytest.mark.parametrize(
    ("resources", "capacity", "fitting"),
    [
        (Resources(1, 0), {"CPU": 4}, 4),
        (Resources(3, 0), {"CPU": 4}, 1),
        (Resources(1, 0.5), {"CPU": 16, "GPU": 2}, 4),
        (Resources(1, 0.2), {"CPU": 16, "GPU": 1}, 5),  # where floats make 4 of 1 // 0.2
        (Resources(1, 0.1), {"CPU": 16, "GPU": 1}, 10),
        (Resources(0.4, 0), {"CPU": 8}, 20),
        (Resources(1, 0.3), {"CPU": 16, "GPU": 1}, 3),
        (Resources(1, 1), {"CPU": 16}, 1),  # Ray waits for what a cluster may still get
        (Resources(1, 0, max_concurrent=2), {"CPU": 4}, 2),
        (Resources(1, 0, max_concurrent=9), {"CPU": 4}, 4),
        (Resources(0, 0), {"CPU": 4}, MOST_SLOTS),
    ],
)
def test_trials_at_once_are_what_fits_and_no_more_than_asked_for(resources, capacity, fitting):
    assert slots(resources, capacity) == fitting


WATCHED = """
import signal, threading
from study.running.cluster import connect, disconnect
from study.settings import Resources
from system_handlers import system_handler

signal.signal(signal.SIGTERM, print)
seen, done = {system_handler(signal.SIGTERM)}, threading.Event()

def watch():
    while not done.wait(0.001):
        seen.add(system_handler(signal.SIGTERM))

thread = threading.Thread(target=watch)
thread.start()
connect(Resources(1.0, 0.0))
done.set()
thread.join()
disconnect()
print(len(seen), "handler")
"""


@pytest.mark.slow
def test_while_ray_starts_no_handler_of_sigterm_is_there_but_pythons():
    path = os.pathsep.join([str(Path(system_handlers.__file__).parent), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-c", WATCHED]
    said = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=True
    )
    assert said.stdout.split() == ["1", "handler"]


@pytest.mark.slow
def test_a_thread_that_makes_garbage_of_handles_outlives_the_end_of_ray():
    command = [sys.executable, dropped_handles.__file__, "ours"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    before, after = map(int, said.split())
    assert 0 < after < before < dropped_handles.HANDLES
