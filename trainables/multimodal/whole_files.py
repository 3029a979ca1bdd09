"""Files and folders that are whole or not there, and one process at a time on a folder."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from filelock import FileLock, Timeout


@contextlib.contextmanager
def replaced(path: Path, *, durable: bool = True) -> Iterator[IO[bytes]]:
    """Write a file under another name and put it in place at the end of the block.

    A reader sees the old file or the new one, and so does the next start after a kill. An error inside the
    block leaves the old file. `durable` also survives a loss of power: content and name are forced to disk.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            yield file
            if durable:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    if durable:
        flush(path.parent)


def write_text(path: Path, text: str, *, durable: bool = True) -> None:
    """Replace a text file, in UTF-8, as `replaced` does."""
    with replaced(path, durable=durable) as file:
        file.write(text.encode())


def flush(path: Path) -> None:
    """Force to disk what was written to a file, or the names that a folder holds."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def held(folder: Path) -> Iterator[bool]:
    """Hold a folder, which exists, against other processes; gives False where another one holds it.

    The kernel frees the lock however this process ends. It is a file `.lock` in the folder, and stays there:
    to remove it would let two processes hold two files of one name.
    """
    lock = FileLock(folder / ".lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()
