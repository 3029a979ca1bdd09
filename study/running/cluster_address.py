"""Whether a Ray cluster answers at an address, asked before Ray itself tries for minutes."""

import json
import os
import platform
import socket
import threading
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Final

import ray
from ray._private.services import canonicalize_bootstrap_address, parse_address
from ray._raylet import GcsClient  # type: ignore[attr-defined]
from ray.exceptions import AuthenticationError, RayError

from trainables.multimodal.errors import InputError

CLIENT: Final = "ray://"
"""Of Ray Client, whose server lies on the cluster and is asked by Ray."""
CONNECTED: Final = 5.0
"""Seconds that a connection may take."""
ANSWERED: Final = 15.0
"""Seconds that the head may take to answer over it."""


def require_answer(address: str) -> None:
    """Raise InputError with the cause where no cluster that this process can join answers, within 20 s.

    Ray waits two minutes or more where nothing listens, and calls a wrong token the same as a dead head.
    """
    _require_listener(address)
    if address.startswith(CLIENT):
        return
    _require_token()
    try:
        running = _versions(address)
    except AuthenticationError as error:
        raise InputError(
            f"the Ray cluster at {address} wants another token ({_token()}): set RAY_AUTH_MODE=token and "
            "RAY_AUTH_TOKEN as on its nodes"
        ) from error
    except (Empty, RayError) as error:
        raise InputError(
            f"what listens at {address} does not answer as the head of a Ray cluster does: name the host and "
            "port that `ray start --head` printed"
        ) from error
    own = {"Ray": ray.__version__, "Python": platform.python_version()}
    if running and running != own:
        theirs, ours = (" and ".join(f"{name} {v}" for name, v in they.items()) for they in (running, own))
        raise InputError(
            f"the Ray cluster at {address} runs {theirs}, and this process {ours}: make them equal"
        )


def _require_listener(address: str) -> None:
    """Something listens at an address."""
    try:
        place = address.removeprefix(CLIENT) if address.startswith(CLIENT) else _canonical(address)
        host, port = parse_address(place) or ("", "")
        socket.create_connection((host, int(port)), timeout=CONNECTED).close()
    except ValueError as error:
        raise InputError(f"--address {address} is no address of a Ray cluster, which is HOST:PORT") from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(
            f"nothing listens at {address} ({reason}): see that the head of the Ray cluster runs there, and "
            "that this is its port"
        ) from error


def _canonical(address: str) -> str:
    """Host and port, which `auto` stands for, too."""
    canonical: str | None = canonicalize_bootstrap_address(address)
    if canonical is None:
        raise InputError(f"--address {address} names no cluster, and none runs on this machine")
    return canonical


def _require_token() -> None:
    """A token can be found where one is to be sent: without it Ray would end this process."""
    if os.environ.get("RAY_AUTH_MODE") != "token" or os.environ.get("RAY_AUTH_TOKEN"):
        return
    file = Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or Path.home() / ".ray" / "auth_token")
    if not file.is_file():
        raise InputError(
            f"RAY_AUTH_MODE is token, and neither RAY_AUTH_TOKEN is set nor is there a file {file}"
        )


def _token() -> str:
    """What this process has sent, in words."""
    sent = os.environ.get("RAY_AUTH_MODE") == "token"
    return "this process has sent one that is wrong" if sent else "this process has sent none"


def _versions(address: str) -> dict[str, str]:
    """Versions of Ray and Python on the cluster; empty where it does not tell them.

    Asked in a thread, as the client of Ray waits longer than anybody would. Raises what Ray does, or Empty.
    """
    told: SimpleQueue[bytes | RayError | None] = SimpleQueue()

    def ask() -> None:
        try:
            told.put(GcsClient(address=_canonical(address)).internal_kv_get(b"CLUSTER_METADATA", b"cluster"))
        except RayError as error:
            told.put(error)

    threading.Thread(target=ask, daemon=True).start()
    answer = told.get(timeout=ANSWERED)
    if isinstance(answer, RayError):
        raise answer
    known = json.loads(answer) if answer else {}
    return {"Ray": known["ray_version"], "Python": known["python_version"]} if known else {}
