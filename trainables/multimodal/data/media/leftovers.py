"""What systems, downloads and copies leave beside the files of a data set.

Everything that finds files by their names does so by `walk` or `genuine`, which pass it over; `below` tells
what they pass over.
"""

import os
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Final

from trainables.multimodal.data.media.file_checks import folders_below
from trainables.multimodal.errors import InputError

BEGINNINGS: Final = ("._", "~$", ".~lock.", ".nfs", ".fuse_hidden")
"""Of macOS's second halves of files, and of files that a program or another machine has open."""
ENDINGS: Final = (
    ".part", ".partial", ".crdownload", ".download", ".aria2", ".ytdl", ".tmp", ".temp", ".bak", "~",
)  # fmt: skip
"""Of unfinished downloads and earlier versions."""
FILES: Final = frozenset({".ds_store", ".localized", "thumbs.db", "ehthumbs.db", "desktop.ini", ".directory"})
"""Of macOS, Windows and KDE."""
FOLDERS: Final = frozenset({
    "__macosx", ".appledouble", ".trashes", ".spotlight-v100", ".fseventsd", ".ipynb_checkpoints", "@eadir",
    "#recycle", "@recycle", "$recycle.bin", "system volume information",
})  # fmt: skip
"""All these names in small letters."""
COPY: Final = re.compile(
    r"copy of (?P<first>.+)"
    r"|(?P<last>.+?)(?: - copy(?: ?\(\d+\))?| ?\(\d+\)| copy(?: \d+)?| \((?:\w+ )*copy(?: \d+)?\))+",
    re.IGNORECASE,
)
"""The name, without its suffix, of a copy that a system or a browser made of a file of another name."""


def walk(root: Path) -> Iterator[tuple[Path, list[str]]]:
    """Every folder from the root down, in order of names, with the names of its genuine files, sorted."""
    for folder, names in folders_below(root, FOLDERS):
        yield folder, genuine(names)


def genuine(names: Collection[str]) -> list[str]:
    """Names of the files of one folder, sorted, without leftovers and copies whose original is among them."""
    there = {name.lower() for name in names}
    return sorted(name for name in names if not _is_leftover(name) and _original(name).lower() not in there)


def require_no_copies(folder: Path, names: Iterable[str]) -> None:
    """Raise InputError where one of the genuine names is that of a copy: its original is not there."""
    for name in names:
        if original := _original(name):
            raise InputError(
                f"{folder / name} is named as a copy, but {original} is not there: rename it, or remove it"
            )


def below(root: Path) -> list[str]:
    """What `walk` passes over, by path below the root: a folder as a whole, and every file."""
    passed: list[str] = []
    for folder, folders, names in os.walk(root):
        left = [name for name in folders if name.lower() in FOLDERS]
        folders[:] = sorted(set(folders) - set(left))
        left += set(names) - set(genuine(names))
        passed += (os.path.relpath(os.path.join(folder, name), root) for name in sorted(left))
    return passed


def _is_leftover(name: str) -> bool:
    name = name.lower()
    return name in FILES or name.startswith(BEGINNINGS) or name.endswith(ENDINGS)


def _original(name: str) -> str:
    """The name of the file of which this one is a copy by its name; empty where it is none."""
    if " " not in name and "(" not in name:  # as of millions of names
        return ""
    stem, suffix = os.path.splitext(name)
    match = COPY.fullmatch(stem)
    return (match["first"] or match["last"]) + suffix if match else ""
