"""The generic adapter: features that somebody has computed already, as npz or Parquet.

One file with an array [N, ...] per modality named `modality:<name>`, and `label` [N] (whole numbers or text).
Optional are `id` [N], `group` [N] and, where samples lack a modality, `present:<name>` [N] (true or false).
In Parquet these names are columns, a modality a column of lists; an empty cell: the sample lacks it.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from trainables.multimodal.data.limits import MOST_ID_CHARACTERS
from trainables.multimodal.data.media.file_checks import inside, require_table
from trainables.multimodal.data.source import Source, require_few
from trainables.multimodal.data.splits import by_group, stratified
from trainables.multimodal.data.store.feature_store import Arrays, Modality
from trainables.multimodal.data.tables.npz import NamedArrays, read_npz
from trainables.multimodal.data.tables.parquet import require_modest_parquet
from trainables.multimodal.errors import InputError

PREFIX: Final = "modality:"
PRESENT: Final = "present:"
KEPT: Final = ("float32", "float16", "uint8")
"""Types that are stored as they are; every other number becomes float32."""


def read(path: Path) -> Source:
    """The features in `path`: a file, or a folder with exactly one npz or Parquet file.

    Raises InputError: no such file, a missing or misshapen array; file and array are named.
    """
    file = _only_file(path)
    try:
        return _source(file, TABLE_READERS[file.suffix](file))
    except InputError as error:
        if file.name in str(error):
            raise
        raise InputError(f"{file}: {error}") from error


def _source(file: Path, table: NamedArrays) -> Source:
    arrays = {name.removeprefix(PREFIX): table[name] for name in table if name.startswith(PREFIX)}
    for name, array in arrays.items():
        _require_numbers(f"{PREFIX}{name}", array)
    _require_complete(file, table, arrays)
    kinds = {name: str(array.dtype) if array.dtype in KEPT else "float32" for name, array in arrays.items()}
    classes, labels = _classes(table["label"])
    groups = [str(group) for group in table["group"]] if "group" in table else None
    policy, parts = ("actor-disjoint", by_group(groups)) if groups else ("stratified", stratified(labels))
    return Source(
        name="features",
        root=file.parent,
        files=[file],
        recipe={"name": "features"},
        classes=classes,
        modalities={name: Modality(name, array.shape[1:], kinds[name]) for name, array in arrays.items()},
        ids=[str(sample) for sample in table.get("id", np.arange(len(labels)))],
        labels=labels,
        groups=groups,
        splits={policy: parts},
        default_split=policy,
        load=partial(_load, arrays, kinds),
        in_memory=True,
        present={
            name.removeprefix(PRESENT): table[name] for name in sorted(table) if name.startswith(PRESENT)
        },
    )


def read_parquet(file: Path) -> NamedArrays:
    """Every column of a Parquet file as an array; lists of equal length become further axes."""
    require_table(file)
    try:
        require_modest_parquet(file)
        table = pq.read_table(file)
    except InputError:
        raise
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{file} cannot be read as Parquet ({error})") from error
    names = table.column_names
    arrays: NamedArrays = {}
    for name in names:
        column = table.column(0).combine_chunks()
        table = table.remove_column(0)  # so that no more than one column is in memory twice
        arrays |= _filled(name, column, names)
    return arrays


TABLE_READERS: Final = {".npz": read_npz, ".parquet": read_parquet}


def _only_file(path: Path) -> Path:
    if path.is_file() and path.suffix in TABLE_READERS:
        return path
    if not path.is_dir():
        raise InputError(f"there is no npz or Parquet file or folder {path}: check --source")
    files = sorted(file for file in path.iterdir() if file.suffix in TABLE_READERS)
    if len(files) != 1:
        raise InputError(f"{path} holds {len(files)} npz or Parquet files: name one with --source FILE")
    return inside(path, files[0].name)


def _filled(name: str, column: Any, names: Sequence[str]) -> NamedArrays:
    """A column as an array; of a modality with empty cells, zeros there and an array that says where."""
    if not name.startswith(PREFIX) or not 0 < column.null_count < len(column):
        return {name: _dense(name, column)}
    mask_name = name.replace(PREFIX, PRESENT, 1)
    if mask_name in names:
        raise InputError(
            f"column {name} has empty cells, and there is a column {mask_name}: keep one of both"
        )
    mask = np.asarray(column.is_valid().to_numpy(zero_copy_only=False))
    values = _dense(name, column.drop_null())
    filled = np.zeros((len(column), *values.shape[1:]), values.dtype)
    filled[mask] = values
    return {name: filled, mask_name: mask}


def _dense(name: str, column: Any) -> NDArray[Any]:
    """[N] values, or [N, ...] from nested lists of equal length."""
    if column.null_count:
        raise InputError(f"column {name} has {column.null_count} empty cells: fill them in")
    if not (pa.types.is_list(column.type) or pa.types.is_large_list(column.type)
            or pa.types.is_fixed_size_list(column.type)):  # fmt: skip
        return np.asarray(column.to_numpy(zero_copy_only=False))
    lengths = pc.unique(pc.list_value_length(column)).to_pylist()
    if len(lengths) > 1:
        raise InputError(f"column {name} has lists of {len(lengths)} different lengths: pad them to one")
    inner = _dense(name, column.flatten())
    return inner.reshape(len(column), *lengths or [0], *inner.shape[1:])


def _require_numbers(name: str, array: NDArray[Any]) -> None:
    if array.dtype.kind not in "biuf":
        raise InputError(f"{name} holds {array.dtype}, not numbers")
    if array.ndim < 2 or array.size == 0 < len(array):
        raise InputError(f"{name} has shape {array.shape}: expected [N, ...] with at least one feature")


def _require_complete(file: Path, table: NamedArrays, arrays: NamedArrays) -> None:
    if "label" not in table or not arrays:
        raise InputError(f"{file} needs `label` and at least one `{PREFIX}<name>`, it has {sorted(table)}")
    columns = {f"{PREFIX}{name}": array for name, array in arrays.items()}
    columns |= {name: table[name] for name in ("label", "id", "group") if name in table}
    samples = len(table["label"]) if table["label"].ndim == 1 else -1
    require_few(samples, str(file))
    for name, array in columns.items():
        if len(array) != samples:
            raise InputError(f"{file}: {name} has shape {array.shape}, which does not fit `label` [N]")
    for name in (name for name in table if name.startswith(PRESENT)):
        _require_mask(name, table[name], samples)
        if name.removeprefix(PRESENT) not in arrays:
            raise InputError(f"{file} holds {name}, but no {PREFIX}{name.removeprefix(PRESENT)}: rename one")


def _require_mask(name: str, mask: NDArray[Any], samples: int) -> None:
    if mask.dtype != np.bool_ or mask.shape != (samples,):
        raise InputError(
            f"{name} is {mask.dtype} {list(mask.shape)}: it must say true or false of {samples} samples"
        )


def _classes(values: NDArray[Any]) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Class names in sorted order, and each sample's index into them."""
    if values.dtype.kind not in "biuUSO":
        raise InputError(f"label holds {values.dtype}: expected whole numbers or text")
    kept = _texts(values) if values.dtype.kind in "SO" else values
    values_in_order, rows, labels = np.unique(kept, return_index=True, return_inverse=True)
    names = [str(name) for name in values_in_order]
    for name, row in zip(names, rows, strict=True):
        if len(name) > MOST_ID_CHARACTERS:
            raise InputError(
                f"label of row {row} has {len(name)} characters, and {MOST_ID_CHARACTERS} are the limit: "
                "shorten it"
            )
    return tuple(names), labels.astype(np.int64)


def _texts(values: NDArray[Any]) -> NDArray[Any]:
    """Labels as objects of text: a long one would stretch all others of an array of text."""
    try:
        texts = [
            value.decode("ascii") if isinstance(value, bytes) else str(value) for value in values.tolist()
        ]
    except UnicodeDecodeError as error:
        raise InputError(f"label holds bytes that are no text in ASCII ({error}): write text") from error
    return np.array(texts, dtype=object)


def _load(arrays: NamedArrays, kinds: dict[str, str], row: int) -> Arrays:
    """One sample; the table stays as it is in the file, since another copy of it could fill the memory."""
    return {name: array[row].astype(kinds[name], copy=False) for name, array in arrays.items()}
