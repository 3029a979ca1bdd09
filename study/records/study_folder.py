"""The folder of a study: one driver at a time, one ledger, and nothing in it is ever overwritten."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from study.methods import STUDY_METHODS, StudyMethod
from study.records.addresses import shown
from study.records.continuation import continued
from study.records.database import sqlite_url
from study.records.ledger import Ledger
from study.records.ledger_copy import COPY, age, damage, reader
from study.settings import StudySettings
from trainables.multimodal.errors import InputError
from trainables.multimodal.whole_files import held

LEDGER = "ledger.db"
BEST = "best"
"""Folder of the weights that are published, by method."""


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder against a second driver; the kernel frees it however this process ends.

    Raises:
        InputError: Another driver holds it, the folder cannot be written, or its path is no UTF-8.

    """
    with contextlib.ExitStack() as stack:
        try:
            str(folder).encode()  # a name of other bytes is no address of a database
            folder.mkdir(parents=True, exist_ok=True)
            alone = stack.enter_context(held(folder))
        except UnicodeEncodeError as error:
            raise InputError(f"the path {str(folder)!a} is no UTF-8: choose another --results.") from error
        except OSError as error:
            raise InputError(
                f"{folder} cannot be written ({error.strerror}): choose another --results."
            ) from error
        if not alone:
            raise InputError(f"another driver works on {folder}: wait for it, or use another --results.")
        yield


def set_aside(folder: Path, storage: str | None) -> None:
    """Rename an old study to <study>.<n>."""
    if storage:
        raise InputError("--fresh does not reach a ledger named by --storage: name another one instead.")
    if not folder.exists():
        return
    with locked(folder):
        number = 1
        while folder.with_name(f"{folder.name}.{number}").exists():
            number += 1
        folder.rename(folder.with_name(f"{folder.name}.{number}"))


def open_ledger(folder: Path, settings: StudySettings, storage: str | None) -> Ledger:
    """Open the study's ledger, or begin it; settings that differ from those it was begun with are refused.

    Raises:
        InputError: The ledger is damaged or gone while the rest of the study is there, settings differ, or
            another driver works on the same ledger.

    """
    if storage is None:
        _require_whole(folder)
        if not (folder / LEDGER).exists():
            require_search(settings)
            _begin(folder / LEDGER, settings)
    ledger = Ledger(storage or sqlite_url(folder / LEDGER), settings.study, folder, settings.table)
    try:
        _agree(ledger, settings)
    except InputError:
        ledger.close()
        raise
    return ledger


def require_search(settings: StudySettings) -> None:
    """Stages that rest on what a search has found come with one."""
    stages = {*settings.stages}
    if "search" not in stages and (not stages or stages - settings.unsearched):
        raise InputError(f"{settings.study} has not been searched yet: add search to --stages.")


def require_startable(folder: Path, settings: StudySettings) -> None:
    """Refuse what `open_ledger` refuses of a study's own ledger, and begin nothing.

    Raises InputError, as `open_ledger` does.
    """
    _require_whole(folder)
    if not (folder / LEDGER).exists():
        require_search(settings)
        return
    with locked(folder):
        ledger = Ledger(sqlite_url(folder / LEDGER), settings.study, folder, settings.table)
        try:
            _asked(ledger, settings)
        finally:
            ledger.close()


def _agree(ledger: Ledger, settings: StudySettings) -> None:
    """Settle what the study is asked for."""
    asked = _asked(ledger, settings)
    if asked != ledger.plain_settings:
        ledger.save_settings(StudySettings.from_json(asked, settings.table))


def _asked(ledger: Ledger, settings: StudySettings) -> dict[str, Any]:
    """What a study is asked for, as the ledger keeps it: what it was begun with, grown where it may grow."""
    now = settings.to_json()
    asked = continued(ledger.plain_settings, now) if ledger.begun else now
    require_search(StudySettings.from_json(asked, settings.table))
    return asked


def read_ledger(
    folder: Path, storage: str | None, table: Mapping[str, StudyMethod] = STUDY_METHODS
) -> Ledger:
    """Open a ledger that must exist; `table` holds the methods that the study compares."""
    if storage is None and not (folder / LEDGER).exists():
        raise InputError(f"there is no study at {folder}: `python -m study.run` makes one.")
    if storage is None:
        _require_whole(folder)
    name = folder.name if storage else _only_study(folder / LEDGER)
    ledger = Ledger(storage or sqlite_url(folder / LEDGER), name, folder, table)
    if not ledger.begun:
        ledger.close()
        raise InputError(f"{shown(ledger.url)} holds no study named {folder.name}.")
    return ledger


def _only_study(path: Path) -> str:
    """Name of the study in a folder's own ledger; the folder may have been renamed."""
    with contextlib.closing(reader(path)) as connection:
        names = [name for (name,) in connection.execute("SELECT study_name FROM studies")]
    return str(names[0]).split("/")[0] if names else path.parent.name


def _begin(path: Path, settings: StudySettings) -> None:
    """Write the first ledger under another name: a file called ledger.db always holds the settings."""
    fresh = path.with_name(".ledger.new")
    fresh.unlink(missing_ok=True)
    ledger = Ledger(sqlite_url(fresh), settings.study, table=settings.table)
    ledger.save_settings(settings)
    ledger.close()
    fresh.rename(path)


def _require_whole(folder: Path) -> None:
    """Refuse a damaged ledger: beginning anew beside old results would lose a study without a word."""
    path = folder / LEDGER
    rest = [p.name for p in folder.iterdir() if not p.name.startswith(".")] if folder.exists() else []
    if not path.exists():
        if rest:
            raise InputError(f"{folder} holds results but no {LEDGER}: {_remedy(folder)}.")
        return
    if reason := damage(path):
        raise InputError(f"the ledger {path} is damaged ({reason}): {_remedy(folder)}.")


def _remedy(folder: Path) -> str:
    copy = folder / COPY
    if copy.exists() and not damage(copy):
        return f"--restore goes on from its copy of {age(copy)}, --fresh begins anew"
    return "restore it, or use --fresh to begin anew"
