"""manifest.json: reading it, comparing it with the files, and the checksums it holds, one of itself too."""

import hashlib
import json
import platform
import shlex
import zlib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from trainables.multimodal.errors import InputError
from trainables.multimodal.whole_files import write_text

FORMAT = 2
FILE = "manifest.json"
CHECKSUM: Final = "crc32"
"""Entry with the checksum of all others; stores of version 0.2.0 have none."""
BLOCK_BYTES: Final = 2**20
AGAIN: Final = "remove the store and prepare it again"
SHAPES: Final[Mapping[str, Any]] = {
    "format": int,
    "dataset": str,
    "is_sample": bool,
    "digest": str,
    "recipe": {"name": str},
    "classes": [str],
    "modalities": {},
    "samples": int,
    "group": bool,
    "splits": [str],
    "default_split": str,
    "skipped": {},
    "sources": {},
    "files": [{"name": str, "bytes": int, "mtime_ns": int, "crc32": str}],
    "versions": {},
}
"""What each entry is: a type, a list of things of one shape, or an object with at least these keys."""
MODALITY: Final = {"shape": [int], "dtype": str}


def canonical(value: Any) -> bytes:
    """JSON with sorted keys and no spaces: equal values give equal bytes. NaN is refused."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def read(folder: Path) -> dict[str, Any]:
    """The manifest of a store.

    Raises InputError: the folder or the manifest is missing, unreadable, of another format or changed.
    """
    content = _content(folder)
    try:
        manifest = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{folder / FILE} cannot be read ({error}): {AGAIN}") from error
    _require_format(folder, manifest)
    checksum = manifest.pop(CHECKSUM, None)
    if checksum is not None and checksum != _checksum(manifest):
        raise InputError(f"{folder / FILE} was changed or is damaged (its checksum differs): {AGAIN}")
    return dict(manifest)


def write(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write the manifest and its checksum in one piece: a reader sees the old one or the new one."""
    plain = json.loads(json.dumps(manifest, allow_nan=False))
    write_text(folder / FILE, json.dumps({**plain, CHECKSUM: _checksum(plain)}, indent=1) + "\n")


def describe(file: Path) -> dict[str, Any]:
    """Name, size, time and checksum of one file of a store."""
    status = file.stat()
    return {
        "name": file.name, "bytes": status.st_size, "mtime_ns": status.st_mtime_ns, "crc32": crc32(file)
    }  # fmt: skip


def crc32(file: Path) -> str:
    """Checksum of a file's content that tells damage, in hexadecimal.

    What the data are is told by their digest; to compute another of that kind would take a tenth of the time
    of a preparation.
    """
    value = 0
    with file.open("rb") as stream:
        while block := stream.read(BLOCK_BYTES):
            value = zlib.crc32(block, value)
    return f"{value:08x}"


def sha256(file: Path) -> str:
    """Checksum of a file's content, in hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def checksums(root: Path, files: Iterable[Path]) -> dict[str, str]:
    """sha256 of those files that are there, by path below the root."""
    return {file.relative_to(root).as_posix(): sha256(file) for file in files if file.is_file()}


def require_unchanged(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Compare sizes and times of the files with the manifest: cheap enough for every run."""
    for entry in manifest["files"]:
        file = folder / entry["name"]
        if not file.is_file():
            raise InputError(f"{folder} lacks {entry['name']}, which its manifest names: prepare it again")
        if not is_unchanged(file, entry):
            raise InputError(
                f"{file} does not match its manifest (size or time differs): "
                f"run `python -m study.prepare --check {shlex.quote(str(folder))}`"
            )


def require_digest(folder: Path, digest: str) -> None:
    """Raise InputError where a store holds other data than those that were begun with."""
    if read(folder)["digest"] != digest:
        raise InputError(
            f"{folder} holds other data than the study was begun with: put those back, or begin anew with "
            "--fresh"
        )


