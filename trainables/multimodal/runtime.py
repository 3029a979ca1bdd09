"""Device, precision and random numbers of the process that trains."""

import contextlib
import getpass
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from trainables.multimodal.config import TrainerConfig
from trainables.multimodal.errors import InputError
from trainables.multimodal.networks.encoders import RESNET_STAGES

Module = TypeVar("Module", bound=nn.Module)

SAFE_CHANNELS = 16
"""With fewer, the gradient of a strided 1 x 1 convolution in channels_last overruns its memory on a CPU (seen
with torch 2.11: crashes, or wrong numbers in silence)."""


@dataclass(frozen=True)
class Runtime:
    """How this process computes, with every `auto` resolved."""

    device: torch.device
    bf16: bool
    memory_format: torch.memory_format

    @contextlib.contextmanager
    def autocast(self) -> Iterator[None]:
        """The precision of encoders; weights, heads and losses stay fp32."""
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.bf16):
            yield

    def place(self, module: Module) -> Module:
        """Move a module to the device; its weights' memory format is then that of the convolutions."""
        module.to(self.device)
        module.to(memory_format=self.memory_format)  # type: ignore[call-overload]
        return module


def resolve(config: TrainerConfig) -> Runtime:
    """Settle device, precision and memory format here, in the trainer's own process.

    On CUDA `auto` means bf16 and channels_last, and only deterministic convolutions are allowed, for a
    resumed run must equal one that never stopped. Raises InputError for a device that is not there.
    """
    _name_user()
    device = _device(config.device)
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    on_cuda = device.type == "cuda"
    if on_cuda:
        torch.backends.cudnn.deterministic = True
        torch.backends.cudnn.benchmark = False
    bf16 = on_cuda if config.precision == "auto" else config.precision == "bf16"
    return Runtime(device, bf16, _memory_format(config, device))


def _name_user() -> None:
    """Give a user without a name, as containers have them, one that torch can call its cache folder by."""
    try:
        getpass.getuser()
    except (KeyError, OSError):  # the latter from Python 3.13 on
        os.environ["LOGNAME"] = f"user-{os.getuid()}"


def _memory_format(config: TrainerConfig, device: torch.device) -> torch.memory_format:
    """channels_last where it is safe, unless the settings say otherwise; InputError where it is not."""
    narrow = round(RESNET_STAGES[0][0] * config.width) < SAFE_CHANNELS
    unsafe = device.type == "cpu" and narrow
    if unsafe and config.channels_last is True:
        raise InputError(
            f"channels_last on a CPU needs at least {SAFE_CHANNELS} channels everywhere, and width "
            f"{config.width} has fewer: leave it at auto or choose another width"
        )
    channels_last = not unsafe if config.channels_last == "auto" else config.channels_last
    return torch.channels_last if channels_last else torch.contiguous_format


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise InputError(f"device must be auto, cpu, cuda or cuda:<number>, got {name!r}") from error
    if device.type not in ("cpu", "cuda"):
        raise InputError(f"device must be auto, cpu, cuda or cuda:<number>, got {name!r}")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise InputError(
            f"device {name} was asked for, but {torch.cuda.device_count()} CUDA devices are there"
        )
    return device


def seed_everything(seed: int) -> None:
    """Seed the global generators of python, numpy and torch (all devices)."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def random_state(device: torch.device) -> dict[str, Any]:
    """State of every global generator, as plain data: tensors, numbers and None."""
    version, words, gauss = random.getstate()
    _, keys, position, has_gauss, cached = np.random.get_state(legacy=True)
    return {
        "python": {"version": version, "words": torch.tensor(words), "gauss": gauss},
        "numpy": {
            "keys": torch.from_numpy(np.asarray(keys).astype(np.int64)),
            "position": int(position),
            "has_gauss": int(has_gauss),
            "cached": float(cached),
        },
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state(device) if device.type == "cuda" else None,
    }


def set_random_state(state: dict[str, Any], device: torch.device) -> None:
    """Undo `random_state`; a run that moved to another kind of device keeps that device's own generator."""
    python, numpy_ = state["python"], state["numpy"]
    random.setstate((python["version"], tuple(python["words"].tolist()), python["gauss"]))
    keys = numpy_["keys"].numpy().astype(np.uint32)
    np.random.set_state(("MT19937", keys, numpy_["position"], numpy_["has_gauss"], numpy_["cached"]))
    torch.set_rng_state(state["torch"])
    if state["cuda"] is not None and device.type == "cuda":
        torch.cuda.set_rng_state(state["cuda"], device)


def to_cpu(value: Any) -> Any:
    """A copy of nested dicts, lists and tuples whose tensors lie on the CPU and share nothing.

    Those of a CUDA device are all under way, to pinned memory, before anything waits for them.
    """
    left: set[torch.device] = set()
    copied = _copied(value, left)
    for device in left:
        torch.cuda.synchronize(device)
    return copied


def _copied(value: Any, left: set[torch.device]) -> Any:
    if isinstance(value, Tensor):
        if value.is_cuda:
            left.add(value.device)
        place = torch.empty_like(value, device="cpu", pin_memory=value.is_cuda)
        return place.copy_(value.detach(), non_blocking=True)
    if isinstance(value, dict):
        return {name: _copied(item, left) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_copied(item, left) for item in value)
    return value
