"""Checkpoints that are whole or not there: a hash inside, and one atomic rename."""

import hashlib
import io
import os
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from trainables.multimodal.errors import CheckpointError

__all__ = ["CheckpointError", "read_checkpoint", "write_checkpoint"]

MAGIC = b"multimodal-checkpoint-1\n"
DIGEST_BYTES = hashlib.sha256().digest_size


def write_checkpoint(path: str | Path, state: Mapping[str, Any]) -> None:
    """Write `state` (tensors, numbers, strings, None, in dicts, lists and tuples) to `path` atomically.

    The file is magic, sha256 of the rest, rest. A kill leaves the old file or the new one, never a part.
    """
    path = Path(path)
    buffer = io.BytesIO()
    torch.save(dict(state), buffer)
    payload = buffer.getbuffer()
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(MAGIC + hashlib.sha256(payload).digest())
            file.write(payload)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_folder(path.parent)


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


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
