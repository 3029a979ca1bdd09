"""The database that holds a ledger: a SQLite file in the study's folder, or one named by its URL."""

from pathlib import Path
from typing import Any

import sqlalchemy
from optuna.storages import RDBStorage

from trainables.multimodal.errors import InputError


def sqlite_url(path: Path) -> str:
    """SQLAlchemy's URL of a database file."""
    return f"sqlite:///{path}"


def open_storage(url: str) -> RDBStorage:
    """Open the database behind a ledger; sqlite logs ahead, so that readers never block the study."""
    try:
        storage = RDBStorage(
            url, engine_kwargs={"connect_args": {"timeout": 60}} if "sqlite" in url else None
        )
    except (sqlalchemy.exc.SQLAlchemyError, RuntimeError, ImportError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"the ledger at {url} cannot be opened ({reason}).") from error
    if storage.engine.dialect.name == "sqlite":
        sqlalchemy.event.listen(storage.engine, "connect", _tune_sqlite)
        storage.engine.dispose()
    return storage


def _tune_sqlite(connection: Any, _: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.close()