def require_whole(folder: Path, entry: Mapping[str, Any]) -> None:
    """Compare the content of a file with its checksum, once per process: the first time that it is read.

    Raises InputError: a byte differs, though size and time of the file do not.
    """
    _compare(folder / entry["name"], entry["crc32"], entry["bytes"], entry["mtime_ns"])


def size(manifest: Mapping[str, Any]) -> int:
    """Bytes of all files that a manifest names."""
    return sum(entry["bytes"] for entry in manifest["files"])


def is_unchanged(file: Path, entry: Mapping[str, Any]) -> bool:
    """Whether a file has the size and time of its description."""
    status = file.stat()
    return (status.st_size, status.st_mtime_ns) == (entry["bytes"], entry["mtime_ns"])


def damaged_files(folder: Path, manifest: Mapping[str, Any]) -> list[str]:
    """Names of the files that are missing or whose content is not what the manifest says."""
    return [
        entry["name"]
        for entry in manifest["files"]
        if not (folder / entry["name"]).is_file() or crc32(folder / entry["name"]) != entry["crc32"]
    ]


def sample_digest(fields: Sequence[Any], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Digest of one sample: its fields (id, label, group, parts, perhaps a value) and its arrays by name."""
    digest = hashlib.sha256(canonical(fields))
    for _, array in sorted(arrays.items()):
        digest.update(np.ascontiguousarray(array).data)
    return digest.digest()


def data_digest(manifest: Mapping[str, Any], samples: Iterable[bytes]) -> str:
    """Digest of a data set: recipe, classes, modalities, policies, what its values are if it has any, and
    its samples in order.

    Independent of how the samples are spread over files, and of paths, times and versions.
    """
    header = {key: manifest[key] for key in ("recipe", "classes", "modalities", "value") if key in manifest}
    digest = hashlib.sha256(canonical({**header, "splits": sorted(manifest["splits"])}))
    for sample in samples:
        digest.update(sample)
    return digest.hexdigest()


@cache
def _compare(file: Path, checksum: str, *_size_and_time: int) -> None:
    if crc32(file) != checksum:
        raise InputError(
            f"{file} on {platform.node()} is damaged (its checksum is not that of the manifest): restore it, "
            f"or remove {shlex.quote(str(file.parent))} there and prepare or copy the data again"
        )


def _checksum(manifest: Mapping[str, Any]) -> str:
    """Checksum of a manifest as JSON gives it back; one with NaN, which no store has, has none."""
    try:
        return f"{zlib.crc32(canonical(manifest)):08x}"
    except ValueError:
        return ""


def _content(folder: Path) -> bytes:
    try:
        return (folder / FILE).read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise InputError(_nothing_in(folder)) from error
    except OSError as error:
        raise InputError(
            f"{folder / FILE} cannot be read ({error.strerror}): check its permissions"
        ) from error


def _nothing_in(folder: Path) -> str:
    if folder.is_dir():
        return f"{folder} is no prepared store (it has no {FILE}): run `python -m study.prepare` first"
    return f"there is no data folder {folder}: prepare one with `python -m study.prepare`"


def _require_format(folder: Path, manifest: Any) -> None:
    if not _has_shape(manifest, SHAPES) or manifest["format"] != FORMAT:
        raise InputError(f"{folder / FILE} is no manifest of format {FORMAT}: {AGAIN}")
    if not all(_has_shape(modality, MODALITY) for modality in manifest["modalities"].values()):
        raise InputError(f"{folder / FILE} describes no modalities: {AGAIN}")
    for entry in manifest["files"]:
        if Path(entry["name"]).name != entry["name"] or "\0" in entry["name"]:
            raise InputError(f"{folder / FILE} names files outside its folder, or nothing: {AGAIN}")


def _has_shape(value: Any, shape: Any) -> bool:
    if isinstance(shape, type):
        return type(value) is shape
    if isinstance(shape, list):
        return isinstance(value, list) and all(_has_shape(item, shape[0]) for item in value)
    return isinstance(value, dict) and all(
        key in value and _has_shape(value[key], part) for key, part in shape.items()
    )
