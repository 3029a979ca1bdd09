"""A stand-in for NVIDIA's MPS daemon and the program that gives it orders: it shares nothing."""

import os
import shlex
import signal
import stat
import sys
import time
from pathlib import Path

PID = "nvidia-cuda-mps-control.pid"
LIFE = 60  # seconds after which a forgotten daemon ends by itself


def install(folder: Path) -> Path:
    """Put it into `folder`, under the name of the real one; returns the program."""
    program = folder / "nvidia-cuda-mps-control"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -IS {shlex.quote(__file__)} "$@"\n')
    program.chmod(stat.S_IRWXU)
    return program


def alive(pid: int) -> bool:
    """Whether a process runs."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def pid_in(pipes: Path) -> int:
    """The daemon's process; 0 if none runs."""
    try:
        pid = int((pipes / PID).read_text())
    except (OSError, ValueError):
        return 0
    return pid if alive(pid) else 0


def _serve(pipes: Path) -> None:
    """Be the daemon; it notes what it was given."""
    if os.fork():
        return
    os.setsid()
    signal.alarm(LIFE)
    signal.signal(signal.SIGUSR1, lambda *_: sys.exit())
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "unset")
    Path(os.environ["CUDA_MPS_LOG_DIRECTORY"], "control.log").write_text(visible)
    (pipes / "control").touch()
    (pipes / PID).write_text(str(os.getpid()))
    try:
        while True:
            time.sleep(LIFE)
    finally:
        (pipes / PID).unlink(missing_ok=True)


def _obey(pipes: Path, order: str) -> int:
    pid = pid_in(pipes)
    if not pid:
        print("no daemon runs here")
        return 1
    if order == "quit":
        os.kill(pid, signal.SIGUSR1)
    return 0


if __name__ == "__main__":
    place = Path(os.environ["CUDA_MPS_PIPE_DIRECTORY"])
    if sys.argv[1:] == ["-d"]:
        _serve(place)
    else:
        sys.exit(_obey(place, sys.stdin.read().strip()))
