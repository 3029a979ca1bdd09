"""Tables that others wrote: lines of texts, rows of csv files, and what npz and Parquet files declare."""

import csv
import gzip
import lzma
import os
import struct
import subprocess
import sys
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from trainables.multimodal.data.limits import (
    MOST_ARCHIVE_BYTES,
    MOST_COLUMNS,
    MOST_LINE_CHARACTERS,
    MOST_PARQUET_BYTES,
    MOST_READER_BYTES,
    MOST_READING_SECONDS,
    MOST_SAMPLES,
    MOST_TEXT_BYTES,
)
from trainables.multimodal.data.media.file_checks import require_content
from trainables.multimodal.errors import InputError

VALUE_BYTES: Final = 4
"""What a value of a Parquet file is taken to need, since numbers are kept as float32."""
TOO_LARGE: Final = 9
"""How the process of such an attempt ends where the memory that it may have is not enough."""
ATTEMPT: Final = """
import resource, sys
import pyarrow.parquet as pq
file, most_bytes, most_addresses, too_large = sys.argv[1], *map(int, sys.argv[2:])
given = resource.getrlimit(resource.RLIMIT_AS)
most = min([most_addresses, *(limit for limit in given if limit != resource.RLIM_INFINITY)])
resource.setrlimit(resource.RLIMIT_AS, (most, given[1]))
try:
    sys.exit(too_large if getattr({read}, "nbytes", 0) > most_bytes else 0)
except MemoryError:
    sys.exit(too_large)
"""
FRUGAL: Final = {"OPENBLAS_NUM_THREADS": "1", "ARROW_DEFAULT_MEMORY_POOL": "system"}
"""Settings that keep a process from taking addresses that it does not need."""

UNREADABLE: Final = (
    OSError, ValueError, EOFError, RuntimeError, MemoryError, SyntaxError, TypeError, LookupError,
    tokenize.TokenError, struct.error, zlib.error, lzma.LZMAError, zipfile.BadZipFile,
)  # fmt: skip
"""What zipfile and NumPy raise on damaged npz files."""

NUMBERS: Final = "biuf"
WHOLE: Final = "biu"
TEXT: Final = "US"
"""Kinds of NumPy types."""


def read_rows(file: Path) -> list[list[str]]:
    """All rows of a csv file, plain or .gz, blank ones left out.

    Raises InputError: what `read_lines` refuses, too many columns, or no csv.
    """
    lines = read_lines(file)
    if any(line.count(",") >= MOST_COLUMNS for line in lines):
        raise InputError(f"{file.name} cannot be read as csv (a line has more than {MOST_COLUMNS} columns)")
    try:
        return [row for row in csv.reader(f"{line}\n" for line in lines) if row]
    except csv.Error as error:
        raise InputError(f"{file.name} cannot be read as csv ({error})") from error


def read_lines(file: Path, longest: int = MOST_LINE_CHARACTERS) -> list[str]:
    """The lines of a text in UTF-8, plain or .gz; no other character than the newline ends one.

    Raises InputError: missing, empty, a Git-LFS pointer, above MOST_TEXT_BYTES once unpacked, no UTF-8, NUL
    characters, or a line of more than `longest` characters.
    """
    lines = [line.removesuffix("\r") for line in _text(file).split("\n")]
    for number, line in enumerate(lines, 1):
        if len(line) > longest:
            raise InputError(
                f"{file.name}, line {number} has {len(line)} characters: take the published file"
            )
    return lines if lines[-1] else lines[:-1]


def _text(file: Path) -> str:
    require_content(file)
    try:
        with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as stream:
            text = _bounded(file, stream.read(MOST_TEXT_BYTES + 1)).decode("utf-8-sig")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise InputError(f"{file.name} is no text in UTF-8 ({error}): take the published file") from error
    if not text:
        raise InputError(f"{file.name} is empty: take the published file")
    if "\0" in text:
        raise InputError(f"{file.name} has NUL characters, as no text does: take the published file")
    return text


def _bounded(file: Path, content: bytes) -> bytes:
    if len(content) > MOST_TEXT_BYTES:
        raise InputError(f"{file.name} has more than {MOST_TEXT_BYTES} bytes: take the published file")
    return content


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


def require_modest_parquet(file: Path) -> None:
    """Raise InputError for a Parquet file above one of the limits, or that ends the process that reads it.

    pyarrow's errors go on to the caller.
    """
    _require_survivable("pq.read_metadata(file)", file)
    found = pq.read_metadata(file)
    groups = [found.row_group(index) for index in range(found.num_row_groups)]
    values = sum(group.column(index).num_values for group in groups for index in range(group.num_columns))
    unpacked = max(VALUE_BYTES * values, sum(group.total_byte_size for group in groups))
    if found.num_columns > MOST_COLUMNS or found.num_rows > MOST_SAMPLES or unpacked > MOST_PARQUET_BYTES:
        raise InputError(
            f"{file} has {found.num_rows} rows of {found.num_columns} columns in {unpacked} bytes, and "
            f"{MOST_SAMPLES}, {MOST_COLUMNS} and {MOST_PARQUET_BYTES} are the limit: "
            "divide it, or save it as npz"
        )
    _require_survivable("pq.read_table(file, use_threads=False)", file)


def _require_survivable(read: str, file: Path) -> None:
    """Let a process of its own try first, in bounds: some of what pyarrow throws cannot be caught, and what a
    file unpacks to is known only then.
    """
    limits = (MOST_PARQUET_BYTES, MOST_READER_BYTES + 2 * MOST_PARQUET_BYTES, TOO_LARGE)
    command = [sys.executable, "-c", ATTEMPT.format(read=read), str(file.absolute()), *map(str, limits)]
    try:
        ended = subprocess.run(  # noqa: S603 - the command is ours
            command,
            capture_output=True,
            check=False,
            timeout=MOST_READING_SECONDS,
            env={**os.environ, **FRUGAL},
        )
    except subprocess.TimeoutExpired as error:
        raise InputError(
            f"{file} cannot be read as Parquet in {MOST_READING_SECONDS} s: divide it"
        ) from error
    if ended.returncode == TOO_LARGE:
        raise InputError(
            f"{file} unpacks to more than {MOST_PARQUET_BYTES} bytes: divide it, or save it as npz"
        )
    if ended.returncode < 0:
        raise InputError(
            f"{file} cannot be read as Parquet: it is damaged or too large, and ends a process that reads it"
        )


def require_arrays(
    name: str, arrays: Mapping[str, NDArray[Any]], expected: Mapping[str, tuple[str, tuple[int, ...]]]
) -> None:
    """Raise InputError unless `arrays` has the expected ones, each of a kind of type and [N, *shape]."""
    for field, (kinds, shape) in expected.items():
        if field not in arrays:
            raise InputError(f"{name} lacks the array {field}: take the complete file")
        found, first = arrays[field], arrays[next(iter(expected))]
        complete = (*first.shape[:1], *shape)
        if found.shape != complete:
            raise InputError(f"{name}: {field} is {found.shape} instead of {complete}")
        if found.dtype.kind not in kinds:
            raise InputError(f"{name}: {field} holds {found.dtype}: take the published file")
