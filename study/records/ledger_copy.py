"""A copy of a study's own ledger, renewed while the study runs: what is left if the ledger is damaged."""

import contextlib
import os
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

COPY: Final = "ledger.copy.db"
EVERY: Final = 300.0
"""Seconds between two copies."""


@contextlib.contextmanager
def copied(ledger: Path | None) -> Iterator[None]:
    """Meanwhile keep a copy beside a SQLite file; servers of databases have copies of their own."""
    if ledger is None:
        yield
        return
    ended = threading.Event()
    thread = threading.Thread(target=_renew, args=(ledger, ended), daemon=True, name="ledger-copy")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        write_copy(ledger)


def write_copy(ledger: Path) -> None:
    """Copy a ledger by SQLite itself, to another name first; the old copy stays if that fails.

    SQLite copies pages as they are: damage is copied, too, and such a copy takes no other's place.
    """
    fresh = ledger.with_name(".ledger.copy.new")
    try:
        fresh.unlink(missing_ok=True)
        with contextlib.closing(sqlite3.connect(fresh)) as target:
            with contextlib.closing(reader(ledger)) as source:
                source.backup(target)
            target.execute("PRAGMA journal_mode=DELETE")  # all of it in one file
        with fresh.open("rb") as file:
            os.fsync(file.fileno())
        if found := damage(fresh):
            raise sqlite3.DatabaseError(found)
        fresh.replace(ledger.with_name(COPY))
    except (sqlite3.Error, OSError) as error:
        print(f"the ledger could not be copied ({error}): the copy before it stays", file=sys.stderr)


def reader(path: Path) -> sqlite3.Connection:
    """A connection that can change nothing."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)


def damage(path: Path) -> str:
    """What is wrong with a SQLite file; empty if it is whole.

    An empty file is not opened: SQLite would delete the log beside it, with all that was not yet moved. One
    that ends within a page SQLite takes for whole: it reads zeros for what is missing.
    """
    size = path.stat().st_size
    if not size:
        return "it is empty"
    try:
        with contextlib.closing(reader(path)) as connection:
            verdict = str(connection.execute("PRAGMA quick_check").fetchone()[0])
            tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            cut = size % connection.execute("PRAGMA page_size").fetchone()[0]
    except sqlite3.DatabaseError as error:
        return str(error)
    if cut:
        return "it is cut in the middle of a page"
    return ("" if tables else "it is empty") if verdict == "ok" else verdict


def put_back(ledger: Path) -> Path:
    """Put the copy in the ledger's place; the ledger and its log are kept under the name that is given."""
    number = 1
    while (kept := ledger.with_name(f"ledger.damaged.{number}.db")).exists():
        number += 1
    for end in ("", "-wal", "-shm"):
        part = ledger.with_name(ledger.name + end)
        if part.exists():
            part.rename(kept.with_name(kept.name + end))
    fresh = ledger.with_name(".ledger.new")
    fresh.write_bytes(ledger.with_name(COPY).read_bytes())
    fresh.replace(ledger)
    return kept


def age(copy: Path) -> str:
    """When a copy was made, for people."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(copy.stat().st_mtime))


def _renew(ledger: Path, ended: threading.Event) -> None:
    while not ended.wait(EVERY):
        write_copy(ledger)
