"""Whether trials share the GPUs of this machine, and the MPS daemon under which they then run."""

import contextlib
from collections.abc import Iterator

import joblib
import torch
from rich.console import Console

from study.running import mps
from study.running.cluster import slots
from study.running.mps_watch import CONTROL
from study.settings import Resources
from trainables.multimodal.errors import InputError


def require_mps(resources: Resources) -> None:
    """Refuse `--mps on` where it could change nothing, or where the daemon's program is missing."""
    if resources.mps == "on" and (reason := _useless(resources)):
        raise InputError(f"--mps on {reason}.")


@contextlib.contextmanager
def sharing(resources: Resources, console: Console) -> Iterator[None]:
    """Let the processes that Ray starts meanwhile share GPUs under MPS, where that is asked for.

    It comes before Ray, whose processes inherit the environment. One daemon serves all GPUs. One that runs
    already is used and left alone. Raises InputError where the daemon does not start and `on` is asked for.
    """
    with contextlib.ExitStack() as stack:
        if resources.mps != "off" and not resources.address and _shares(resources):
            console.print(_begin(resources, stack), soft_wrap=True)
        yield


def _begin(resources: Resources, stack: contextlib.ExitStack) -> str:
    """See to a daemon, and say which, or why there is none."""
    if place := mps.running():
        return f"Trials that share a GPU use the MPS daemon that runs already ({place})."
    try:
        folder = stack.enter_context(mps.daemon())
    except mps.NotStarted as error:
        if resources.mps == "on":
            raise InputError(f"--mps on: the MPS daemon does not start ({error}).") from error
        return f"Trials that share a GPU take turns: the MPS daemon does not start ({error})."
    return f"Trials that share a GPU run beside each other, under an MPS daemon of this study ({folder})."


def _useless(resources: Resources) -> str:
    """Why a daemon of this machine would serve nothing; empty if it would."""
    if resources.address:
        return (
            f"starts a daemon on this machine alone: start those of the cluster at {resources.address} with "
            "the start command of its nodes (study/cluster/README.md), and leave out --mps"
        )
    if not _on_cuda(resources):
        return "needs a GPU that trials use: leave out --mps, or choose another --device"
    if not _shares(resources):
        return "needs trials that share a GPU: set --gpus-per-trial to .5 or less, with room for two at once"
    if not mps.available():
        return f"needs {CONTROL}, which NVIDIA's driver brings, on the PATH"
    return ""


def _on_cuda(resources: Resources) -> bool:
    return resources.device != "cpu" and torch.cuda.is_available()


def _shares(resources: Resources) -> bool:
    """Whether two trials of this machine may be on one GPU at once."""
    if not (resources.shares_gpu and _on_cuda(resources)):
        return False
    return slots(resources, {"CPU": joblib.cpu_count(), "GPU": torch.cuda.device_count()}) > 1
