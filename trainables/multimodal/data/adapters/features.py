"""The generic adapter: features that somebody has computed already, as npz or Parquet.

A file holds an array [N, ...] per modality named `modality:<name>`, and `label` [N] (whole numbers or text)
or `value` [N] (a number to predict) or both. Several labels per sample are `label` [N, C], or `label:<name>`
[N] of each, zeros and ones. Optional are `id` [N], `group` [N], `split` [N] (train,
validation or test) and, where samples lack a modality, `present:<name>` [N] (true or false). In Parquet these
names are columns, a modality a column of lists; an empty cell: the sample lacks it. Several files in a folder
are parts of one set, and their names may tell the split.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from trainables.multimodal.data.adapters.feature_labels import (
    classes_of,
    quantity_of,
    remarks_on,
    remarks_without_folds,
    splits_of,
)
from trainables.multimodal.data.adapters.feature_parts import (
    MODALITY,
    PRESENT,
    Kind,
    Part,
    is_used,
    joined_kinds,
    read_part,
    require_same_names,
    with_named_splits,
)
from trainables.multimodal.data.media.file_checks import inside
from trainables.multimodal.data.media.leftovers import genuine
from trainables.multimodal.data.source import Source
from trainables.multimodal.data.store.feature_store import Arrays, Modality
from trainables.multimodal.data.tables.joined import Rows, Table
from trainables.multimodal.data.tables.npz import npz_table
from trainables.multimodal.data.tables.parquet import parquet_table
from trainables.multimodal.errors import InputError

OPEN: Final[Mapping[str, Callable[[Path], Table]]] = {".npz": npz_table, ".parquet": parquet_table}


def read(path: Path) -> Source:
    """The features in `path`: a file, or a folder whose npz or Parquet files are parts of one set.

    Parts are read in the order of their names. Arrays of modalities are read in blocks, whatever their size.

    Raises InputError: no such file, a missing or misshapen array, parts that do not belong together, a
    damaged file; file and array are named.
    """
    files = _files(path)
    tables = [naming(file, OPEN[file.suffix.lower()], file) for file in files]
    for table in tables[1:]:
        require_same_names(tables[0], table)
    parts = [naming(table.file, read_part, table) for table in tables]
    source: Source = naming(files[0] if len(files) == 1 else path, partial(source_of, tables), parts)
    return replace(source, note=" ".join(filter(None, [source.note, *_passed_by(path, files)])))


def _files(path: Path) -> list[Path]:
    if path.is_file() and path.suffix.lower() in OPEN:
        return [path]
    if not path.is_dir():
        raise InputError(f"there is no npz or Parquet file or folder {path}: check --source")
    names = genuine([file.name for file in path.iterdir() if file.suffix.lower() in OPEN])
    files = [inside(path, name) for name in names if not name.startswith(".")]
    kinds = {file.suffix.lower() for file in files}
    if len(kinds) != 1:
        held = (
            "npz and Parquet files, which may be the same data twice" if kinds else "no npz or Parquet files"
        )
        raise InputError(f"{path} holds {held}: name one with --source FILE, or a folder of one kind")
    return files


def _passed_by(path: Path, files: Sequence[Path]) -> list[str]:
    """A sentence on what lies in the folder beside its tables, if anything does."""
    names = [entry.name for entry in path.iterdir()] if path.is_dir() else []
    read = {file.name for file in files}
    others = [name for name in genuine(names) if name not in read and name[0] != "."]
    return [f"beside the tables in the source lie, and are not read: {', '.join(others)}."] if others else []


def naming(file: Path, read: Callable[[Any], Any], given: Any) -> Any:
    """What `read` makes of something; what it raises names the file."""
    try:
        return read(given)
    except InputError as error:
        if file.name in str(error):
            raise
        raise InputError(f"{file}: {error}") from error


def source_of(tables: Sequence[Table], parts: Sequence[Part]) -> Source:
    """The set of which these tables, as they were read, are the parts.

    Raises InputError where they do not belong together, or can be no set.
    """
    parts = with_named_splits(parts)
    kinds = joined_kinds(parts)
    labels = [part.columns["label"] for part in parts if part.samples]
    classes, numbers = classes_of(np.concatenate(labels), parts[0].label_names)
    lists = {
        name: [entry for part in parts for entry in part.columns[name]]
        for name in ("id", "group", "split")
        if name in parts[0].columns
    }
    values = (
        np.concatenate([part.columns["value"] for part in parts]) if "value" in parts[0].columns else None
    )
    groups, given = lists.get("group"), lists.get("split")
    splits = splits_of(numbers, groups, given)
    unused = sorted(name for name in tables[0].names if not is_used(name))
    remarks = [f"arrays in the source that are not used: {', '.join(unused)}."] if unused else []
    remarks += remarks_on(splits, groups, given)
    remarks += remarks_without_folds(splits, numbers, classes, groups)
    return Source(
        name="features",
        root=parts[0].file.parent,
        files=[part.file for part in parts],
        recipe={"name": "features"},
        classes=classes,
        modalities={name: Modality(name, kind.shape, kind.dtype) for name, kind in kinds.items()},
        ids=lists.get("id") or [str(row) for row in range(len(numbers))],
        labels=numbers,
        groups=groups,
        splits=splits,
        default_split=next(iter(splits)),
        load=partial(_load, {name: Rows(tables, f"{MODALITY}{name}") for name in kinds}, kinds),
        in_memory=True,
        note=" ".join(remarks),
        values=values,
        quantity=None if values is None else quantity_of(values),
        present={
            name: kind.there
            for name, kind in sorted(kinds.items())
            if f"{PRESENT}{name}" in tables[0].names or not kind.there.all()
        },
    )


def _load(rows: Mapping[str, Rows], kinds: Mapping[str, Kind], row: int) -> Arrays:
    return {name: arrays[row].astype(kinds[name].dtype, copy=False) for name, arrays in rows.items()}
