"""Initial weights of an encoder from a local file."""

import io
import pickle
import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeGuard

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from trainables.multimodal.data.limits import MOST_WEIGHTS_BYTES
from trainables.multimodal.errors import InputError

CLASSIFIER = "fc."  # of torchvision's files; an encoder has none
COUNTER = "num_batches_tracked"  # older files of torchvision lack it, and batch norm never reads it here


def load_initial_weights(encoder: nn.Module, path: str | Path) -> None:
    """Give an encoder the weights of a file, a state dict: safetensors, by its ending, or saved by torch.

    The keys are the encoder's own: torchvision's for ResNet-18, whose classifier fc.* is left out. Nothing
    but plain data is ever unpickled. Raises InputError for a file that cannot be read or does not fit.
    """
    wanted = encoder.state_dict()
    counters = {key: value for key, value in wanted.items() if key.endswith(COUNTER)}
    read = {key: value for key, value in read_weights(path).items() if not key.startswith(CLASSIFIER)}
    given = {**counters, **read}
    for key in [*wanted, *given]:
        actual, expected = _shape(given, key), _shape(wanted, key)
        if actual != expected:
            raise InputError(
                f"initial weights {path} do not fit: {key} is {actual} there and {expected} in the encoder"
            )
    encoder.load_state_dict(given)


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """The state dict in a file, on the CPU; InputError where the file holds none."""
    content = read_file(path)
    try:
        weights = READERS.get(Path(path).suffix, _read_torch)(content)
    except UNREADABLE as error:
        raise InputError(f"initial weights {path} are damaged, or no state dict of plain tensors") from error
    if not _is_state_dict(weights):
        raise InputError(f"initial weights {path} are no state dict, which names tensors and nothing else")
    return weights


def read_file(path: str | Path) -> bytes:
    """The bytes of a file with initial weights; InputError where it cannot be read."""
    try:
        if Path(path).stat().st_size > MOST_WEIGHTS_BYTES:
            raise InputError(
                f"initial weights {path} have more than {MOST_WEIGHTS_BYTES} bytes: too many for one"
            )
        return Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"initial weights {path} cannot be read: {error.strerror}") from error


def _read_torch(content: bytes) -> Any:
    _require_modest(content)
    return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)


def _require_modest(content: bytes) -> None:
    """Torch stores tensors as they are: a zip file that holds more than its bytes was made to fill memory."""
    if zipfile.is_zipfile(io.BytesIO(content)):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            declared = sum(member.file_size for member in archive.infolist())
        if declared > len(content):
            raise ValueError(f"{declared} bytes are packed into {len(content)}")


def _is_state_dict(value: Any) -> TypeGuard[dict[str, Tensor]]:
    return isinstance(value, dict) and all(
        isinstance(key, str) and isinstance(weight, Tensor) for key, weight in value.items()
    )


def _shape(weights: Mapping[str, Tensor], key: str) -> str:
    return str(list(weights[key].shape)) if key in weights else "missing"


READERS: Final[Mapping[str, Callable[[bytes], Any]]] = {".safetensors": safetensors.torch.load}
"""Readers by a file's ending; torch reads the others."""
DAMAGED = (EOFError, RuntimeError, ValueError, LookupError, TypeError, AssertionError, struct.error)
UNREADABLE = (SafetensorError, pickle.UnpicklingError, zipfile.BadZipFile, *DAMAGED)
"""What torch and safetensors were seen to raise on random bytes, changed files and refused objects."""
