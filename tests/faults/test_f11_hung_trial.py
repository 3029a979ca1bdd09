"""F11: the process of a trial stands still; it is ended after a limit, and writes nothing when it wakes."""

import contextlib
import os
import re
import signal
from pathlib import Path

import psutil
import pytest
from oracle import alive
from small_study import ending, signal_trial_processes

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(300)]
STUCK_RUN = str(Path(__file__).with_name("stuck_run.py"))


def test_f11_a_trial_that_hangs_is_ended_and_retried_and_wakes_up_to_nothing(study, calm):
    driver = study.start("--hung-after", "20")
    study.wait_for_epoch(2)
    with study.hit():
        stopped = signal_trial_processes(driver, signal.SIGSTOP)
        study.wait_for_epoch(study.epochs() + 1)
    for pid in stopped:
        with contextlib.suppress(ProcessLookupError):  # it is ended for good already
            os.kill(pid, signal.SIGCONT)
    code, _, complained = ending(driver)
    assert "no result for" in complained
    study.require(calm, code)


def test_f11_a_first_epoch_that_hangs_is_ended_by_its_forecast(study, calm, tmp_path):
    note = tmp_path / "stuck"
    driver = study.start(program=[STUCK_RUN, str(study.trace), str(note)])
    with study.hit():
        study.wait_for_epoch(1)
    stuck = int(note.read_text())
    left = [psutil.Process(stuck)] if psutil.pid_exists(stuck) else []
    psutil.wait_procs(left, timeout=20)
    assert not [process for process in left if alive(process)]
    code, _, complained = ending(driver)
    (said,) = [line for line in complained.splitlines() if "no result for" in line]
    assert int(re.search(r"(\d+) s", said)[1]) < 60
    study.require(calm, code)
