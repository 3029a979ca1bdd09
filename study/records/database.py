"""A ledger in a database: a SQLite file in the study's folder, or one named by its URL."""

import contextlib
import re
import sqlite3
import tempfile
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

import sqlalchemy
from optuna.storages import RDBStorage

from study.records.addresses import reason, shown
from study.records.driver_rows import DatabaseRows
from trainables.multimodal.errors import InputError

SQLITE: Final = "sqlite:///"
DRIVERS: Final = {"psycopg": "'psycopg[binary]'", "psycopg2": "psycopg2-binary", "MySQLdb": "mysqlclient"}
"""Package to install by the module that is missing, where they are called differently."""
ANSWER: Final = 10
"""Seconds that a database has to answer."""
_LOCKLESS: Final = ("SQLITE_IOERR_LOCK", "SQLITE_BUSY")
"""How SQLite answers ENOSYS and ENOLCK of a file system, for a file that nobody else has."""
_SPECIAL: Final = re.compile(r"[%?{}]")
"""What SQLAlchemy takes for an escape or a query in an address, and Optuna for a template."""


def sqlite_url(path: Path) -> str:
    """SQLAlchemy's URL of a database file, whatever characters its path holds."""
    return SQLITE + _SPECIAL.sub(lambda character: f"%{ord(character[0]):02X}", str(path))


def sqlite_path(url: str) -> Path | None:
    """The file behind a URL of SQLite; None for other databases."""
    return Path(unquote(url.removeprefix(SQLITE))) if url.startswith(SQLITE) else None


class Database:
    """An opened database; sqlite logs ahead, so that readers never block the study.

    Raises InputError: its driver is missing, it does not answer, or Optuna cannot keep anything in it.
    """

    def __init__(self, url: str) -> None:
        require_answer(url, "the ledger")
        waits = {"connect_args": {"timeout": 60}} if url.startswith("sqlite") else None
        try:
            self.storage = RDBStorage(url, engine_kwargs=waits)
        except (sqlalchemy.exc.SQLAlchemyError, RuntimeError, ImportError, ValueError) as error:
            raise InputError(
                f"the ledger at {shown(url)} cannot be opened ({reason(error, url)})."
            ) from error
        if self.storage.engine.dialect.name == "sqlite":
            sqlalchemy.event.listen(self.storage.engine, "connect", _tune_sqlite)
            self.storage.engine.dispose()

    def drivers(self) -> DatabaseRows:
        """The table of the ledger's drivers."""
        return DatabaseRows(self.storage.engine)

    def close(self) -> None:
        """Give the connections back."""
        self.storage.remove_session()
        self.storage.engine.dispose()


def require_locks(folder: Path, what: str) -> None:
    """Raise InputError where SQLite could not keep two writers apart: on some mounts of Lustre and NFS.

    Whatever else is wrong with the folder shows when the database is made.
    """
    with (
        contextlib.suppress(OSError, sqlite3.OperationalError),
        tempfile.TemporaryDirectory(dir=folder) as scratch,
        contextlib.closing(sqlite3.connect(Path(scratch) / "locks", timeout=0)) as alone,
    ):
        try:
            alone.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname in _LOCKLESS:
                raise InputError(
                    f"{what} cannot lie in {folder}: its file system keeps no locks ({error}), which SQLite "
                    "needs. Choose another --results, or --storage journal:///... (which needs none) and "
                    "--tracking-uri"
                ) from error


def require_answer(url: str, what: str) -> None:
    """Raise InputError unless a database answers; libraries would try for many minutes."""
    path = sqlite_path(url)
    if path is not None:
        require_locks(path.absolute().parent, what)
    waits = {} if url.startswith("sqlite") else {"connect_timeout": ANSWER}
    try:
        engine = sqlalchemy.create_engine(url, connect_args=waits)
        engine.connect().close()
        engine.dispose()
    except ImportError as error:
        raise InputError(f"{what} at {shown(url)} {missing_driver(error)}") from error
    except (sqlalchemy.exc.SQLAlchemyError, ValueError, TypeError) as error:
        raise InputError(f"{what} at {shown(url)} does not open ({reason(error, url)})") from error


def missing_driver(error: ImportError) -> str:
    """Which package a database needs, as the end of a sentence."""
    name = error.name or str(error)
    return f"needs the package {name}: pip install {DRIVERS.get(name, name)}"


def _tune_sqlite(connection: Any, _: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.close()
