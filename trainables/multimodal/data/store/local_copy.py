"""A copy of a store on the disk of one machine, made once and read by every run there.

<folder>/
    .lock                 held by the process that copies; the others wait
    samples-00000.arrow   as in the store
    manifest.json         written last: a folder without it is a copy that was interrupted
"""

import contextlib
import platform
import shlex
import shutil
from pathlib import Path
from typing import Any, Final

from filelock import FileLock

from trainables.multimodal.data.store import manifest as manifests
from trainables.multimodal.errors import InputError
from trainables.multimodal.whole_files import LOCK, flush

DIGITS: Final = 16
"""Of a digest, by which the folder of a copy is named."""
PRIVATE: Final = 0o700
"""Data have licences, and other people use the machine, too."""


def folder_of_copy(root: str | Path, digest: str) -> Path:
    """Where the copy of the data of this digest lies below `root`."""
    return Path(root, digest[:DIGITS])


def local_copy(store: Path, folder: Path, digest: str) -> Path:
    """The copy in `folder` of the store with this digest; the first process makes it, others wait for it.

    Once it is made, the store itself is read no more.

    Raises:
        InputError: The disk has too little room, the store holds other data or is damaged, or the copy was
            changed after it was made. Such a copy is never made anew: other runs may be reading it.
        OSError: The copy cannot be read or written.

    """
    try:
        if not _is_made(folder):
            folder.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
            with FileLock(folder / LOCK):
                if not _is_made(folder):
                    _make(store, folder, digest)
        _require_unchanged(folder, digest)
    except OSError as error:
        raise type(error)(f"{_said_of(folder)} cannot be made or read ({error})") from error
    return folder


def _is_made(folder: Path) -> bool:
    return (folder / manifests.FILE).exists()


def _make(store: Path, folder: Path, digest: str) -> None:
    """Copy files, then compare what lies on the disk with their checksums, then write the manifest."""
    manifest = manifests.read(store)
    if manifest["digest"] != digest:
        raise InputError(
            f"{store} was prepared anew meanwhile (its digest differs): begin anew with these data"
        )
    with contextlib.ExitStack() as failed:
        failed.callback(_clear, folder)  # a part of a copy would only fill the disk
        _clear(folder)
        _require_room(folder, manifest)
        for entry in manifest["files"]:
            shutil.copyfile(store / entry["name"], folder / entry["name"])
            flush(folder / entry["name"])
        if damaged := manifests.damaged_files(folder, manifest):
            raise InputError(
                f"{_said_of(folder)} differs from the checksums of the store ({', '.join(damaged)}): "
                f"run `python -m study.prepare --check {shlex.quote(str(store))}`"
            )
        manifests.write(folder, {**manifest, "files": [_timed(folder, entry) for entry in manifest["files"]]})
        failed.pop_all()


def _timed(folder: Path, entry: dict[str, Any]) -> dict[str, Any]:
    """The entry of a file with the time of its copy."""
    return {**entry, "mtime_ns": (folder / entry["name"]).stat().st_mtime_ns}


def _clear(folder: Path) -> None:
    """Remove what a copy that was not finished has left; the lock is held."""
    for path in folder.iterdir():
        if path.name != LOCK:
            path.unlink()


def _require_room(folder: Path, manifest: dict[str, Any]) -> None:
    needed, free = manifests.size(manifest), shutil.disk_usage(folder).free
    if needed > free:
        raise InputError(
            f"{_said_of(folder)} needs {needed / 2**20:,.0f} MiB, and there are {free / 2**20:,.0f} MiB of "
            "room: make some, or name another folder"
        )


def _require_unchanged(folder: Path, digest: str) -> None:
    """Compare what every run compares when it opens a store, and say what to do on this machine."""
    try:
        manifest = manifests.read(folder)
        manifests.require_unchanged(folder, manifest)
    except InputError as error:
        raise InputError(_unfit(folder)) from error
    if manifest["digest"] != digest:
        raise InputError(_unfit(folder))


def _unfit(folder: Path) -> str:
    return (
        f"{_said_of(folder)} is not as it was made: remove it there with `rm -r {shlex.quote(str(folder))}`"
    )


def _said_of(folder: Path) -> str:
    return f"the copy of the data in {folder} on {platform.node()}"
