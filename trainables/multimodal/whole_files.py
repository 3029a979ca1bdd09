"""Files and folders that are whole or not there, and one process at a time on a folder."""

import contextlib
import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from filelock import FileLock, Timeout

LOCK: Final = ".lock"
"""Name of the file by which a folder is held."""
UNABLE: Final = (errno.EINVAL, errno.ENOTSUP)
"""What a file system answers that cannot force the names in a folder to disk, as some network ones."""


@contextlib.contextmanager
def replaced(path: Path, *, durable: bool = True) -> Iterator[IO[bytes]]:
    """Write a file under another name and put it in place at the end of the block.

    A reader sees the old file or the new one, and so does the next start after a kill. An error inside the
    block leaves the old file. `durable` also survives a loss of power: content and name are forced to disk.
    The new file has the permissions of any other new file, whatever the old one had.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
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
    """Force to disk what was written to a file, or the names that a folder holds where that can be done."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if not path.is_dir() or error.errno not in UNABLE:
            raise
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def held(folder: Path) -> Iterator[bool]:
    """Hold a folder, which exists, against other processes; gives False where another one holds it.

    The kernel frees the lock however this process ends. The lock is a file named LOCK in the folder, and
    stays there: to remove it alone would let two processes hold two files of one name. A holder may rename
    the folder, or remove it as a whole. Where the file system keeps no locks filelock warns, and the file
    names its holder: one that was killed is found dead on its own machine only.
    """
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()
