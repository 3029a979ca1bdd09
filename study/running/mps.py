"""NVIDIA's Multi-Process Service: under its daemon, processes that share a GPU run beside each other.

Without it they take turns, and four are no faster than one. A process belongs to the daemon that it finds
when it first uses CUDA. One that has used CUDA before the daemon was there, as the driver may have, stays
outside, which harms nobody. All share all of the GPU: no process is bound to a part of its processors.

Beside the standard library this needs `mps_watch` alone, which owns the daemon.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from study.running import mps_watch
from study.running.mps_watch import CONTROL, PIPES, answers, environment

USUAL: Final = Path("/tmp/nvidia-mps")  # noqa: S108
"""Where daemons and clients meet if nothing is set."""
LEFT: Final = 2.0
"""Seconds that a stopping daemon is waited for; its watcher goes on without."""


class NotStarted(RuntimeError):  # noqa: N818  (what happened to a daemon)
    """A daemon does not run: the message says why."""


def available() -> bool:
    """Whether the daemon's program, which NVIDIA's driver brings, is on the PATH."""
    return shutil.which(CONTROL) is not None


def running() -> Path | None:
    """Folder of a daemon that processes started now would use, whoever started it; None if there is none.

    One of another user serves nobody else, unless that user is root.
    """
    place = Path(os.environ.get(PIPES) or USUAL)
    try:
        owner = (place / "control").stat().st_uid
    except OSError:
        return None
    return place if owner in (0, os.getuid()) and answers(place) else None


@contextlib.contextmanager
def daemon() -> Iterator[Path]:
    """Run a daemon of one's own, in a private folder, which is given; processes started meanwhile use it.

    It ends with the context, or with this process if that is killed. Raises NotStarted with the cause.
    """
    if not available():
        raise NotStarted(f"{CONTROL} is not on the PATH")
    watcher = subprocess.Popen(  # noqa: S603  (this program itself)
        [sys.executable, "-I", mps_watch.__file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # what ends the driver's group does not end what cleans up after it
    )
    try:
        folder = _begun(watcher)
        with _set(environment(folder)):
            yield folder
    finally:
        with contextlib.suppress(subprocess.TimeoutExpired):
            watcher.communicate(timeout=LEFT)  # closes the pipe that the watcher waits for


def _begun(watcher: subprocess.Popen[str]) -> Path:
    """Folder of the daemon that the watcher has started."""
    line = next(iter(watcher.stdout or ()), "")
    if not line:
        raise NotStarted(f"the process that watches it ended with code {watcher.wait()}")
    folder, reason = json.loads(line)
    if reason:
        raise NotStarted(reason)
    return Path(folder)


@contextlib.contextmanager
def _set(variables: Mapping[str, str]) -> Iterator[None]:
    """Set variables of the environment for a while."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
