"""F3: a signal ends the driver soon and says to run again; so does the loss of Ray itself."""

import signal
import time

import psutil
import pytest
from oracle import alive
from small_study import below, signal_processes

from study.running.signals import SIGNALS

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.mark.parametrize("number", SIGNALS)
def test_f3_a_signal_ends_the_driver_soon_and_says_to_run_again(study, number):
    driver = study.start()
    study.wait_for_epoch(2)
    require_end(driver, lambda: driver.send_signal(number), number.name)


@pytest.mark.parametrize("delay", [0.0, 1.0, 2.0, 4.0])
def test_f3_a_signal_while_ray_starts_ends_the_driver_soon(study, delay):
    driver = study.start()
    signal_processes(driver, "gcs_server", 0)
    time.sleep(delay)
    require_end(driver, driver.terminate, "SIGTERM")


@pytest.mark.parametrize(("name", "called"), [("raylet", "the raylet"), ("gcs_server", "the head of Ray")])
def test_f3_a_driver_whose_ray_is_killed_says_so_and_ends_and_the_study_goes_on(study, name, called):
    long = ("--epochs", "500")  # trials that run already get on for some seconds
    driver = study.start(*long)
    study.wait_for_epoch(2)
    require_end(driver, lambda: signal_processes(driver, name, signal.SIGKILL), called, within=60)
    before = study.epochs()
    study.start(*long)
    study.wait_for_epoch(before + 1)
    assert study.epochs() > before


def require_end(driver, begin, cause, within=10):
    """Within seconds a driver ends with code 3 and a sentence, and nothing of it stays behind."""
    processes = below(driver)
    begin()
    said, complained = driver.communicate(timeout=within)
    assert driver.returncode == 3
    assert cause in said + complained
    assert "run the same command again to continue" in said + complained
    _, left = psutil.wait_procs(processes, timeout=2)
    assert not [process for process in left if alive(process)]
