"""Where MLflow keeps the files of runs, also after the results were moved or copied.

A database of MLflow names that place by its whole path, and MLflow makes a path that is gone anew. So the
database below the results is told where it lies now. In another one, which several results may share, the
experiment of results that are gone is refused.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from sqlalchemy import (
    Connection,
    TableClause,
    Update,
    column,
    create_engine,
    func,
    literal,
    or_,
    select,
    table,
    update,
)

from study.records.database import sqlite_path
from study.records.mlflow_target import DATABASE, Target
from trainables.multimodal.errors import InputError

_EXPERIMENTS: Final = table("experiments", column("artifact_location"))
_RUNS: Final = table("runs", column("artifact_uri"))


def follow_results(target: Target) -> None:
    """Put the present path in place of an earlier one in the database below the results.

    Raises sqlalchemy's errors where that is no database of MLflow's, or cannot be written.
    """
    path = sqlite_path(target.uri)
    if path != target.artifacts.parent / DATABASE or not path.exists():
        return
    with _transaction(target.uri) as connection:
        locations = connection.scalars(select(_EXPERIMENTS.c.artifact_location)).all()
        for root in {root for location in locations if (root := _root(location, target.artifacts))}:
            for places in (_EXPERIMENTS, _RUNS):
                connection.execute(_moved(places, root, target.artifacts.as_uri()))


def require_place(target: Target, location: str) -> None:
    """Raise InputError where the files of an experiment would go to results that are no longer there."""
    root = _root(location, target.artifacts)
    if root and not (results := _path(root).parent).exists():
        raise InputError(
            f"the experiment {target.experiment} of MLflow at {target.shown} keeps its files in {results}, "
            "which is gone: move the results back, or set MLFLOW_EXPERIMENT_NAME to another name"
        )


def _root(location: str, artifacts: Path) -> str:
    """The folder of all runs' files that a location lies in; empty unless a study made it, and not here."""
    for root in (location, location.rpartition("/")[0]):  # MLflow's first experiment has one below it
        path = _path(root)
        if path.name == artifacts.name and root.startswith("file:") and not _same(path, artifacts):
            return root
    return ""


def _same(path: Path, artifacts: Path) -> bool:
    """Whether two paths are one folder, which a mount may show under another name."""
    return path == artifacts or (path.exists() and artifacts.exists() and path.samefile(artifacts))


def _path(location: str) -> Path:
    return Path(unquote(urlsplit(location).path))


def _moved(places: TableClause, root: str, artifacts: str) -> Update:
    """The statement that puts one folder in place of another at the beginning of paths."""
    (place,) = places.columns
    below = func.substr(place, 1, len(root) + 1) == f"{root}/"
    now = literal(artifacts) + func.substr(place, len(root) + 1)
    return update(places).where(or_(place == root, below)).values({place.name: now})


@contextlib.contextmanager
def _transaction(uri: str) -> Iterator[Connection]:
    engine = create_engine(uri)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()
