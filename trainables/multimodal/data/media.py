"""Checks of source files that come before any decoding."""

from pathlib import Path

from trainables.multimodal.errors import InputError

LFS_HEADER = b"version https://git-lfs.github.com/spec/"


def inside(root: Path, name: str | Path) -> Path:
    """The file `name` below `root`.

    Raises InputError: the path, with links followed, leaves the root.
    """
    path = root / name
    if not path.resolve().is_relative_to(root.resolve()):
        raise InputError(f"{name} leaves the source folder {root}: remove the link or the ../ in its name")
    return path


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
