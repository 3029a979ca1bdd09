"""Checkpoints that are whole or not there, with a hash inside: what is read is what was written."""

import hashlib
import io
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from trainables.multimodal.errors import CheckpointError
from trainables.multimodal.whole_files import replaced

__all__ = ["CheckpointError", "read_checkpoint", "write_checkpoint"]

MAGIC = b"multimodal-checkpoint-1\n"
DIGEST_BYTES = hashlib.sha256().digest_size


def write_checkpoint(path: str | Path, state: Mapping[str, Any]) -> None:
    """Write `state` (tensors, numbers, strings, None, in dicts, lists and tuples) to `path` atomically.

    The file is magic, sha256 of the rest, rest. A kill leaves the old file or the new one, never a part.
    Raises OSError where the folder is gone: whoever was given up must not bring a finished trial's back.
    """
    path = Path(path)
    path.parent.stat()
    buffer = io.BytesIO()
    torch.save(dict(state), buffer)
    payload = buffer.getbuffer()
    with replaced(path) as file:
        file.write(MAGIC + hashlib.sha256(payload).digest())
        file.write(payload)


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """The state written to `path`, on the CPU; nothing but plain data is ever unpickled.

    Raises CheckpointError for a file that is missing, cut short, changed, or no checkpoint.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise CheckpointError(f"checkpoint {path} cannot be read: {error.strerror}") from error
    payload = memoryview(content)[len(MAGIC) + DIGEST_BYTES :]
    if content[: len(MAGIC)] != MAGIC:
        raise CheckpointError(f"{path} is not a checkpoint, or its beginning is lost")
    if hashlib.sha256(payload).digest() != content[len(MAGIC) : len(MAGIC) + DIGEST_BYTES]:
        raise CheckpointError(f"checkpoint {path} is damaged: its checksum does not fit")
    return _load(path, payload)


def _load(path: str | Path, payload: memoryview) -> dict[str, Any]:
    try:
        state: dict[str, Any] = torch.load(io.BytesIO(payload), map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise CheckpointError(f"checkpoint {path} holds something else than plain data: {error}") from error
    return state
