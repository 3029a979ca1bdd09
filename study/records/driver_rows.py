"""Which driver has which study of a ledger: a row a study, in a table or in a file beside a journal."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

from filelock import FileLock
from sqlalchemy import BigInteger, Column, Engine, Integer, MetaData, String, Table, Text
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from study.records.addresses import without_secrets
from trainables.multimodal.whole_files import write_text

Row = Mapping[str, Any]
"""Entries study, driver, place, inode and beat."""
PATIENCE: Final = 10.0
"""Seconds that another driver may take to change its row in a file."""
_ROWS: Final = Table(
    "study_drivers",
    MetaData(),
    Column("study", String(512), primary_key=True),
    Column("driver", String(32), nullable=False),
    Column("place", Text, nullable=False),
    Column("inode", BigInteger, nullable=False),  # two containers may have one name and one path
    Column("beat", Integer, nullable=False),
)


class DriverRows(Protocol):
    """What a lease asks of the place where rows are kept; OSError if it cannot be reached or refuses."""

    def read(self, study: str) -> Row | None:
        """Return the row of a study, if it has one."""

    def claim(self, seen: Row | None, ours: Row) -> bool:
        """Put a row in place of the one that was seen; False if another driver was faster."""

    def beat(self, study: str, driver: str) -> bool:
        """Show life; False if the row is another driver's."""

    def free(self, study: str, driver: str) -> None:
        """Remove a driver's row, if it still is that driver's."""


class DatabaseRows:
    """Rows in a table, which is made if the database lacks it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        with contextlib.suppress(DBAPIError):  # somebody else may be making it
            _ROWS.metadata.create_all(engine)

    def read(self, study: str) -> Row | None:
        """As `DriverRows`, and so are the others."""
        with _answered(), self._engine.connect() as connection:
            row = connection.execute(_ROWS.select().where(_ROWS.c.study == study)).mappings().first()
        return dict(row) if row else None

    def claim(self, seen: Row | None, ours: Row) -> bool:
        """Insert a row where none was seen."""
        if seen is None:
            change: Any = _ROWS.insert().values(ours)
        else:
            change = _ROWS.update().where(*(_ROWS.c[name] == seen[name] for name in seen)).values(ours)
        try:
            found = self._changes(change)
        except IntegrityError:  # of two that insert one is slower
            return False
        return found or seen is None  # not every database counts a row that is inserted

    def beat(self, study: str, driver: str) -> bool:
        """Count up."""
        beat = _ROWS.update().values(beat=_ROWS.c.beat + 1)
        return self._changes(beat.where(_ROWS.c.study == study, _ROWS.c.driver == driver))

    def free(self, study: str, driver: str) -> None:
        """Delete the row."""
        self._changes(_ROWS.delete().where(_ROWS.c.study == study, _ROWS.c.driver == driver))

    def _changes(self, change: Any) -> bool:
        """Carry a change out in a transaction of its own; whether it found its row."""
        with _answered(), self._engine.begin() as connection:
            return connection.execute(change).rowcount == 1


@contextlib.contextmanager
def _answered() -> Iterator[None]:
    """Turn what a database refuses into the error of a place that cannot be written."""
    try:
        yield
    except IntegrityError:
        raise
    except SQLAlchemyError as error:
        why = without_secrets(str(error).splitlines()[0])
        raise OSError(f"the ledger's database refuses the table {_ROWS.name} ({why})") from error


class FileRows:
    """Rows in a JSON file, which one process at a time replaces; without the file there are none."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._alone = FileLock(f"{path}.lock", timeout=PATIENCE)  # its Timeout is an OSError

    def read(self, study: str) -> Row | None:
        """As `DriverRows`, and so are the others."""
        return self._rows().get(study)

    def claim(self, seen: Row | None, ours: Row) -> bool:
        """Compare and replace while no other process does."""
        with self._changing() as rows:
            unchanged = rows.get(ours["study"]) == seen
            if unchanged:
                rows[ours["study"]] = ours
        return unchanged

    def beat(self, study: str, driver: str) -> bool:
        """Count up."""
        with self._changing() as rows:
            alive = _belongs(rows, study, driver)
            if alive:
                rows[study] = {**rows[study], "beat": rows[study]["beat"] + 1}
        return alive

    def free(self, study: str, driver: str) -> None:
        """Leave the file without the row."""
        with self._changing() as rows:
            if _belongs(rows, study, driver):
                del rows[study]

    @contextlib.contextmanager
    def _changing(self) -> Iterator[dict[str, Row]]:
        with self._alone:
            rows = self._rows()
            yield rows
            write_text(self._path, json.dumps(rows))

    def _rows(self) -> dict[str, Row]:
        try:
            return dict(json.loads(self._path.read_text()))
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise OSError(f"{self._path} is damaged: remove it once no driver is at work") from error


def _belongs(rows: Mapping[str, Row], study: str, driver: str) -> bool:
    return study in rows and rows[study]["driver"] == driver
