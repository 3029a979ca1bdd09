"""Checks of source files that come before any decoding: where they lie, and how large they are.

A data set from elsewhere must not make a program read other files of the machine, so that links out of the
source folder are refused. Trees of links into a store (DVC, git-annex, a cache, a shared disk) are read where
the user allows it.
"""

import os
import reprlib
import stat
from collections.abc import Collection, Iterator
from pathlib import Path, PosixPath

from trainables.multimodal.data.limits import (
    MOST_CLIP_BYTES,
    MOST_SOUND_CHANNELS,
    MOST_SOUND_HERTZ,
    MOST_SOUND_SECONDS,
)
from trainables.multimodal.data.media.first_bytes import (
    LFS_POINTER,
    broken_download,
    head,
    packing,
    unfetched,
)
from trainables.multimodal.errors import InputError


class FollowedPath(PosixPath):
    """A source folder whose links may lead out of it; so may those of every path that is made of it."""


def inside(root: Path, name: str | Path) -> Path:
    """The file `name` below `root`, which need not exist.

    Raises InputError: the name leads out of the root, or a link on the way does and the root is no
    FollowedPath.
    """
    path = root / name
    if not Path(os.path.normpath(path)).is_relative_to(os.path.normpath(root)):
        raise InputError(f"{name} leaves the source folder {root}: remove the ../ in its name")
    try:
        os.fsencode(path)  # a name outside UTF-8, which a check for links takes for an absent one
        strays = _has_link(root, path) and not (isinstance(root, FollowedPath) or _leads_inside(root, path))
    except (OSError, RuntimeError, ValueError) as error:  # links in a circle, or a name that no file can have
        raise InputError(f"{reprlib.repr(str(path))} names no file ({error}): remove or rename it") from error
    if strays:
        raise InputError(
            f"{name} leaves the source folder {root} by a link: remove it, or allow all links with "
            "--follow-links if you trust where they lead"
        )
    return path


def folders_below(root: Path, passed_over: Collection[str] = ()) -> Iterator[tuple[Path, list[str]]]:
    """Every folder below the root, itself included, with the names of its files in order.

    Folders whose names in small letters are in `passed_over` are not entered.

    A linked folder is entered where links are followed, unless it stands below the root anyway. None is
    entered twice. Raises InputError where a folder is a link out of a root whose links are not followed.
    """
    base = Path(os.path.realpath(root))
    met = {base}
    for folder, folders, names in os.walk(root, followlinks=True):
        path, entered = root / folder, []
        for name in sorted(name for name in folders if name.lower() not in passed_over):
            place = Path(os.path.realpath(inside(root, (path / name).relative_to(root))))
            if place not in met and not ((path / name).is_symlink() and place.is_relative_to(base)):
                met.add(place)
                entered.append(name)
        folders[:] = entered
        yield path, sorted(names)


def _has_link(root: Path, path: Path) -> bool:
    """Whether a part of the path below the root may be a link: to resolve many whole paths takes long."""
    place, below = str(root), path.parts[len(root.parts) :]
    for part in below:
        place = f"{place}/{part}"
        try:
            if stat.S_ISLNK(os.lstat(place).st_mode):
                return True
        except (FileNotFoundError, NotADirectoryError):
            break
    return ".." in below or "\0" in str(path)  # behind what is not there, neither was looked for


def _leads_inside(root: Path, path: Path) -> bool:
    return path.resolve().is_relative_to(root.resolve())


def require_content(file: Path) -> None:
    """Raise InputError where a file is missing, empty or a Git-LFS pointer."""
    if file.is_symlink() and not file.exists():
        raise InputError(
            f"{file.parent.name}/{file.name} is missing: it is a link, and {os.readlink(file)} is not there"
        )
    if not file.is_file():
        raise InputError(f"{file.parent.name}/{file.name} is missing")
    if not file.stat().st_size:
        raise InputError(f"{file.parent.name}/{file.name} is empty (0 bytes)")
    if told := unfetched(head(file)):
        raise InputError(f"{file} {told}")


def require_table(file: Path, packed: Collection[str] = ()) -> None:
    """Raise InputError where a table has no content, or begins as a broken download does.

    `packed` are the formats in which it may be packed.
    """
    require_content(file)
    first = head(file)
    if told := broken_download(first):
        raise InputError(f"{file} {told}")
    if (packer := packing(first)) and packer not in packed:
        raise InputError(f"{file} cannot be read: it is packed with {packer}, so unpack it first")


def require_modest_frames(file: Path, width: int, height: int, most: int) -> None:
    """Raise InputError for frames of more pixels than `most`: ask before decoding, by what a header says."""
    if width * height > most:
        raise InputError(
            f"{file.parent.name}/{file.name} has {width} x {height} pixels, and {most} are the limit with as "
            "many frames of it: make it smaller, or take fewer --frames"
        )


def require_modest_clip(file: Path, held: int) -> None:
    """Raise InputError where a clip's coded pictures take more bytes than the limit: ask as they come."""
    if held > MOST_CLIP_BYTES:
        raise InputError(
            f"{file.parent.name}/{file.name} has coded pictures of more than {MOST_CLIP_BYTES} bytes, "
            "which are the limit: cut it into clips"
        )


def require_modest_sound(file: Path, samples: int, rate: int, channels: int) -> None:
    """Raise InputError for sound above one of the limits: ask before decoding, with what the header says."""
    if channels > MOST_SOUND_CHANNELS or rate > MOST_SOUND_HERTZ or samples > MOST_SOUND_SECONDS * rate:
        raise InputError(
            f"{file.parent.name}/{file.name} has {channels} channels of {samples} samples at {rate} Hz, "
            f"and {MOST_SOUND_CHANNELS} channels, {MOST_SOUND_HERTZ} Hz and {MOST_SOUND_SECONDS} s "
            "are the limit: cut it into clips"
        )


def refuse_lfs_pointers(root: Path, files: list[Path]) -> None:
    """Refuse a checkout whose media were never fetched: the most common mistake, named once for all files."""
    pointers = [file for file in files if file.is_file() and head(file).startswith(LFS_POINTER)]
    if pointers:
        raise InputError(
            f"{pointers[0]} is a Git-LFS pointer, not the file itself "
            f"({len(pointers)} of {len(files)} files are): run `git lfs pull` in {root}"
        )


def require_folder(root: Path) -> None:
    """Raise InputError unless `root` is a folder."""
    if not root.is_dir():
        raise InputError(f"there is no source folder {root}: check --source")
