"""Errors of the surroundings (disk, database, data, packages), told from those of a trial by their text.

Ray hands on what happened in another process, or in one of its callbacks, as text alone.
"""

import re
from typing import Final

_SURROUNDINGS: Final = re.compile(
    r"\b(StorageInternalError|OSError|FileNotFoundError|NotADirectoryError|PermissionError|InputError"
    r"|ImportError|ModuleNotFoundError)\b"
)
_LASTING: Final = re.compile(
    r"\b(FileNotFoundError|NotADirectoryError|PermissionError|InputError|ImportError|ModuleNotFoundError)\b"
    r"|\[Errno (1|13|30|36|40)\]"  # not permitted, permission, read-only, name too long, links in a circle
)
_FULL: Final = "database or disk is full"
"""SQLite's words; the last line of what Optuna makes of them speaks of data that are too long."""


def of_surroundings(error: str) -> bool:
    """Whether an error is none of the trial's own: it stops the study, and the trial stays open."""
    return _SURROUNDINGS.search(error) is not None


def lasts(error: str) -> bool:
    """Whether the same command would only meet the error again, until somebody removes the cause."""
    return _LASTING.search(error) is not None


def described(error: BaseException) -> str:
    """Type and last line of an error, as a traceback ends."""
    return f"{type(error).__name__}: {last_line(error)}"


def last_line(error: BaseException) -> str:
    """The last line of an error, in which Ray names the cause, or its type if it says nothing."""
    if _FULL in f"{error} {error.__cause__}":
        return _FULL
    return (str(error).strip() or type(error).__name__).splitlines()[-1]
