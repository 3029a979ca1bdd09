"""Whether the Ray that trials run on is still there; where its processes die a driver may wait for ever."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import ray

from study.running.signals import stop

EVERY: Final = 2.0
"""Seconds between two looks."""
SILENCE: Final = 20.0
"""Seconds without an answer after which a cluster's head is gone; Ray itself waits a minute and then ends."""
SILENCE_HERE: Final = 5.0
"""The same of this machine's raylet, to which no network lies between."""


@dataclass(frozen=True)
class Part:
    """What Ray cannot do without."""

    name: str
    reach: Callable[[], None]
    """Raises OSError where nothing answers."""
    silence: float


@contextlib.contextmanager
def watched_over() -> Iterator[None]:
    """Stop the study with a sentence if this machine's raylet or the cluster's head is gone meanwhile."""
    ended = threading.Event()
    thread = threading.Thread(target=_watch, args=(parts(), ended), daemon=True, name="ray-health")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def parts() -> list[Part]:
    """Of the Ray that is connected: the raylet of this machine, and the head; a client of Ray has neither."""
    node = ray._private.worker._global_node
    if node is None:
        return []
    host, port = node.gcs_address.rsplit(":", 1)
    return [
        Part(
            "Ray's process on this machine, the raylet,",
            lambda: _connect_local(node.raylet_socket_name),
            SILENCE_HERE,
        ),
        Part(
            f"the head of Ray at {node.gcs_address}",
            lambda: _connect(host.strip("[]"), int(port)),
            SILENCE,
        ),
    ]


def _watch(asked: Sequence[Part], ended: threading.Event) -> None:
    heard = dict.fromkeys((part.name for part in asked), time.monotonic())
    while not ended.wait(EVERY):
        for part in asked:
            with contextlib.suppress(OSError):
                part.reach()
                heard[part.name] = time.monotonic()
            if time.monotonic() - heard[part.name] > part.silence:
                stop(f"{part.name} is gone")
                return


def _connect_local(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(EVERY)
        client.connect(path)


def _connect(host: str, port: int) -> None:
    socket.create_connection((host, port), timeout=EVERY).close()
