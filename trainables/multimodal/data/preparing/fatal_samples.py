"""Samples that end the process of their decoder: found by marks, tried again alone, then left out.

A damaged file can end its decoder's process, or keep it at work for ever. Each process writes the row that it
decodes to a file, which stays only where the process ends over it. Something else may have ended it, such as
a loss of power, so the sample is at first only suspected.
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from trainables.multimodal.data.limits import MOST_DECODING_SECONDS
from trainables.multimodal.data.preparing.fingerprints import NOTES, Fingerprints
from trainables.multimodal.data.preparing.worker_processes import WorkerDied, in_processes
from trainables.multimodal.data.source import Source
from trainables.multimodal.data.store.feature_store import Arrays
from trainables.multimodal.errors import InputError
from trainables.multimodal.whole_files import write_text

MARK: Final = ".decoding"
"""Suffix of the file that names the row that is being decoded."""
FATAL: Final = ".died"
"""Suffix of the file, named after its row, of a fatal sample; it holds the sample's fingerprint."""
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
    """Rows that a process decodes, or decoded when it ended."""
    texts = [mark.read_text(encoding="utf-8") for mark in (folder / NOTES).glob(f"*{MARK}")]
    return sorted(int(text) for text in texts if text.isdecimal())  # a loss of power leaves empty files


def confirm_fatal(folder: Path, fingerprints: Fingerprints) -> list[int]:
    """Decode each suspect alone, in another process, and record those that end it again.

    Returns their rows. The marks are gone afterwards. An endless decoder takes MOST_DECODING_SECONDS here.
    """
    known = _fatal_rows(folder, fingerprints)
    left = [row for row in suspects(folder) if row < len(fingerprints.source.ids) and row not in known]
    fatal = []
    while left:
        survived = 0
        try:
            for _ in in_processes(_try, fingerprints.source, left, 1):
                survived += 1
            break
        except WorkerDied:
            row, left = left[survived], left[survived + 1 :]
            write_text(_record(folder, row), fingerprints.of([row]))
            fatal.append(row)
    for mark in (folder / NOTES).glob(f"*{MARK}"):
        mark.unlink()
    return fatal


def without_fatal(folder: Path, fingerprints: Fingerprints) -> Source:
    """The source, where decoding a fatal sample raises InputError instead.

    It goes to every process, so that it has no names of files, which only fingerprints need.
    """
    source = fingerprints.source
    load = partial(_load, source.load, _fatal_rows(folder, fingerprints))
    return replace(source, load=load, files=[], sample_files=())


def _fatal_rows(folder: Path, fingerprints: Fingerprints) -> frozenset[int]:
    """Rows of fatal samples that have not changed since."""
    recorded = [int(file.stem) for file in (folder / NOTES).glob(f"*{FATAL}") if file.stem.isdecimal()]
    return frozenset(
        row
        for row in recorded
        if row < len(fingerprints.source.ids)
        and _record(folder, row).read_text(encoding="utf-8") == fingerprints.of([row])
    )


def _record(folder: Path, row: int) -> Path:
    return folder / NOTES / f"{row}{FATAL}"


def _load(load: Callable[[int], Arrays], fatal: frozenset[int], row: int) -> Arrays:
    if row in fatal:
        raise InputError(REASON)
    return load(row)


def _try(source: Source, row: int) -> None:
    """Decode a sample; what the decoder raises does not matter, since it has not ended the process."""
    with contextlib.suppress(Exception):
        source.load(row)
