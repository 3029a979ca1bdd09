"""What computes a trial: a run is repeated bit by bit on machines of one type only."""

import functools
import platform
from pathlib import Path
from typing import Final

import torch

CPUS: Final = Path("/proc/cpuinfo")
MODEL: Final = "model name"
"""Entry of CPUS that x86 has, and others need not have."""


@functools.cache
def machine_type(device: str) -> str:
    """CPU, instructions that torch uses of it, and card: `AMD EPYC 7R13, AVX2, NVIDIA A10G`.

    Where `device` is cpu no card is looked for: to ask for its name takes memory on it.
    """
    parts = [cpu_model(), torch.backends.cpu.get_cpu_capability()]
    if device != "cpu" and torch.cuda.is_available():
        parts.append(torch.cuda.get_device_name(None if device == "auto" else device))
    return ", ".join(parts)


def cpu_model() -> str:
    """Name of the CPU, or of its architecture where the system tells no more."""
    entries = (line.partition(":") for line in CPUS.read_text().splitlines()) if CPUS.exists() else ()
    names = (value.strip() for key, _, value in entries if key.strip() == MODEL)
    return next(names, platform.machine())
