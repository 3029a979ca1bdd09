"""Parts of a user's own by import path, `package.module:Name`: found, and told from other versions."""

import hashlib
import importlib
import os
import re
from collections.abc import Mapping
from functools import cache
from operator import attrgetter
from pathlib import Path
from typing import Any, Final, TypeGuard

from trainables.multimodal.data.store.manifest import canonical, sha256
from trainables.multimodal.errors import InputError

FORM: Final = "package.module:Name"
"""What messages call an import path."""
_NAME: Final = r"[^\W\d]\w*(\.[^\W\d]\w*)*"
_PATH: Final = re.compile(f"{_NAME}:{_NAME}")
_OURS: Final = ("trainables", "study", "search_spaces")
_SCRIPT: Final = "__main__"


def is_own(name: object) -> TypeGuard[str]:
    """Whether a name is an import path: those of the project's own parts hold no colon."""
    return isinstance(name, str) and _PATH.fullmatch(name) is not None


def own_part(path: str) -> Any:
    """What an import path names.

    Raises InputError: the module cannot be imported, with its error, or does not hold the name.
    """
    module, _, name = path.partition(":")
    if module == _SCRIPT:
        raise InputError(f"{path} is known to one process only: put it into a module of its own")
    try:
        imported = importlib.import_module(module)
    except Exception as error:  # whatever a user's module raises
        raise InputError(
            f"{path} cannot be imported ({said(error)}): its module must be installed, or lie in the folder "
            "where the command is started"
        ) from error
    try:
        return attrgetter(name)(imported)
    except AttributeError as error:
        raise InputError(f"{path} is not there: {module} holds no {name}") from error


def import_path(part: type) -> str | None:
    """The path by which other processes import a class, or None: it is the project's, or has no such path.

    Classes of a script itself and of a function travel to other processes as they are.
    """
    path = f"{part.__module__}:{part.__qualname__}"
    if part.__module__.split(".")[0] in (*_OURS, _SCRIPT) or not is_own(path):
        return None
    return path


@cache
def digest(path: str) -> str:
    """Checksum of all that makes a part what it is, as this process has imported it.

    These are the Python files of its top-level package or module, and the files that it names in an attribute
    `files`, such as weights. Raises InputError as `own_part`, or for a file that cannot be read.
    """
    files = getattr(own_part(path), "files", ())
    found = hashlib.sha256()
    for name, file in (_sources(top_level(path)) | {str(file): Path(file) for file in files}).items():
        try:
            found.update(canonical([name, sha256(file)]))
        except OSError as error:
            raise InputError(f"{path} needs {file}, which cannot be read: {error.strerror}") from error
    return found.hexdigest()


def require_unchanged(digests: Mapping[str, str]) -> None:
    """Raise InputError for the first part that cannot be imported here, or has another digest."""
    for path, known in digests.items():
        if digest(path) != known:
            raise InputError(
                f"{path} is another one than the study was begun with: its package or a file that it reads "
                "has changed; undo that, or begin anew with --fresh, from Python in a new process"
            )


def top_level(path: str) -> str:
    """Name of the package or module that holds a part and what lies beside it."""
    return re.split("[.:]", path)[0]


def places(module: str) -> list[Path]:
    """The file of a top-level module, or the folders of a package."""
    imported = importlib.import_module(module)
    folders = getattr(imported, "__path__", None)
    file = getattr(imported, "__file__", None)
    return [Path(place) for place in (folders or [file]) if place]


def said(error: BaseException) -> str:
    """An error in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())


def _sources(module: str) -> dict[str, Path]:
    """Python files of a top-level module or package by their names in it; hidden folders hold none.

    Of files of one name in several folders of a package the first counts, which is imported.
    """
    found: dict[str, Path] = {}
    for place in places(module):
        if place.is_file():
            found[place.name] = place
        for folder, inner, names in os.walk(place):
            inner[:] = [name for name in inner if not name.startswith(".")]
            for file in (Path(folder, name) for name in names if name.endswith(".py")):
                found.setdefault(file.relative_to(place).as_posix(), file)
    return dict(sorted(found.items()))
