"""Whether MLflow will take the runs of a study, asked before any work."""

import base64
import http.client
import os
import urllib.error
import urllib.request
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, unquote, urlunsplit

from study.records.addresses import reason, shown, split
from study.records.database import require_answer, require_locks, sqlite_path
from study.records.mlflow_store import try_out
from study.records.mlflow_target import SERVERS, Target
from trainables.multimodal.errors import InputError

DATABASES: Final = ("sqlite", "postgresql", "mysql", "mssql")
_PATIENCE: Final = 10.0
"""Seconds that a server has to answer."""


def require_tracking(target: Target) -> None:
    """Make sure before any work that MLflow will take the runs of a study.

    A run is created and deleted, except in a database that is not there yet. Raises InputError with the
    cause and what to set.
    """
    scheme = split(target.uri).scheme.partition("+")[0]
    if scheme in SERVERS:
        _require_server(target.uri)
    elif scheme in DATABASES:
        path = sqlite_path(target.uri)
        if path is not None and not path.exists():
            _require_folder(path.absolute().parent)
            return
        require_answer(target.uri, "MLflow's database")
    elif not target.uri.startswith("databricks"):
        raise InputError(
            f"MLflow cannot track into {target.shown}: name a server (http://...) or a database "
            f"(sqlite:///FILE, {', '.join(f'{name}://...' for name in DATABASES[1:])}); folders and other "
            "places it takes no longer"
        )
    try_out(target)


def require_database(target: Target) -> None:
    """Raise InputError unless MLflow's store is a database that is there and answers."""
    if target.served:
        raise InputError(f"MLflow is served at {target.shown} already: open it there.")
    if split(target.uri).scheme.partition("+")[0] not in DATABASES:
        raise InputError(f"{target.shown} is no database: --tracking-uri takes sqlite:///FILE and the like.")
    path = sqlite_path(target.uri)
    if path is not None and not path.exists():
        raise InputError(
            f"there is no database of MLflow at {path}: `python -m study.run` makes one, or name another "
            "--results."
        )
    require_answer(target.uri, "MLflow's database")


def _require_server(uri: str) -> None:
    """Ask a tracking server for its health, with the login of its address if there is one."""
    parts = split(uri)
    _require_port(parts)
    bare = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])).rstrip("/")
    request = urllib.request.Request(f"{bare}/health")  # noqa: S310  (scheme checked by the caller)
    if parts.username is not None:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        request.add_header("Authorization", f"Basic {base64.b64encode(login.encode()).decode()}")
    try:
        with urllib.request.urlopen(request, timeout=_PATIENCE):  # noqa: S310
            return
    except urllib.error.HTTPError:
        return  # it answers; a server behind a login may refuse this page and take runs
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise InputError(
            f"the MLflow server at {shown(uri)} does not answer{_proxy(uri)} "
            f"({reason(error, uri)}): start it, or leave out --tracking-uri to track into a "
            "database below --results."
        ) from error


def _require_port(parts: SplitResult) -> None:
    """Raise InputError where a password in an address would be taken for a port."""
    try:
        _ = parts.port
    except ValueError:
        raise InputError(
            "the address of the MLflow server cannot be read: in its password write / as %2F, ? as %3F, # as "
            "%23 and @ as %40"
        ) from None


def _proxy(uri: str) -> str:
    """Which proxy stands in the way to a server, if there is one."""
    parts = split(uri)
    proxy = urllib.request.getproxies().get(parts.scheme)
    if not proxy or urllib.request.proxy_bypass(parts.hostname or ""):
        return ""
    return (
        f" through the proxy {shown(proxy)} of {parts.scheme}_proxy (no_proxy={parts.hostname} goes past it)"
    )


def _require_folder(folder: Path) -> None:
    """Raise InputError unless a database can be made in a folder, which may have to be made too."""
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise InputError(f"MLflow's database cannot be made in {folder}: {there} cannot be written")
    require_locks(there, "MLflow's database")
