"""The Ray that trials run on: one of our own on this machine, or a cluster that was named."""

import contextlib
import os
import signal
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import ray
from ray._private import ray_constants
from ray.exceptions import RayError

from study.running import local_ray
from study.running.cluster_address import require_answer
from study.running.own_code import sent
from study.running.signals import Interrupted, catch_signals
from study.running.surroundings import last_line
from study.settings import Resources
from trainables.multimodal.collector import collector_off
from trainables.multimodal.errors import InputError

MOST_SLOTS = 1_000_000  # where neither CPUs nor GPUs bound the number of trials at once
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")  # the ledger holds what they would write
os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")  # progress is ours
os.environ.setdefault("TUNE_DISABLE_SIGINT_HANDLER", "1")  # stopping is ours: nothing of Ray's needs saving
os.environ.setdefault("TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "1")  # hide CUDA from trials without a GPU


def require_unstarted() -> None:
    """Refuse a process with a Ray that somebody else started: a study would use it and end it."""
    if ray.is_initialized():
        raise InputError(
            "Ray runs in this process already, and a study starts and ends one of its own: "
            "call ray.shutdown() first, and name a cluster by Resources(address=...)."
        )


def connect(resources: Resources, parts: Iterable[str] = ()) -> None:
    """Start a Ray of our own on this machine, or join the cluster that was named and send it own parts."""
    if ray.is_initialized():
        return
    try:
        with _handlers_of_python():
            if resources.address:
                _join(resources.address, sent(parts))
            else:
                local_ray.start()
    except SystemExit as error:  # what Ray's handler of SIGTERM raises while it starts
        raise Interrupted(signal.SIGTERM.name) from error
    finally:
        catch_signals()  # Ray has put handlers of its own in their place
    _check_room(resources)


@contextlib.contextmanager
def _handlers_of_python() -> Iterator[None]:
    """Keep the core of a Ray that starts meanwhile from handling SIGTERM: it aborts the process.

    Its handler is there to tell of crashes, and is replaced by `catch_signals` only once Ray has started.
    """
    before = ray_constants.RAY_DISABLE_FAILURE_SIGNAL_HANDLER
    ray_constants.RAY_DISABLE_FAILURE_SIGNAL_HANDLER = True
    try:
        yield
    finally:
        ray_constants.RAY_DISABLE_FAILURE_SIGNAL_HANDLER = before


def _join(address: str, modules: list[str]) -> None:
    require_answer(address)
    sent_along = {"runtime_env": {"py_modules": modules}} if modules else {}
    try:
        ray.init(address=address, log_to_driver=False, logging_level="ERROR", **sent_along)
    except (RayError, ConnectionError, ValueError, RuntimeError) as error:
        raise InputError(f"the Ray cluster at {address} cannot be joined: {last_line(error)}") from error


def _check_room(resources: Resources) -> None:
    """Refuse what no node can hold, instead of waiting for ever."""
    nodes = [node["Resources"] for node in nodes_alive()]
    wanted = {"CPU": resources.cpus_per_trial, "GPU": resources.gpus_per_trial}
    if not any(all(node.get(kind, 0) >= amount for kind, amount in wanted.items()) for node in nodes):
        raise InputError(
            f"no node has {wanted['CPU']:g} CPUs and {wanted['GPU']:g} GPUs for a trial: "
            "lower --cpus-per-trial or --gpus-per-trial."
        )


def nodes_alive() -> list[dict[str, Any]]:
    """What Ray knows of every node that is alive."""
    return [node for node in ray.nodes() if node["Alive"]]


def slots(resources: Resources, capacity: Mapping[str, float]) -> int:
    """How many trials run at once, by what the cluster or machine has of CPU and GPU."""
    held = {"CPU": resources.cpus_per_trial, "GPU": resources.gpus_per_trial}
    fitting = [how_often(amount, capacity.get(kind, 0)) for kind, amount in held.items() if amount]
    room = max(1, min([*fitting, MOST_SLOTS]))
    return min(room, resources.max_concurrent or room)


def how_often(amount: float, capacity: float) -> int:
    """How many times an amount fits into a capacity: 0.1 ten times into 1, though floats make 9 of it."""
    return int(capacity / amount + 1e-9)


def disconnect() -> None:
    """Stop Ray if it was started.

    The collector is off meanwhile. It may run in any thread, and a handle of Ray's that it drops there calls
    Ray's core. Where the core has just been shut down, that ends the process.
    """
    if ray.is_initialized():
        with collector_off():
            ray.shutdown()
