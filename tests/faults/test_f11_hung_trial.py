"""F11: the process of a trial stands still; it is ended after a limit, and writes nothing when it wakes."""

import contextlib
import os
import signal

import pytest
from small_study import COUNTED_RUN, ending, signal_trial_processes

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(300)]
IMPATIENT = (
    "import runpy, sys; sys.argv = sys.argv[1:]; from study.running import hang_watch; "
    "hang_watch.FLOOR = 40.0; runpy.run_path(sys.argv[0], run_name='__main__')"
)


def test_f11_a_trial_that_hangs_is_ended_and_retried_and_wakes_up_to_nothing(study, calm):
    driver = study.start(program=["-c", IMPATIENT, str(COUNTED_RUN), str(study.trace)])
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
