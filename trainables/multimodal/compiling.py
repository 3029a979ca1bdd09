"""torch.compile for encoders: when it pays, and for which batches."""

import shutil
import sysconfig
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

import torch
from torch import nn

from trainables.multimodal.networks.encoders import ResNet

PAYS_FROM: Final = 25_000
"""Training steps of a run from which `auto` compiles; on an H100 that took up to 105 s and saved 4.2 ms
a step (spectrograms and frames of CREMA-D, batches of 64).
"""
MOST_GRAPHS: Final = 64
"""Of one kind of encoder in a process: one for each modality and batch size. Trials that follow each other in
a process share them."""


def pays(encoders: Iterable[nn.Module], device: torch.device, steps: int) -> bool:
    """Whether `auto` compiles: ResNets on CUDA, for a run of so many training steps, where Triton can build.

    All steps of the run count and not those that are left: a run that is taken up again must go on as it
    began.
    """
    convolve = all(isinstance(encoder, ResNet) for encoder in encoders)
    return device.type == "cuda" and convolve and steps >= PAYS_FROM and _can_build()


def _can_build() -> bool:
    """Whether Triton finds a C compiler and Python's headers, with which it builds what starts a kernel."""
    header = Path(sysconfig.get_path("include"), "Python.h")
    return header.exists() and any(map(shutil.which, ("cc", "gcc", "clang")))


def compile_encoders(encoders: Iterable[nn.Module]) -> None:
    """Compile each encoder in place, for one size of batches and without choices that timing would make.

    A run that is taken up again must compute as it began, and what is fastest may differ from time to time.
    """
    torch._dynamo.config.recompile_limit = MOST_GRAPHS
    torch._dynamo.config.fail_on_recompile_limit_hit = True  # and not go on uncompiled
    for encoder in encoders:
        encoder.compile(dynamic=False, options={"deterministic": True})


def without_graphs() -> AbstractContextManager[object]:
    """Inside, encoders run as they are and not as compiled."""
    uncompiled: AbstractContextManager[object] = torch.compiler.set_stance("force_eager")
    return uncompiled
