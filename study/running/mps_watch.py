"""Starts NVIDIA's MPS daemon, and stops it when the process that asked for it has ended, however that came.

`mps` runs this file by its path, in a session of its own: it needs the standard library alone. Its standard
input is a pipe whose other end the asking process holds. The system closes that end with the process, by
SIGKILL too, so that nothing has to be looked at again and again. It answers on standard output with one line
of JSON: the daemon's folder, and why it does not run, which is empty if it does.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

CONTROL: Final = "nvidia-cuda-mps-control"
"""The daemon, and the program that gives it orders."""
PIPES: Final = "CUDA_MPS_PIPE_DIRECTORY"
LOGS: Final = "CUDA_MPS_LOG_DIRECTORY"
VISIBLE: Final = "CUDA_VISIBLE_DEVICES"
PID: Final = "nvidia-cuda-mps-control.pid"
"""File of a daemon that runs, beside its sockets; those stay behind it."""
STARTED, ANSWERED, STOPPED = 10.0, 5.0, 10.0
"""Seconds that a daemon has to answer at first, to take an order, and to end."""
_ROOM: Final = 107 - len("/mps-12345678/pipe/control_privileged")
"""Bytes that the path of a socket leaves for the folder of temporary files."""
_LOOK: Final = 0.05


def environment(folder: Path) -> dict[str, str]:
    """Where the clients of the daemon in `folder` find it."""
    return {PIPES: str(folder / "pipe"), LOGS: str(folder / "log")}


def answers(pipes: Path) -> bool:
    """Whether a daemon listens in the folder `pipes`."""
    return _order("get_server_list", {PIPES: str(pipes)})


def main() -> None:
    """Serve one process from its question to its end."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # batch systems send them to all processes
        signal.signal(number, lambda *_: None)  # the daemon would inherit SIG_IGN
    folder = Path(tempfile.mkdtemp(prefix="mps-", dir=_place()))
    try:
        reason = start(folder)
        print(json.dumps([str(folder), reason]), flush=True)
        if not reason:
            sys.stdin.read()
    finally:
        stop(folder)
        shutil.rmtree(folder, ignore_errors=True)


def start(folder: Path) -> str:
    """Start a daemon whose files lie in `folder`; returns why it does not run, empty if it does."""
    for place in environment(folder).values():
        Path(place).mkdir(mode=0o700)
    said = folder / "said"  # a pipe would be held open by the daemon
    try:
        with said.open("w") as output:
            ended = subprocess.run(  # noqa: S603  (nothing in it comes from outside)
                [CONTROL, "-d"],
                env={**_own(), **environment(folder)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=STARTED,
            )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if ended.returncode:
        lines = said.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"exit code {ended.returncode}"
    if not _until(lambda: answers(folder / "pipe"), STARTED):
        return f"no answer within {STARTED:.0f} s"
    return ""


def stop(folder: Path) -> None:
    """End the daemon of `folder` with its servers; one that does not end by itself is killed."""
    _order("quit", environment(folder))
    pid = folder / "pipe" / PID
    if not _until(lambda: not pid.exists(), STOPPED):
        with contextlib.suppress(OSError, ValueError):  # it has ended meanwhile
            os.kill(int(pid.read_text()), signal.SIGKILL)


def _own() -> dict[str, str]:
    """The environment of the daemon: its clients choose the devices, by the numbers that they always have.

    A daemon numbers the devices that it sees anew, so that numbers would be taken twice. Names are not.
    """
    visible = os.environ.get(VISIBLE, "")
    named = all(name.strip().startswith(("GPU-", "MIG-")) for name in visible.split(","))
    return {name: value for name, value in os.environ.items() if name != VISIBLE or named}


def _place() -> str:
    """Folder of temporary files whose path is short enough for sockets."""
    chosen = tempfile.gettempdir()
    return chosen if len(os.fsencode(chosen)) <= _ROOM else "/tmp"  # noqa: S108


def _order(order: str, places: dict[str, str]) -> bool:
    """Give a daemon an order; False if it takes none."""
    try:
        ended = subprocess.run(  # noqa: S603  (nothing in it comes from outside)
            [CONTROL],
            env={**os.environ, **places},
            input=f"{order}\n",
            text=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=ANSWERED,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return ended.returncode == 0


def _until(holds: Callable[[], bool], seconds: float) -> bool:
    """Wait until something holds; False if it does not within so many seconds."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(_LOOK)
    return True


if __name__ == "__main__":
    main()
