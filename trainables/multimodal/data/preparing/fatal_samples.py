"""Samples over which processes die: found by the marks that these leave, tried again alone, then left out.

A damaged file can end its decoder's process, or keep it at work for ever. Each process names the sample at
hand in a file, which only the end of the process leaves behind. Whatever ended it, such as a loss of power,
the sample is at first only suspected.
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from trainables.multimodal.data.limits import MOST_DECODING_SECONDS
from trainables.multimodal.data.preparing.fingerprints import NOTES, Plan
from trainables.multimodal.data.preparing.worker_processes import WorkerDied, in_processes
from trainables.multimodal.data.source import Source
from trainables.multimodal.data.store.feature_store import Arrays
from trainables.multimodal.errors import InputError

MARK: Final = ".decoding"
"""Ending of the file that names the row at hand."""
DEATH: Final = ".died"
"""Ending of the file, named after its row, of a sample that is condemned; it holds the sample's plan."""
REASON: Final = (
    "its decoder ended the process twice, the second time with no other at work, "
    f"or took more than {MOST_DECODING_SECONDS:.0f} s"
)


@contextlib.contextmanager
def marking(folder: Path, rows: range) -> Iterator[Callable[[int], Any]]:
    """Gives the function to name each of the rows with, before it is decoded.

    The mark goes with any exception, and so with Ctrl-C: a decoder that this can stop is never suspected.
    """
    mark = folder / NOTES / f"{rows.start}-{rows.stop}{MARK}"
    handle = os.open(mark, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    try:
        yield lambda row: os.pwrite(handle, b"%020d" % row, 0)  # in place: a new file each would take longer
    finally:
        os.close(handle)
        mark.unlink(missing_ok=True)


def suspects(folder: Path) -> list[int]:
    """Rows over which processes are at work, or died."""
    texts = [mark.read_text(encoding="utf-8") for mark in (folder / NOTES).glob(f"*{MARK}")]
    return sorted(int(text) for text in texts if text.isdecimal())  # a loss of power leaves empty files


def condemn(folder: Path, plan: Plan) -> list[int]:
    """Try the suspects alone, each in turn, and condemn those over which a process dies again.

    Returns their rows. The marks are gone afterwards. An endless decoder takes MOST_DECODING_SECONDS here.
    """
    known = _condemned(folder, plan)
    rows = [row for row in suspects(folder) if row < len(plan.source.ids) and row not in known]
    found = []
    while rows:
        survived = 0
        try:
            for _ in in_processes(_try, plan.source, rows, 1):
                survived += 1
            break
        except WorkerDied:
            guilty, rows = rows[survived], rows[survived + 1 :]
            _death(folder, guilty).write_text(plan.of([guilty]), encoding="utf-8")
            found.append(guilty)
    for mark in (folder / NOTES).glob(f"*{MARK}"):
        mark.unlink()
    return found


def spared(folder: Path, plan: Plan) -> Source:
    """The source, where condemned samples cannot be used: InputError instead of an attempt.

    It goes to every process, so that it has no names of files, which only the plan needs.
    """
    condemned = _condemned(folder, plan)
    load = partial(_load, plan.source.load, condemned)
    return replace(plan.source, load=load, files=[], own_files=())


def _condemned(folder: Path, plan: Plan) -> frozenset[int]:
    """Rows that are condemned, and have not changed since."""
    rows = [int(file.stem) for file in (folder / NOTES).glob(f"*{DEATH}") if file.stem.isdecimal()]
    return frozenset(
        row
        for row in rows
        if row < len(plan.source.ids) and _death(folder, row).read_text(encoding="utf-8") == plan.of([row])
    )


def _death(folder: Path, row: int) -> Path:
    return folder / NOTES / f"{row}{DEATH}"


def _load(load: Callable[[int], Arrays], condemned: frozenset[int], row: int) -> Arrays:
    if row in condemned:
        raise InputError(REASON)
    return load(row)


def _try(source: Source, row: int) -> None:
    """What a decoder raises is no concern here: it lives."""
    with contextlib.suppress(Exception):
        source.load(row)
