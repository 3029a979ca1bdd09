"""One driver at a time on a ledger, wherever its results lie: a row of the ledger's own database.

The driver that holds the row changes it every few seconds. Another driver that finds a row watches it: one
that changes has a living driver, one that stands still has lost it and is taken over. Clocks of two machines
are never compared. A driver that stood still itself, until another took its row, learns so before it writes.
"""

import contextlib
import socket
import sys
import threading
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import BigInteger, Column, Engine, Integer, MetaData, String, Table, Text
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from trainables.multimodal.errors import InputError

BEAT = 5.0  # seconds between two signs of life
PATIENCE = 30.0  # seconds without any, after which a driver counts as dead
_LOOK = 0.5  # seconds between two looks at another driver's row
_ROWS = Table(
    "study_drivers",
    MetaData(),
    Column("study", String(512), primary_key=True),
    Column("driver", String(32), nullable=False),
    Column("place", Text, nullable=False),
    Column("inode", BigInteger, nullable=False),  # two containers may have one name and one path
    Column("beat", Integer, nullable=False),
)


class Lease:
    """Holds a study of a database until it is released, or this process is dead for a while.

    A row left by a driver of the same folder is taken at once: whoever asks holds the lock of that folder.

    Args:
        engine: The ledger's database.
        study: Name of the study.
        folder: The study's folder, which exists and is locked.

    Raises:
        InputError: Another driver lives, or the database refuses the table.

    """

    def __init__(self, engine: Engine, study: str, folder: Path) -> None:
        self.engine = engine
        self.study = study
        self._place = f"{folder} on {socket.gethostname()}"
        self._inode = folder.stat().st_ino
        self._driver = uuid.uuid4().hex
        self._renewed = time.time()  # unlike the monotonic clock, this one goes on while a machine sleeps
        self._lost = False
        self._released = threading.Event()
        self._take()
        self._thread = threading.Thread(target=self._live, name="lease", daemon=True)
        self._thread.start()

    def require(self) -> None:
        """Make sure that the study is still ours; asks the database only if the thread was kept from it.

        Raises:
            OSError: Another driver has taken it over, or may have done so.

        """
        if time.time() - self._renewed > 2 * BEAT:
            self._renew()
        if self._lost or time.time() - self._renewed > PATIENCE:
            raise OSError(f"another driver has taken over the ledger of {self.study}")

    def release(self) -> None:
        """Let the next driver in at once; without an answer it waits until this one counts as dead."""
        self._released.set()
        self._thread.join(BEAT)
        with contextlib.suppress(SQLAlchemyError), self.engine.begin() as connection:
            connection.execute(_ROWS.delete().where(*self._ours()))

    # -- inside --------------------------------------------------------------------------------------------

    def _take(self) -> None:
        with contextlib.suppress(DBAPIError):  # somebody else may be making it
            _ROWS.metadata.create_all(self.engine)
        try:
            row = self._read()
            if row and (row["place"], row["inode"]) != (self._place, self._inode):
                row = self._outlast(row)
            if not self._claim(row):
                raise self._refusal(self._read() or {"place": "another folder"})
        except SQLAlchemyError as error:
            reason = str(error).splitlines()[0]
            raise InputError(f"the ledger's database refuses the table {_ROWS.name} ({reason}).") from error

    def _outlast(self, row: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return the row of a dead driver, or None once it is released."""
        still = self._watch(row, 2 * BEAT)
        if still:
            where = f"the driver of {self.study} with its results in {row['place']}"
            print(f"{where} shows no life: taking over in {PATIENCE - 2 * BEAT:g} s", file=sys.stderr)
            still = self._watch(row, PATIENCE - 2 * BEAT)
        return still

    def _watch(self, row: Mapping[str, Any], seconds: float) -> Mapping[str, Any] | None:
        """Return the row after it stood still for so long, or None once it is released."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(_LOOK)
            now = self._read()
            if now is None:
                return None
            if now != row:
                raise self._refusal(now)
        return row

    def _refusal(self, row: Mapping[str, Any]) -> InputError:
        return InputError(
            f"another driver works on {self.study} in the same ledger, with its results in {row['place']}: "
            "wait for it, or use another --storage."
        )

    def _read(self) -> Mapping[str, Any] | None:
        with self.engine.connect() as connection:
            row = connection.execute(_ROWS.select().where(_ROWS.c.study == self.study)).mappings().first()
        return dict(row) if row else None

    def _claim(self, row: Mapping[str, Any] | None) -> bool:
        """Put our row in place of the one that was seen, unless another driver was faster."""
        ours = {"driver": self._driver, "place": self._place, "inode": self._inode, "beat": 0}
        seen = [_ROWS.c[name] == value for name, value in row.items()] if row else []
        self._renewed = time.time()
        try:
            with self.engine.begin() as connection:
                if row:
                    return connection.execute(_ROWS.update().where(*seen).values(ours)).rowcount == 1
                connection.execute(_ROWS.insert().values(study=self.study, **ours))
                return True
        except IntegrityError:
            return False

    def _live(self) -> None:
        while not self._released.wait(BEAT):
            self._renew()

    def _renew(self) -> None:
        """Show life; a database that does not answer is asked again at the next beat."""
        now = time.time()
        beat = _ROWS.update().where(*self._ours()).values(beat=_ROWS.c.beat + 1)
        with contextlib.suppress(SQLAlchemyError):
            with self.engine.begin() as connection:
                ours = connection.execute(beat).rowcount == 1
            self._renewed, self._lost = (now, False) if ours else (self._renewed, True)

    def _ours(self) -> tuple[sqlalchemy.ColumnElement[bool], ...]:
        return _ROWS.c.study == self.study, _ROWS.c.driver == self._driver
