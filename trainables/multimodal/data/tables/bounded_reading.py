"""A first reading of a file by another process, with little memory and time.

For formats whose readers can end their process, or that unpack to more than can be known before.
"""

import importlib
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from trainables.multimodal.data.limits import MOST_READING_SECONDS, MOST_SHOWN_CHARACTERS
from trainables.multimodal.errors import InputError
from trainables.multimodal.supported_system import SENTENCE

TOO_LARGE: Final = 9
"""How the process ends where its memory is not enough, or the content larger than may be."""
GRACE: Final = 10
"""Seconds beyond its time after which the process ends by itself: who waits for it knows why it ends."""
FRUGAL: Final = {"OPENBLAS_NUM_THREADS": "1", "ARROW_DEFAULT_MEMORY_POOL": "system"}
"""Settings that keep a process from taking addresses that it does not need."""
ROOT: Final = Path(__file__).parents[4]
"""The folder from which the project is imported."""
COMMAND: Final = f"from {__name__} import attempt; attempt()"


def require_readable(
    read: Callable[[Path], Any], file: Path, kind: str, *, most_bytes: int, addresses: int, remedy: str
) -> None:
    """Let another process call `read`, a function of a module, with the file, and drop what it gives.

    The process may take `addresses` bytes of them and MOST_READING_SECONDS; the content, where it tells its
    `nbytes`, may have `most_bytes`. Raises InputError, with the remedy, where that is not enough, and where
    the reader raises something or ends its process.
    """
    _resource()
    seconds = MOST_READING_SECONDS
    folders = filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])
    alone = math.ceil(seconds) + GRACE
    arguments = (read.__module__, read.__name__, file.absolute(), most_bytes, addresses, alone)
    try:
        ended = subprocess.run(  # noqa: S603 - the command is ours
            [sys.executable, "-P", "-c", COMMAND, *map(str, arguments)],
            capture_output=True,
            check=False,
            timeout=seconds,
            env={**os.environ, **FRUGAL, "PYTHONPATH": os.pathsep.join(folders)},
        )
    except subprocess.TimeoutExpired as error:
        raise InputError(f"{file} cannot be read as {kind} in {seconds} s: {remedy}") from error
    if ended.returncode == TOO_LARGE:
        raise InputError(f"{file} unpacks to more than {most_bytes} bytes: {remedy}")
    if ended.returncode < 0:
        raise InputError(
            f"{file} cannot be read as {kind}: it is damaged or too large, and ends a process that reads it"
        )
    if ended.returncode:
        raise InputError(f"{file} cannot be read as {kind} ({_reason(ended.stderr)})")


def attempt() -> None:
    """What the other process does: bound itself, import the reader, and read."""
    module, function, file, most_bytes, addresses, seconds = sys.argv[1:]
    read = getattr(importlib.import_module(module), function)
    resource = _resource()
    _bound(resource.RLIMIT_AS, int(addresses))
    _bound(resource.RLIMIT_CPU, int(seconds))  # where nobody waits for it any more
    try:
        content = read(Path(file))
    except MemoryError:
        sys.exit(TOO_LARGE)
    sys.exit(TOO_LARGE if getattr(content, "nbytes", 0) > int(most_bytes) else 0)


def _resource() -> ModuleType:
    """The module `resource`, which systems that are not POSIX lack; InputError there."""
    try:
        import resource
    except ImportError as error:
        raise InputError(SENTENCE) from error
    return resource


def _bound(kind: int, most: int) -> None:
    """Lower a limit of this process, unless a lower one is given."""
    resource = _resource()
    soft, hard = resource.getrlimit(kind)
    given = [limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(kind, (min([most, *given]), hard))


def _reason(errors: bytes) -> str:
    """The message of the exception that ended a process, without its type."""
    last = (errors.decode(errors="replace").splitlines() or [""])[-1]
    return (last.partition(": ")[2] or last)[:MOST_SHOWN_CHARACTERS]
