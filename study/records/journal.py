"""A ledger in a journal file, for machines that share a folder and no database.

Optuna appends a line a change, and reads them all at the start. A process that is killed while it writes, or
a full disk, leaves a torn line, to which the next one would be glued. Whoever is about to append cuts it off
first: the change that it stands for was never acted on.
"""

import contextlib
import json
import os
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock

from study.records.addresses import shown
from study.records.driver_rows import FileRows
from trainables.multimodal.errors import InputError

JOURNAL: Final = "journal://"
GRACE: Final = 10
"""Seconds after which Optuna's lock, held for one line, counts as left by a killed process."""
_BEGINNING: Final = b'{"op_code":'
"""Of every line."""


class Journal:
    """An opened journal, which is made if it is not there.

    Raises InputError: its address or the file is none of a journal's, or it cannot be read and written.
    """

    def __init__(self, url: str) -> None:
        self._path = _path(url)
        try:
            _require_whole(self._path)
            self.storage = JournalStorage(JournalFileBackend(str(self._path), _MendingLock(self._path)))
        except OSError as error:
            raise InputError(f"the ledger at {shown(url)} cannot be opened ({error.strerror}).") from error

    def drivers(self) -> FileRows:
        """The ledger's drivers, in a file beside it."""
        return FileRows(self._path.with_name(f"{self._path.name}.drivers"))

    def close(self) -> None:
        """Nothing is held between two changes."""


class _MendingLock(JournalFileSymlinkLock):
    """Optuna's lock of a journal, whose holder finds only whole lines."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path), GRACE)
        self._path = path

    def acquire(self) -> bool:
        """Wait for the lock and cut off a torn line; OSError if the journal has gone or cannot be written."""
        super().acquire()
        with contextlib.ExitStack() as unless_mended:
            unless_mended.callback(self.release)
            _cut_torn_line(self._path)
            unless_mended.pop_all()
        return True


def _cut_torn_line(path: Path) -> None:
    with path.open("rb+") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return
        file.seek(-1, os.SEEK_END)
        if file.read() != b"\n":
            file.seek(0)
            file.truncate(file.read().rfind(b"\n") + 1)


def _path(url: str) -> Path:
    """The file behind a journal's address, whose escapes are resolved."""
    path = Path(unquote(url.removeprefix(JOURNAL)))
    if not path.is_absolute() or not path.name:
        raise InputError(f"{shown(url)} names no file: --storage takes a journal as {JOURNAL}/ABSOLUTE/PATH")
    return path


def _require_whole(path: Path) -> None:
    """Refuse what is no journal, or damaged: only its last line may be torn."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not _is_change(line):
                raise InputError(
                    f"{path} is no journal of Optuna's, or damaged in line {number}: restore it, or name "
                    "another file"
                )


def _is_change(line: bytes) -> bool:
    """Whether a line is a change, or the beginning of one."""
    if not line.endswith(b"\n"):
        return _BEGINNING.startswith(line[: len(_BEGINNING)])
    try:
        change = json.loads(line)
    except ValueError:
        return False
    return isinstance(change, dict) and "op_code" in change
