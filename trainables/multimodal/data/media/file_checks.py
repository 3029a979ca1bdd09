"""Checks of source files that come before any decoding."""

import reprlib
from pathlib import Path

from trainables.multimodal.data.limits import (
    MOST_CLIP_BYTES,
    MOST_SOUND_CHANNELS,
    MOST_SOUND_HERTZ,
    MOST_SOUND_SECONDS,
)
from trainables.multimodal.errors import InputError

LFS_HEADER = b"version https://git-lfs.github.com/spec/"


def inside(root: Path, name: str | Path) -> Path:
    """The file `name` below `root`.

    Raises InputError: the path, with links followed, leaves the root.
    """
    path = root / name
    if not _resolved(path).is_relative_to(root.resolve()):
        raise InputError(f"{name} leaves the source folder {root}: remove the link or the ../ in its name")
    return path


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError) as error:  # links in a circle, or a name that no file can have
        raise InputError(f"{reprlib.repr(str(path))} names no file ({error}): remove or rename it") from error


def is_lfs_pointer(file: Path) -> bool:
    """Whether a file holds a Git-LFS pointer (some 130 bytes of text) instead of its content."""
    with file.open("rb") as stream:
        return stream.read(len(LFS_HEADER)) == LFS_HEADER


def require_content(file: Path) -> None:
    """Raise InputError where a file is missing, empty or a Git-LFS pointer."""
    if not file.is_file():
        raise InputError(f"{file.parent.name}/{file.name} is missing")
    if not file.stat().st_size:
        raise InputError(f"{file.parent.name}/{file.name} is empty (0 bytes)")
    if is_lfs_pointer(file):
        raise InputError(
            f"{file} is a Git-LFS pointer, not the file itself: run `git lfs pull` in its repository"
        )


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
    pointers = [file for file in files if file.is_file() and is_lfs_pointer(file)]
    if pointers:
        raise InputError(
            f"{pointers[0]} is a Git-LFS pointer, not the file itself "
            f"({len(pointers)} of {len(files)} files are): run `git lfs pull` in {root}"
        )


def require_folder(root: Path) -> None:
    """Raise InputError unless `root` is a folder."""
    if not root.is_dir():
        raise InputError(f"there is no source folder {root}: check --source")
