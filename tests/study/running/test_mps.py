"""The MPS daemon of a study comes before its trials, is private, and never outlives the driver."""

import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from stub_mps import alive, install, pid_in

from study.running import mps, mps_watch
from study.running.mps_watch import LOGS, PIPES

DRIVER = """
import os, time
from study.running import mps
with mps.daemon() as folder:
    print(folder, flush=True)
    time.sleep(60)
"""
PATIENCE = 20.0


@pytest.fixture
def stubbed(monkeypatch, tmp_path):
    """A PATH of the test's own begins with the stand-in, and no daemon runs at the usual place."""
    program = install(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv(PIPES, raising=False)
    monkeypatch.delenv(LOGS, raising=False)
    monkeypatch.setattr(mps, "USUAL", tmp_path / "usual")
    return program


def started(pipes, log):
    """Somebody else's daemon; returns its process."""
    pipes.mkdir()
    environment = os.environ | {PIPES: str(pipes), LOGS: str(log)}
    subprocess.run([mps_watch.CONTROL, "-d"], check=True, env=environment)
    wait_until(lambda: pid_in(pipes))
    return pid_in(pipes)


def wait_until(holds):
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_daemon_runs_in_private_folders_while_it_is_needed(stubbed):
    with mps.daemon() as folder:
        pid = pid_in(folder / "pipe")
        assert alive(pid)
        assert {os.environ[PIPES], os.environ[LOGS]} == {str(folder / "pipe"), str(folder / "log")}
        places = (folder, folder / "pipe", folder / "log")
        assert {stat.S_IMODE(place.stat().st_mode) for place in places} == {0o700}
        assert len(os.fsencode(folder / "pipe" / "control_privileged")) <= 107
        assert mps.running() == folder / "pipe"
    wait_until(lambda: not alive(pid))
    wait_until(lambda: not folder.exists())
    assert not {PIPES, LOGS} & os.environ.keys()


def test_what_was_set_before_is_set_again(stubbed, monkeypatch, tmp_path):
    monkeypatch.setenv(PIPES, str(tmp_path / "gone"))
    assert mps.running() is None
    with mps.daemon() as folder:
        assert os.environ[PIPES] == str(folder / "pipe")
    assert os.environ[PIPES] == str(tmp_path / "gone")


@pytest.mark.parametrize(
    ("visible", "given"), [("2,3", "unset"), ("GPU-1a,GPU-2b", "GPU-1a,GPU-2b"), ("GPU-1a,0", "unset")]
)
def test_devices_are_not_numbered_twice(stubbed, monkeypatch, visible, given):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    with mps.daemon() as folder:
        assert (folder / "log" / "control.log").read_text() == given


def test_temporary_files_that_lie_too_deep_for_sockets_are_passed_over(stubbed, monkeypatch, tmp_path):
    deep = tmp_path / ("x" * 100)
    deep.mkdir()
    monkeypatch.setenv("TMPDIR", str(deep))
    with mps.daemon() as folder:
        assert folder.parent == Path("/tmp")


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo starting; echo no device >&2; exit 3", "no device"),
        ("exit 3", "exit code 3"),
        ("exec /nowhere/at/all", "/nowhere/at/all"),
    ],
)
def test_a_daemon_that_fails_says_why_and_leaves_nothing(stubbed, monkeypatch, tmp_path, script, reason):
    place = Path(tempfile.mkdtemp(prefix="t-", dir="/tmp"))
    monkeypatch.setenv("TMPDIR", str(place))
    stubbed.write_text(f"#!/bin/sh\n{script}\n")
    with pytest.raises(mps.NotStarted, match=reason), mps.daemon():
        raise AssertionError("it runs")
    assert PIPES not in os.environ
    place.rmdir()  # it is empty


def test_a_daemon_that_does_not_answer_does_not_run(stubbed, monkeypatch, tmp_path):
    monkeypatch.setattr(mps_watch, "STARTED", 0.2)
    stubbed.write_text('#!/bin/sh\n[ "$1" = -d ]\n')
    assert mps_watch.start(tmp_path) == "no answer within 0 s"


def test_a_daemon_that_does_not_end_is_killed(stubbed, monkeypatch, tmp_path):
    monkeypatch.setattr(mps_watch, "STOPPED", 0.2)
    assert mps_watch.start(tmp_path) == ""
    pid = pid_in(tmp_path / "pipe")
    stubbed.write_text("#!/bin/sh\nexit 0\n")
    mps_watch.stop(tmp_path)
    wait_until(lambda: not alive(pid))


def test_without_its_program_there_is_no_daemon(stubbed):
    stubbed.unlink()
    with pytest.raises(mps.NotStarted, match=r"nvidia-cuda-mps-control is not on the PATH"), mps.daemon():
        raise AssertionError("it runs")


@pytest.mark.parametrize("set_by_user", [True, False])
def test_a_daemon_that_runs_already_is_found(stubbed, monkeypatch, tmp_path, set_by_user):
    pipes = tmp_path / ("named" if set_by_user else "usual")
    assert mps.running() is None
    pid = started(pipes, tmp_path)
    if set_by_user:
        monkeypatch.setenv(PIPES, str(pipes))
    assert mps.running() == pipes
    os.kill(pid, signal.SIGUSR1)
    wait_until(lambda: not alive(pid))
    assert (pipes / "control").exists()  # sockets stay behind
    assert mps.running() is None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_the_daemon_ends_with_a_driver_that_is_killed(stubbed, number):
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVER],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    with driver:
        folder = Path(driver.stdout.readline().decode().strip())
        pid = pid_in(folder / "pipe")
        assert alive(pid)
        os.killpg(driver.pid, number)  # as a terminal and batch systems do
        driver.wait()
    wait_until(lambda: not folder.exists())
    wait_until(lambda: not alive(pid))  # it was told to quit, and takes a moment


def test_it_needs_nothing_but_python():
    heavy = "{'ray', 'torch', 'mlflow', 'optuna', 'numpy'}"
    told = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import sys; from study.running import mps; print({heavy} & sys.modules.keys())",
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    assert told.stdout == "set()\n"


def test_the_watcher_outlives_a_signal_that_is_sent_to_every_process(stubbed):
    with mps.daemon() as folder:
        pid = pid_in(folder / "pipe")
        (watcher,) = [int(p) for p in os.listdir("/proc") if p.isdigit() and _watches(int(p), os.getpid())]
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            os.kill(watcher, number)
        time.sleep(0.2)
        assert alive(pid)
    wait_until(lambda: not alive(pid))  # on a busy machine the watcher needs longer than it is waited for
    wait_until(lambda: not folder.exists())


def _watches(process, parent):
    """Whether a process is the watcher that another has started."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        return int(state[1]) == parent and "mps_watch" in Path(f"/proc/{process}/cmdline").read_text()
    except OSError:
        return False
