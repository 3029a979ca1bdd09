"""Parquet files that others wrote: another process reads them first, and arrays are read in blocks."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from trainables.multimodal.data.limits import (
    MIB,
    MOST_BLOCK_BYTES,
    MOST_COLUMNS,
    MOST_PARQUET_BYTES,
    MOST_READER_BYTES,
    MOST_SAMPLES,
)
from trainables.multimodal.data.media.file_checks import require_table
from trainables.multimodal.data.tables.bounded_reading import require_readable
from trainables.multimodal.data.tables.joined import Block, Table
from trainables.multimodal.errors import InputError

VALUE_BYTES: Final = 4
"""What a value of a Parquet file is taken to need at least, since numbers are kept as float32."""
PAGE_BYTES: Final = MIB
"""Bytes that are read of a file at once."""


def parquet_table(file: Path) -> Table:
    """The columns of a Parquet file, which are read in blocks; lists of equal length become further axes.

    Some of what pyarrow throws cannot be caught, and what a file unpacks to is known only then: so that
    another process reads it first. Raises InputError for a file that is damaged or above one of the limits.
    """
    require_table(file)
    _require_readable(file)
    metadata = pq.read_metadata(file)
    if not _is_modest(metadata):
        raise InputError(
            f"{file} has {metadata.num_rows} rows of {metadata.num_columns} columns, and {MOST_SAMPLES} and "
            f"{MOST_COLUMNS} are the limit: divide it"
        )
    names = metadata.schema.to_arrow_schema().names
    if len(set(names)) < len(names):
        raise InputError(f"{file} cannot be read as Parquet (two columns have the same name): rename one")
    return Table(file, tuple(names), partial(_blocks, file))


def _is_modest(metadata: Any) -> bool:
    return bool(metadata.num_columns <= MOST_COLUMNS and metadata.num_rows <= MOST_SAMPLES)


def read_all(file: Path) -> Any:
    """Read the file once, block by block, or of one above the limits of rows and columns what it tells only.

    What is given has the `nbytes` of all columns without lists that were read.
    """
    held = 0
    metadata = pq.read_metadata(file)
    names = metadata.schema.to_arrow_schema().names if _is_modest(metadata) else []
    for name in dict.fromkeys(names):
        for column in _columns(file, name):
            held += 0 if _is_list(column.type) else column.nbytes
    return SimpleNamespace(nbytes=held)


def _require_readable(file: Path) -> None:
    require_readable(
        read_all,
        file,
        "Parquet",
        most_bytes=MOST_PARQUET_BYTES,
        addresses=MOST_READER_BYTES + 2 * MOST_PARQUET_BYTES,  # to read and to unpack
        remedy="divide it into several files, or save it as npz",
    )


def _columns(file: Path, name: str) -> Iterator[Any]:
    """One column in blocks of rows: pages are read as they come, by one thread."""
    with pq.ParquetFile(file, pre_buffer=False, buffer_size=PAGE_BYTES) as reader:
        rows = max(1, _rows_of_a_block(reader.metadata, name))
        for batch in reader.iter_batches(rows, columns=[name], use_threads=False):
            yield batch.column(0)


def _rows_of_a_block(metadata: Any, name: str) -> int:
    """Rows of a column that have MOST_BLOCK_BYTES, by what the file says of it."""
    groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
    chunks = [group.column(index) for group in groups for index in range(group.num_columns)]
    own = [chunk for chunk in chunks if chunk.path_in_schema.partition(".")[0] == name.partition(".")[0]]
    unpacked = sum(max(VALUE_BYTES * chunk.num_values, chunk.total_uncompressed_size) for chunk in own)
    return int(MOST_BLOCK_BYTES * metadata.num_rows // max(1, unpacked))


def _blocks(file: Path, name: str) -> Iterator[Block]:
    try:
        for column in _columns(file, name):
            yield _block(name, column)
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{file} cannot be read as Parquet ({error})") from error


def _block(name: str, column: Any) -> Block:
    """Lists may have empty cells: their rows are zeros."""
    if not column.null_count or not _is_list(column.type):
        return Block(dense(name, column))
    there = np.asarray(column.is_valid().to_numpy(zero_copy_only=False))
    values = dense(name, column.drop_null())
    filled = np.zeros((len(column), *values.shape[1:]), values.dtype)
    filled[there] = values
    return Block(filled, there)


def dense(name: str, column: Any) -> NDArray[Any]:
    """[N] values, or [N, ...] from nested lists of equal length."""
    if column.null_count:
        raise InputError(f"column {name} has {column.null_count} empty cells: fill them in")
    if not _is_list(column.type):
        return np.asarray(column.to_numpy(zero_copy_only=False))
    lengths = pc.unique(pc.list_value_length(column)).to_pylist()
    if len(lengths) > 1:
        raise InputError(f"column {name} has lists of {len(lengths)} different lengths: pad them to one")
    inner = dense(name, column.flatten())
    return inner.reshape(len(column), *lengths or [0], *inner.shape[1:])


def _is_list(kind: Any) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))
