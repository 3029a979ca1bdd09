"""Arrays that others saved as npz: checked before they are unpacked, and never unpickled."""

import contextlib
import lzma
import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trainables.multimodal.data.limits import MIB, MOST_ARCHIVE_BYTES, MOST_BLOCK_BYTES, MOST_COLUMNS
from trainables.multimodal.data.media.file_checks import require_table
from trainables.multimodal.data.tables.joined import Block, Table
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


METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""How NumPy packs arrays. Other methods may unpack a few bytes to any number, which takes for ever."""
SUFFIX: Final = ".npy"


def read_npz(file: Path) -> NamedArrays:
    """Every array of an npz file, held in memory.

    Raises InputError where the file cannot be read, holds Python objects, which are never loaded, or declares
    more than MOST_ARCHIVE_BYTES.
    """
    table = npz_table(file)
    with _opened(file) as archive:
        declared = sum(member.file_size for member in archive.infolist())
    if declared > MOST_ARCHIVE_BYTES:
        raise InputError(
            f"{file} unpacks to {declared} bytes, and {MOST_ARCHIVE_BYTES} are the limit: divide it"
        )
    blocks = {name: [block.values for block in table.blocks(name)] for name in table.names}
    return {name: parts[0] if len(parts) == 1 else np.concatenate(parts) for name, parts in blocks.items()}


def npz_table(file: Path) -> Table:
    """The arrays of an npz file, which are read in blocks.

    Nothing is ever unpacked to disk, so that names in it lead nowhere. Raises InputError for no npz file.
    """
    require_table(file, packed=("zip",))
    if not zipfile.is_zipfile(file):
        raise InputError(f"{file} is no npz file, or cut short")
    with _opened(file) as archive:
        members = archive.infolist()
    if len(members) > MOST_COLUMNS:
        raise InputError(f"{file} holds {len(members)} arrays, and {MOST_COLUMNS} are the limit: divide it")
    return Table(
        file, tuple(member.filename.removesuffix(SUFFIX) for member in members), partial(_blocks, file)
    )


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[zipfile.ZipFile]:
    """An npz file; what is raised over a damaged one becomes a sentence."""
    try:
        with zipfile.ZipFile(file) as archive:
            yield archive
    except InputError:
        raise
    except UNREADABLE_NPZ as error:
        raise InputError(f"{file} cannot be read as npz ({error})") from error


def _blocks(file: Path, name: str) -> Iterator[Block]:
    with _opened(file) as archive:
        member = archive.getinfo(name if name in archive.namelist() else f"{name}{SUFFIX}")
        if member.compress_type not in METHODS:
            raise ValueError(f"{name} is packed as np.savez packs nothing: save it anew")
        with archive.open(member) as stream:
            header = _header(name, stream)
            if header.bytes + stream.tell() != member.file_size:
                raise ValueError(f"{member.filename} is not as long as its header says")
            yield from _read(name, header, stream)


class _Header(NamedTuple):
    """What a npy file says of its array."""

    shape: tuple[int, ...]
    columns_first: bool
    dtype: np.dtype[Any]

    @property
    def bytes(self) -> int:
        """Bytes of the array: whole numbers of Python, since a declared shape may not overflow."""
        return math.prod(self.shape) * self.dtype.itemsize


def _header(name: str, stream: Any) -> _Header:
    """The header of an array; the stream stands after it."""
    version = np.lib.format.read_magic(stream)
    read = {(1, 0): np.lib.format.read_array_header_1_0}.get(version, np.lib.format.read_array_header_2_0)
    header = _Header(*read(stream))
    if header.dtype.hasobject:
        raise ValueError(
            f"{name} holds Python objects, and pickled objects are never loaded: save it as text: "
            "array.astype(str), or as numbers of one shape"
        )
    return header


def _read(name: str, header: _Header, stream: Any) -> Iterator[Block]:
    """The rows of an array in order; at once where it is stored column by column, or is a single value."""
    shape, columns_first, dtype = header
    at_once = len(shape) < 2 or columns_first
    if at_once and header.bytes > MOST_ARCHIVE_BYTES:
        raise ValueError(
            f"{name} is held in memory and has {header.bytes // MIB} MiB, and {MOST_ARCHIVE_BYTES // MIB} "
            "are the limit: save np.ascontiguousarray(array), or divide it into several files"
        )
    if at_once:
        flat = np.ndarray(math.prod(shape), dtype, stream.read(header.bytes))
        yield Block(flat.reshape(shape, order="F" if columns_first else "C"))
        return
    total, size = shape[0], math.prod(shape[1:]) * dtype.itemsize
    step = max(1, MOST_BLOCK_BYTES // max(1, size))
    for start in range(0, max(1, total), step):
        rows = min(step, total - start)
        yield Block(np.ndarray((rows, *shape[1:]), dtype, stream.read(rows * size)))


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
