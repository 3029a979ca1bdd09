"""Parquet files that others wrote: read by a process of its own first, which may die over them."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pyarrow.parquet as pq

from trainables.multimodal.data.limits import (
    MOST_COLUMNS,
    MOST_PARQUET_BYTES,
    MOST_READER_BYTES,
    MOST_READING_SECONDS,
    MOST_SAMPLES,
)
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
