"""Parquet files that others wrote: compared with the limits, and read by another process first."""

from pathlib import Path
from typing import Any, Final

import pyarrow.parquet as pq

from trainables.multimodal.data.limits import (
    MOST_COLUMNS,
    MOST_PARQUET_BYTES,
    MOST_READER_BYTES,
    MOST_SAMPLES,
)
from trainables.multimodal.data.tables.bounded_reading import require_readable
from trainables.multimodal.errors import InputError

VALUE_BYTES: Final = 4
"""What a value of a Parquet file is taken to need, since numbers are kept as float32."""


def require_modest_parquet(file: Path) -> None:
    """Raise InputError for a Parquet file that is damaged or above one of the limits.

    Some of what pyarrow throws cannot be caught, and what a file unpacks to is known only then: so that
    another process reads it first.
    """
    _require_readable(read_metadata, file)
    metadata = read_metadata(file)
    groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
    values = sum(group.column(index).num_values for group in groups for index in range(group.num_columns))
    unpacked = max(VALUE_BYTES * values, sum(group.total_byte_size for group in groups))
    rows, columns = metadata.num_rows, metadata.num_columns
    if columns > MOST_COLUMNS or rows > MOST_SAMPLES or unpacked > MOST_PARQUET_BYTES:
        raise InputError(
            f"{file} has {rows} rows of {columns} columns in {unpacked} bytes, and {MOST_SAMPLES}, "
            f"{MOST_COLUMNS} and {MOST_PARQUET_BYTES} are the limit: divide it, or save it as npz"
        )
    _require_readable(read_table, file)


def read_metadata(file: Path) -> Any:
    """What pyarrow tells of the file without its columns."""
    return pq.read_metadata(file)


def read_table(file: Path) -> Any:
    """The file as pyarrow's table, by one thread."""
    return pq.read_table(file, use_threads=False)


def _require_readable(read: Any, file: Path) -> None:
    require_readable(
        read,
        file,
        "Parquet",
        most_bytes=MOST_PARQUET_BYTES,
        addresses=MOST_READER_BYTES + 2 * MOST_PARQUET_BYTES,  # to read and to unpack
        remedy="divide it, or save it as npz",
    )
