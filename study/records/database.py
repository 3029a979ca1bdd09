"""The database that holds a ledger: a SQLite file in the study's folder, or one named by its URL."""

import re
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

import sqlalchemy
from optuna.storages import RDBStorage

from study.records.addresses import reason, shown
from trainables.multimodal.errors import InputError

SQLITE: Final = "sqlite:///"
LEDGERS: Final = ("sqlite", "postgresql", "mysql")
DRIVERS: Final = {"psycopg": "'psycopg[binary]'", "psycopg2": "psycopg2-binary", "MySQLdb": "mysqlclient"}
"""Package to install by the module that is missing, where they are called differently."""
ANSWER: Final = 10
"""Seconds that a database has to answer."""
_SPECIAL: Final = re.compile(r"[%?{}]")
"""What SQLAlchemy takes for an escape or a query in an address, and Optuna for a template."""


def sqlite_url(path: Path) -> str:
    """SQLAlchemy's URL of a database file, whatever characters its path holds."""
    return SQLITE + _SPECIAL.sub(lambda character: f"%{ord(character[0]):02X}", str(path))


def sqlite_path(url: str) -> Path | None:
    """The file behind a URL of SQLite; None for other databases."""
    return Path(unquote(url.removeprefix(SQLITE))) if url.startswith(SQLITE) else None


def open_storage(url: str) -> RDBStorage:
    """Open the database behind a ledger; sqlite logs ahead, so that readers never block the study.

    Raises InputError: it is no database that a ledger can be kept in, its driver is missing, or it does not
    answer.
    """
    scheme = url.partition("://")[0].partition("+")[0]
    if scheme not in LEDGERS:
        raise InputError(
            f"a ledger cannot be kept in {shown(url)}: --storage takes addresses of {', '.join(LEDGERS)}, "
            "such as postgresql://USER@HOST/DATABASE"
        )
    require_answer(url, "the ledger")
    try:
        storage = RDBStorage(
            url, engine_kwargs={"connect_args": {"timeout": 60}} if scheme == "sqlite" else None
        )
    except (sqlalchemy.exc.SQLAlchemyError, RuntimeError, ImportError, ValueError) as error:
        raise InputError(f"the ledger at {shown(url)} cannot be opened ({reason(error, url)}).") from error
    if storage.engine.dialect.name == "sqlite":
        sqlalchemy.event.listen(storage.engine, "connect", _tune_sqlite)
        storage.engine.dispose()
    return storage


def require_answer(url: str, what: str) -> None:
    """Raise InputError unless a database answers; libraries would try for many minutes."""
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
