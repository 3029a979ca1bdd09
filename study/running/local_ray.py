"""A Ray of our own on this machine: where its files lie, and whether it can start processes."""

import contextlib
import os
import secrets
import shlex
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import joblib
import ray
import torch
from ray._private import ray_constants
from ray.exceptions import GetTimeoutError
from ray.tune.execution.class_cache import DEFAULT_ENV_VARS

from study.running.surroundings import last_line
from trainables.multimodal.errors import InputError

LONGEST_SOCKET: Final = 107 if sys.platform == "linux" else 103
"""Bytes in the path of a socket."""
_SOCKET: Final = "session_2026-01-01_00-00-00_000000_0000000/sockets/plasma_store.1"
"""The longest that Ray makes below its folder."""
_UNQUOTED: Final = frozenset("'\\")
"""Characters that the command line with which Ray starts processes does not survive."""
SHARED: Final = Path("/tmp/ray")  # noqa: S108
"""Ray's own choice where nothing is set, made by whoever comes first."""
OWN: Final = Path(f"/tmp/ray-{os.getuid()}")  # noqa: S108
STARTED: Final = 60.0
"""Seconds that a first process, which imports nothing, has to start."""


def require_place() -> None:
    """Raise InputError where Ray could start no process, or has no folder for its files; before any work."""
    if held := (_UNQUOTED | {"%"}).intersection(sys.executable):  # MLflow's migrations take % for a pattern
        raise InputError(
            f"the Python environment lies at {sys.executable}, and Ray and MLflow do not work where its path "
            f"holds {' or '.join(sorted(held))}: make it elsewhere"
        )
    place()


def start() -> None:
    """Start Ray, and see that a process of it starts.

    That has the environment that Tune asks for where no variable says more, so that the first trial runs in
    it. Ray's own early processes, one for each CPU, have another: no trial could use them, and none starts.

    Ray starts the processes of trials through a shell without quoting the interpreter's path, so that it is
    given the quoted one. Its token stays in this process's environment: otherwise Ray would write one into
    the home, which may be read-only. Raises InputError with the cause.
    """
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    folder, passed_over = place()
    if passed_over:
        print(f"{passed_over}: the files of Ray lie in {folder}", file=sys.stderr)
    try:
        with _on_loopback():
            ray.init(
                address="local",
                num_cpus=joblib.cpu_count(),  # Ray itself knows no affinity
                num_gpus=torch.cuda.device_count(),  # as trials see them: those of CUDA_VISIBLE_DEVICES
                include_dashboard=False,
                log_to_driver=False,
                logging_level="ERROR",
                runtime_env={"py_executable": shlex.quote(sys.executable)},
                _node_ip_address="127.0.0.1",
                _temp_dir=str(folder),
                _system_config={"prestart_worker_first_driver": False},
            )
        of_a_trial = ray.remote(num_cpus=0, runtime_env={"env_vars": DEFAULT_ENV_VARS})
        ray.get(of_a_trial(lambda: None).remote(), timeout=STARTED)  # by its name it would import this module
    except GetTimeoutError as error:
        raise InputError(
            f"no process of Ray starts within {STARTED:.0f} s with {sys.executable}: "
            f"see the files in {folder}/session_latest/logs"
        ) from error
    except Exception as error:  # Ray raises plain ones
        raise InputError(
            f"Ray does not start on this machine ({last_line(error)}): if it is busy, run the same command "
            f"again, else see the files in {folder}/session_latest/logs"
        ) from error


@contextlib.contextmanager
def _on_loopback() -> Iterator[None]:
    """Let a Ray that starts meanwhile listen on the loopback interface alone, as it does on macOS.

    Otherwise it takes 127.0.0.1 for an address that must be made reachable, and listens on all interfaces.
    Its processes inherit the environment; this one may join a cluster later.
    """
    name, before = ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR, ray_constants.ENABLE_RAY_CLUSTER
    os.environ[name], ray_constants.ENABLE_RAY_CLUSTER = "0", False
    try:
        yield
    finally:
        del os.environ[name]
        ray_constants.ENABLE_RAY_CLUSTER = before


def place() -> tuple[Path, str]:
    """Where Ray keeps sockets and logs, and why not at a place that comes before it, if one does.

    That is where RAY_TMPDIR says, or else the first that will do of TMPDIR, /tmp and a folder of one's own in
    /tmp, as another user may have made Ray's. Raises InputError where none will do.
    """
    chosen, temporary = os.environ.get("RAY_TMPDIR"), os.environ.get("TMPDIR")
    set_by_user = [Path(name, "ray").absolute() for name in [chosen or temporary] if name]
    reasons: list[str] = []
    for folder in set_by_user if chosen else [*set_by_user, SHARED, OWN]:
        if not (reason := _unusable(folder)):
            return folder, "; ".join(reasons)
        reasons.append(reason)
    raise InputError(
        f"there is no folder for the files of Ray ({'; '.join(reasons)}): set RAY_TMPDIR to a short folder "
        "on a local disk"
    )


def _unusable(folder: Path) -> str:
    """Why Ray's files cannot lie in a folder; empty if they can. Nothing is made: Ray makes it."""
    longest = len(os.fsencode(folder / _SOCKET))
    if longest > LONGEST_SOCKET:
        room = LONGEST_SOCKET - len(_SOCKET) - len("/ray/")
        return f"the path {folder.parent} has more than the {room} bytes that sockets allow"
    if held := _UNQUOTED.intersection(str(folder)):
        return f"the path {folder.parent} holds {' and '.join(sorted(held))}"
    try:
        with tempfile.TemporaryFile(dir=next(place for place in (folder, *folder.parents) if place.exists())):
            return ""
    except OSError as error:
        return f"{folder} cannot be written: {error.strerror}"
