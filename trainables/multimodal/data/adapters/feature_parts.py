"""One file of own features, read and checked: what it holds of each sample, and what its arrays are."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from trainables.multimodal.data.adapters.feature_labels import (
    flags_of,
    label_entries,
    names_of,
    numbers_of,
    part_named,
    parts_of,
    signs_of,
)
from trainables.multimodal.data.limits import MIB, MOST_ARCHIVE_BYTES
from trainables.multimodal.data.source import require_few
from trainables.multimodal.data.tables.joined import Table
from trainables.multimodal.errors import InputError

MODALITY: Final = "modality:"
PRESENT: Final = "present:"
LABEL: Final = "label:"
"""Beginnings of names, before that of a modality or, of several labels per sample, that of a label."""
KEPT: Final = ("float32", "float16", "uint8")
"""Types that are stored as they are; every other number becomes float32."""
READ: Final[Mapping[str, Callable[[NDArray[Any]], Any]]] = {
    "label": label_entries,
    "id": partial(names_of, "id"),
    "group": partial(names_of, "group"),
    "split": parts_of,
    "value": numbers_of,
}
"""Columns with one entry per sample, and how they are read; `label` may have several."""


@dataclass(frozen=True)
class Kind:
    """What the samples of one modality are."""

    shape: tuple[int, ...]
    """Empty where no sample tells it."""
    dtype: str
    there: NDArray[np.bool_]
    """Which samples [N] have it."""


@dataclass(frozen=True)
class Part:
    """What one file holds."""

    file: Path
    columns: dict[str, Any]
    """What is there of READ: one entry per sample."""
    kinds: dict[str, Kind]
    """By modality."""
    label_names: tuple[str, ...] = ()
    """Of several labels per sample, where columns name them."""

    @property
    def samples(self) -> int:
        """How many there are."""
        return len(self.columns["label"])


def is_used(name: str) -> bool:
    """Whether an array of this name is read."""
    return name in READ or name.startswith((MODALITY, PRESENT, LABEL))


def require_no_other_spelling(names: Sequence[str]) -> None:
    """Raise InputError for an array such as `Split`, which would not be read, where there is no `split`."""
    for name in names:
        meant = name.strip().lower().removesuffix("s")
        if meant in READ and meant not in names:
            raise InputError(f"it holds {name}, and no {meant}: rename it to {meant}, or to something else")


def read_part(table: Table) -> Part:
    """Read a whole file once, so that damage is found before any work; its modalities are not kept.

    Raises InputError: an array is missing, misshapen, damaged, or of another length than the others.
    """
    require_no_other_spelling(table.names)
    modalities = [name.removeprefix(MODALITY) for name in table.names if name.startswith(MODALITY)]
    label_names = sorted(name.removeprefix(LABEL) for name in table.names if name.startswith(LABEL))
    known = ("label", *(f"{LABEL}{name}" for name in label_names), "value")
    counted = next((name for name in known if name in table.names), None)
    if counted is None or not modalities:
        raise InputError(
            f"it needs `label` or, for a regression, `value`, and at least one `{MODALITY}<name>`, "
            f"it has {sorted(table.names)}"
        )
    columns = {name: read(_column(table, name)) for name, read in READ.items() if name in table.names}
    if label_names:
        columns["label"] = _named_labels(table, label_names)
    samples = len(columns["label" if label_names else counted])
    require_few(samples, str(table.file))
    kinds = {name: _kind(table, f"{MODALITY}{name}") for name in modalities}
    shapes: dict[str, tuple[int, ...]] = {name: (len(column),) for name, column in columns.items()}
    shapes |= {f"{MODALITY}{name}": (len(kind.there), *kind.shape) for name, kind in kinds.items()}
    for name, shape in shapes.items():
        if shape[0] != samples:
            raise InputError(f"{name} has shape {shape}, which does not fit the {samples} rows of {counted}")
    masks = {name: _mask(table, name, samples) for name in table.names if name.startswith(PRESENT)}
    for name, mask in masks.items():
        modality = name.removeprefix(PRESENT)
        if modality not in kinds:
            raise InputError(f"it holds {name}, but no {MODALITY}{modality}: rename one")
        kind = kinds[modality]
        if not kind.there.all():
            raise InputError(
                f"{MODALITY}{modality} has empty cells, and there is a column {name}: keep one of both"
            )
        kinds[modality] = Kind(kind.shape, kind.dtype, mask)
    if "label" not in columns:
        columns["label"] = signs_of(columns["value"])
    return Part(table.file, columns, kinds, tuple(label_names))


def require_same_names(first: Table, other: Table) -> None:
    """Raise InputError where one of two parts of a set has an array that the other lacks."""
    one, two = set(first.names), set(other.names)
    for lacking, having, names in ((first, other, two - one), (other, first, one - two)):
        if names:
            raise InputError(
                f"{lacking.file} lacks {min(names)}, which {having.file.name} has: files of one folder are "
                "parts of one set, so take one of them out, or name one with --source FILE"
            )


def with_named_splits(parts: Sequence[Part]) -> list[Part]:
    """The files of a set with the split that their names tell, such as train.npz and test.npz.

    An array `split` goes before names. So do other names, unless they stand among such: then it is unknown
    where samples belong, and InputError is raised.
    """
    named = {part.file.name: part_named(part.file.stem) for part in parts}
    told = sorted(name for name, part in named.items() if part)
    others = sorted(name for name, part in named.items() if not part)
    if "split" in parts[0].columns or len(parts) == 1 or not told:
        return list(parts)
    if others:
        raise InputError(
            f"{told[0]} is named after a part of a split, and {others[0]} is not: rename it, take it out, or "
            "give every file an array `split`"
        )
    if len(set(named.values())) == 1:
        return list(parts)
    return [
        replace(part, columns={**part.columns, "split": [named[part.file.name]] * part.samples})
        for part in parts
    ]


def joined_kinds(parts: Sequence[Part]) -> dict[str, Kind]:
    """What the modalities are in all files together, with the type that they are stored in.

    Raises InputError, which names the file, where files are no parts of one set: they hold samples of other
    shapes, labels of another kind, or the same id.
    """
    if not sum(part.samples for part in parts):
        raise InputError("it holds no samples of features: check --source")
    require_few(sum(part.samples for part in parts), str(parts[0].file.parent))
    filled = [part for part in parts if part.samples]
    for other in filled[1:]:
        _require_same_labels(filled[0], other)
    _require_ids_apart(parts)
    return {name: _joined(name, filled) for name in parts[0].kinds}


def _joined(name: str, parts: Sequence[Part]) -> Kind:
    """What one modality is in all files together."""
    telling = [part for part in parts if part.kinds[name].shape]
    if not telling:
        raise InputError(
            f"column {MODALITY}{name} has nothing but empty cells: fill them in, or leave it out"
        )
    first, kind = telling[0], telling[0].kinds[name]
    for other in telling[1:]:
        if (shape := other.kinds[name].shape) != kind.shape:
            raise InputError(
                f"{MODALITY}{name} has samples of shape {list(shape)} in {other.file.name}, and of "
                f"{list(kind.shape)} in {first.file.name}: make them the same"
            )
    kept = kind.dtype in KEPT and all(part.kinds[name].dtype == kind.dtype for part in telling)
    there = np.concatenate([part.kinds[name].there for part in parts])
    return Kind(kind.shape, kind.dtype if kept else "float32", there)


def _require_same_labels(first: Part, other: Part) -> None:
    """Raise InputError unless both are text, or both numbers."""
    one, two = (_kind_of_labels(part.columns["label"]) for part in (first, other))
    if one != two:
        raise InputError(
            f"label holds {two} in {other.file.name}, and {one} in {first.file.name}: take one kind"
        )


def _kind_of_labels(labels: NDArray[Any]) -> str:
    if labels.ndim == 2:
        return f"{labels.shape[1]} labels per sample"
    return "text" if labels.dtype.hasobject else "numbers"


def _require_ids_apart(parts: Sequence[Part]) -> None:
    file_of: dict[str, str] = {}
    for part in parts:
        ids = part.columns.get("id", [])
        if shared := next((sample for sample in ids if sample in file_of), None):
            raise InputError(
                f"id {shared} stands in {file_of[shared]} and in {part.file.name}: files of one folder are "
                "parts of one set, in which every sample needs an id of its own"
            )
        file_of.update(dict.fromkeys(ids, part.file.name))


def _named_labels(table: Table, names: Sequence[str]) -> NDArray[np.bool_]:
    """Which of the named labels each sample has [N, C]."""
    if "label" in table.names or not all(names):
        raise InputError(f"it holds {LABEL}{names[0]}: name all labels so, and leave `label` out")
    columns = [flags_of(f"{LABEL}{name}", _column(table, f"{LABEL}{name}")) for name in names]
    for name, column in zip(names, columns, strict=True):
        if len(column) != len(columns[0]):
            raise InputError(f"{LABEL}{name} has {len(column)} rows, and {LABEL}{names[0]} {len(columns[0])}")
    return np.stack(columns, axis=1)


def _column(table: Table, name: str) -> NDArray[Any]:
    """All entries [N] of a column, which may be stored as [N, 1]; labels may be [N, C]."""
    blocks: list[NDArray[Any]] = []
    for block in table.blocks(name):
        blocks.append(block.values)
        shape = blocks[0].shape
        if len(shape) != 1 and shape[1:] != (1,) and (name != "label" or len(shape) != 2):
            raise InputError(f"{name} has shape {shape}: save one entry per sample, [N]")
        if block.values.shape[1:] != shape[1:]:
            raise InputError(f"column {name} has lists of different lengths: pad them to one")
        if (held := sum(each.nbytes for each in blocks)) > MOST_ARCHIVE_BYTES:
            raise InputError(f"{name} takes more than {held // MIB} MiB of memory: shorten its entries")
    column = np.concatenate(blocks) if blocks else np.empty(0, np.int64)
    return column if column.shape[1:] != (1,) else column.reshape(-1)


def _mask(table: Table, name: str, samples: int) -> NDArray[np.bool_]:
    mask = _column(table, name)
    if mask.dtype != np.bool_ or len(mask) != samples:
        raise InputError(
            f"{name} is {mask.dtype} {list(mask.shape)}: it must say true or false of {samples} samples"
        )
    return mask


def _kind(table: Table, name: str) -> Kind:
    """Shape and type of a modality, of which all rows are read for that."""
    there: list[NDArray[np.bool_]] = []
    found: dict[tuple[int, ...], str] = {}
    for values, held in table.blocks(name):
        if held is None or held.any():
            _require_numbers(name, values)
            found[values.shape[1:]] = str(values.dtype)
        there.append(np.ones(len(values), np.bool_) if held is None else held)
    if len(found) > 1:
        shapes = " and ".join(sorted(str(list(shape)) for shape in found))
        raise InputError(f"column {name} has lists of different lengths, {shapes}: pad them to one")
    shape, dtype = found.popitem() if found else ((), "")
    return Kind(shape, dtype, np.concatenate(there) if there else np.empty(0, np.bool_))


def _require_numbers(name: str, array: NDArray[Any]) -> None:
    if array.dtype.kind not in "biuf":
        raise InputError(f"{name} holds {array.dtype}, not numbers")
    if array.ndim < 2 or array.size == 0 < len(array):
        raise InputError(f"{name} has shape {array.shape}: expected [N, ...] with at least one feature")
