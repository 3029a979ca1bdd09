"""Arrays that others saved as npz: checked before they are unpacked, and never unpickled."""

import lzma
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from trainables.multimodal.data.limits import MOST_ARCHIVE_BYTES
from trainables.multimodal.data.media.file_checks import require_table
from trainables.multimodal.errors import InputError

NamedArrays = dict[str, NDArray[Any]]
"""Name -> array, as npz and Parquet files hold them."""

UNREADABLE_NPZ: Final = (
    OSError, ValueError, EOFError, RuntimeError, MemoryError, SyntaxError, TypeError, LookupError,
    tokenize.TokenError, struct.error, zlib.error, lzma.LZMAError, zipfile.BadZipFile,
)  # fmt: skip
"""What zipfile and NumPy raise on damaged npz files."""

NUMBERS: Final = "biuf"
WHOLE: Final = "biu"
TEXT: Final = "US"
"""Kinds of NumPy types."""


def read_npz(file: Path) -> NamedArrays:
    """Every array of an npz file; InputError where it cannot be read (pickled objects are never loaded)."""
    require_table(file, packed=("zip",))
    if not zipfile.is_zipfile(file):
        raise InputError(f"{file} is no npz file, or cut short")
    try:
        require_modest_npz(file)
        with np.load(file, allow_pickle=False) as archive:
            return dict(archive)
    except InputError:
        raise
    except UNREADABLE_NPZ as error:
        raise InputError(f"{file} cannot be read as npz ({error})") from error


def require_modest_archive(file: Path, archive: zipfile.ZipFile) -> None:
    """Raise InputError for a zip file that declares more than MOST_ARCHIVE_BYTES, for no more is unpacked.

    Nothing is ever unpacked to disk, so that names in it lead nowhere.
    """
    declared = sum(member.file_size for member in archive.infolist())
    if declared > MOST_ARCHIVE_BYTES:
        raise InputError(
            f"{file} unpacks to {declared} bytes, and {MOST_ARCHIVE_BYTES} are the limit: divide it"
        )


def require_modest_npz(file: Path) -> None:
    """Compare what the arrays of an npz file declare with the sizes of its members, before any is read.

    Raises InputError above MOST_ARCHIVE_BYTES, ValueError for pickled objects or an array of another
    size than its member. What zipfile and NumPy raise on damaged files goes on to the caller.
    """
    with zipfile.ZipFile(file) as archive:
        require_modest_archive(file, archive)
        for member in archive.infolist():
            with archive.open(member) as stream:
                declared = _declared(stream)
                if declared + stream.tell() != member.file_size:
                    raise ValueError(f"{member.filename} is not as long as its header says")


def _declared(stream: Any) -> int:
    """Bytes of the array that a npy header declares; the stream stands after the header."""
    version = np.lib.format.read_magic(stream)
    read = {(1, 0): np.lib.format.read_array_header_1_0}.get(version, np.lib.format.read_array_header_2_0)
    shape, _, dtype = read(stream)
    if dtype.hasobject:
        raise ValueError("pickled objects are never loaded")
    size = dtype.itemsize
    for length in shape:  # whole numbers of Python: a declared shape may not overflow
        size *= length
    return size


def require_arrays(
    name: str, arrays: Mapping[str, NDArray[Any]], expected: Mapping[str, tuple[str, tuple[int, ...]]]
) -> None:
    """Raise InputError unless `arrays` has the expected ones, each of a kind of type and [N, *shape]."""
    for field, (kinds, shape) in expected.items():
        if field not in arrays:
            raise InputError(f"{name} lacks the array {field}: take the complete file")
        array, first = arrays[field], arrays[next(iter(expected))]
        complete = (*first.shape[:1], *shape)
        if array.shape != complete:
            raise InputError(f"{name}: {field} is {array.shape} instead of {complete}")
        if array.dtype.kind not in kinds:
            raise InputError(f"{name}: {field} holds {array.dtype}: take the published file")
