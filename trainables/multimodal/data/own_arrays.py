"""A store of own features that are in memory: no file of them is needed.

What is said of samples, which splits there are and what is refused is as in files (`adapters/features.py`):
the same arrays make the same store.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from trainables.multimodal.data.adapters.feature_parts import (
    KEPT,
    LABEL,
    MODALITY,
    PRESENT,
    read_part,
)
from trainables.multimodal.data.adapters.features import naming, source_of
from trainables.multimodal.data.limits import MOST_BLOCK_BYTES
from trainables.multimodal.data.preparing.writer import write_at_once
from trainables.multimodal.data.store.feature_store import FeatureStore
from trainables.multimodal.data.tables.joined import Block, Table
from trainables.multimodal.data.tables.npz import NUMBERS
from trainables.multimodal.data.tables.parquet import dense
from trainables.multimodal.errors import InputError

NO_ARRAY: Final = (ValueError, TypeError, RuntimeError)
"""What NumPy and torch raise over what is no array of numbers."""


def store_from_arrays(
    folder: str | Path,
    modalities: Mapping[str, Any],
    *,
    labels: Any = None,
    values: Any = None,
    ids: Any = None,
    group: Any = None,
    split: Any = None,
    present: Mapping[str, Any] | None = None,
    skip_up_to: float = 0.0,
) -> FeatureStore:
    """Write a store of arrays with a row per sample: of NumPy, tensors, columns and frames of pandas, lists.

    Arrays on disk that can be sliced, such as `numpy.memmap` or those of h5py, are read in blocks.

    Args:
        folder: Where the store is made; nothing may be there.
        modalities: Name -> numbers [N, ...] of all samples. None in a list of arrays: the sample lacks it.
        labels: Classes [N], whole numbers or text, or which of several each sample has [N, C]; a frame of
            pandas names them. By default the signs of `values`.
        values: Numbers [N] that a regression predicts, on a scale around zero.
        ids: Names [N] of the samples; by default their numbers.
        group: What a split must not divide [N], such as the speaker.
        split: Part [N] of each sample: train, validation (or valid, val, dev) or test. This is the default
            split then.
        present: Name of a modality -> whether each sample has it [N].
        skip_up_to: Share of samples that may be left out as their numbers are NaN or infinite.

    Raises:
        InputError: What is refused in files is refused here, `folder` is there, or the disk is full. No
            unfinished store is left.

    """
    masks = {f"{PRESENT}{name}": mask for name, mask in (present or {}).items()}
    named = {f"{LABEL}{name}": labels[name] for name in getattr(labels, "columns", ())}
    labelled = named if len(named) > 1 else {"label": labels}
    given = {**labelled, "value": values, "id": ids, "group": group, "split": split, **masks}
    columns = {name: entries(name, column) for name, column in given.items() if column is not None}
    arrays = {f"{MODALITY}{name}": sliceable(array) for name, array in modalities.items()}
    return write_columns(new(folder), {**columns, **arrays}, skip_up_to)


def new(folder: str | Path) -> Path:
    """The whole path of a folder; InputError where something is there already."""
    path = Path(folder).absolute()
    if path.exists():
        raise InputError(f"{path} exists already: remove it, or choose another folder")
    return path


def write_columns(
    folder: Path, columns: Mapping[str, Any], skip_up_to: float, remark: str = ""
) -> FeatureStore:
    """Write a store of columns that are named as those of files; reports show the remark."""
    table = Table(folder, tuple(columns), lambda name: _blocks(name, columns[name]))
    source = naming(folder, lambda read: source_of([read], [read_part(read)]), table)
    note = " ".join(filter(None, [source.note, remark]))
    source = replace(source, root=folder.parent, files=[], note=note)
    return write_at_once(source, folder, skip_up_to=skip_up_to)


def entries(name: str, column: Any) -> NDArray[Any]:
    """A column with one entry per sample; InputError where some are empty, or of several kinds."""
    array = np.asarray(sliceable(column))
    if array.dtype != object:
        return array
    plain = [entry(name, row, value) for row, value in enumerate(array.reshape(-1))]
    try:
        read = dense(name, pa.array(plain, from_pandas=True))
    except pa.ArrowException as error:
        raise InputError(f"{name} needs a number or a text for each sample ({error})") from error
    return read if array.ndim == 1 else read.reshape(array.shape)


def entry(name: str, row: int, value: Any) -> Any:
    """What a column says of sample `row`, without array or tensor around it; InputError where it is empty."""
    if value is None:
        raise InputError(f"{name} of sample {row} is empty: fill it in, or leave the sample out")
    return value.tolist() if hasattr(value, "tolist") else value


def sample_numbers(name: str, row: int, value: Any) -> NDArray[Any]:
    """What sample `row` has of a modality, in the type that is stored."""
    if not isinstance(value, torch.Tensor | np.ndarray | Sequence) or isinstance(value, str | bytes):
        raise InputError(
            f"{name} of sample {row} is of type {type(value).__name__}: give an array, a tensor, or lists of "
            "numbers"
        )
    try:
        array = sliceable(value)
        array = np.array(array.tolist()) if array.dtype == object else array
    except NO_ARRAY as error:
        raise InputError(f"{name} of sample {row} is no array ({error}): pad it") from error
    if array.dtype.kind not in NUMBERS:
        raise InputError(f"{name} of sample {row} holds {array.dtype}, not numbers")
    if not array.ndim or not array.size:
        raise InputError(f"{name} of sample {row} has shape {list(array.shape)}: give one feature at least")
    with np.errstate(over="ignore"):  # samples with infinite numbers are told all together
        return array if str(array.dtype) in KEPT else array.astype(np.float32)


def require_like(name: str, row: int, array: NDArray[Any], first: NDArray[Any]) -> None:
    """Raise InputError unless the array of sample `row` has the shape and the type of the first one."""
    if (array.shape, array.dtype) != (first.shape, first.dtype):
        one, other = (f"{list(each.shape)} {each.dtype}" for each in (array, first))
        raise InputError(f"{name} of sample {row} is {one}, and before it came {other}: make them the same")


def sliceable(given: Any) -> Any:
    """Something with rows as an array, or as what can be sliced like one; a list as an array of objects."""
    if isinstance(given, torch.Tensor):
        given = given.detach().cpu()
        return (given.float() if given.dtype == torch.bfloat16 else given).numpy()
    if hasattr(given, "to_numpy"):
        return given.to_numpy()
    if hasattr(given, "shape") and hasattr(given, "dtype"):
        return given
    return np.fromiter(given, object, len(given))


def _blocks(name: str, column: Any) -> Iterator[Block]:
    if not name.startswith(MODALITY) or not column.shape:
        yield Block(column)
    elif column.dtype == object:
        yield from _stacked(name.removeprefix(MODALITY), column)
    else:
        for rows in _spans(len(column), math.prod(column.shape[1:]) * column.dtype.itemsize):
            yield Block(np.asarray(column[rows.start : rows.stop]))


def _stacked(name: str, values: NDArray[Any]) -> Iterator[Block]:
    """Blocks of a modality from what each sample has of it, or None."""
    held = np.array([value is not None for value in values], np.bool_)
    known = np.flatnonzero(held)[:1]
    first = sample_numbers(name, int(known[0]), values[known[0]]) if len(known) else np.zeros(1, np.float32)
    for rows in _spans(len(values), first.nbytes):
        filled = np.zeros((len(rows), *first.shape), first.dtype)
        for row in (row for row in rows if held[row]):
            array = sample_numbers(name, row, values[row])
            require_like(name, row, array, first)
            filled[row - rows.start] = array
        yield Block(filled, held[rows.start : rows.stop])


def _spans(samples: int, size: int) -> Iterator[range]:
    """Rows of blocks, of which each sample takes `size` bytes; one block of none where there are none."""
    step = max(1, MOST_BLOCK_BYTES // max(1, size))
    for start in range(0, max(1, samples), step):
        yield range(start, min(start + step, samples))
