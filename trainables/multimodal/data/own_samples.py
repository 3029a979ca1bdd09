"""A store of own features that come sample by sample, such as those of a torch or Hugging Face data set.

How many there are may be known at the end alone, and be more than memory holds. So they are first kept on
disk beside the store: while it is made, it takes its size once more.
"""

import contextlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from trainables.multimodal.data.adapters.feature_parts import (
    MODALITY,
    PRESENT,
    require_no_other_spelling,
)
from trainables.multimodal.data.modality_names import require_modality_name
from trainables.multimodal.data.own_arrays import (
    entries,
    entry,
    new,
    require_like,
    sample_numbers,
    write_columns,
)
from trainables.multimodal.data.source import require_few
from trainables.multimodal.data.store.feature_store import FeatureStore
from trainables.multimodal.errors import InputError
from trainables.multimodal.whole_files import held


def store_from_samples(
    folder: str | Path,
    samples: Any,
    modalities: Sequence[str],
    *,
    labels: str = "label",
    values: str = "value",
    ids: str = "id",
    group: str = "group",
    split: str = "split",
    skip_up_to: float = 0.0,
) -> FeatureStore:
    """Write a store of samples, each a mapping; only one of them is held in memory.

    Args:
        folder: Where the store is made; nothing may be there.
        samples: An iterable of samples, or a torch Dataset that has a length.
        modalities: Keys of numbers [...], of one shape in all samples. None: the sample lacks the modality.
        labels: Key of the class, and so on: `store_from_arrays` says what these are. A key that has another
            name than here must be there; others are read where they are.
        values: Key of the number that a regression predicts.
        ids: Key of the sample's name.
        group: Key of what a split must not divide.
        split: Key of the part.
        skip_up_to: As of `store_from_arrays`.

    Raises:
        InputError: As `store_from_arrays`, or a sample is not like the first one. No unfinished store is
            left, whatever is raised, also by `samples`.

    """
    folder = new(folder)
    for name in modalities:
        require_modality_name(name)
    keys = {"label": labels, "value": values, "id": ids, "group": group, "split": split}
    with _room_beside(folder) as place, contextlib.ExitStack() as open_files:
        kept = [_Rows(name, open_files.enter_context((place / name).open("w+b"))) for name in modalities]
        columns, unused = _read(_each(samples), keys, kept)
        for rows in kept:
            columns |= rows.columns()
        remark = f"keys of the samples that are not used: {', '.join(unused)}." if unused else ""
        return write_columns(folder, columns, skip_up_to, remark)


class _Rows:
    """What samples have of one modality, in a file."""

    def __init__(self, name: str, file: IO[bytes]) -> None:
        self.name = name
        self._file = file
        self._first: NDArray[Any] | None = None
        self._held: list[bool] = []

    def add(self, value: Any) -> None:
        """Keep what the next sample has, or None."""
        row = len(self._held)
        self._held.append(value is not None)
        if value is None:
            return
        array = sample_numbers(self.name, row, value)
        self._first = array if self._first is None else self._first
        require_like(self.name, row, array, self._first)
        self._file.seek(row * array.nbytes)  # what is left out on the way reads as zeros
        self._file.write(array.tobytes())

    def columns(self) -> dict[str, NDArray[Any]]:
        """The columns that a file would have; InputError where no sample has the modality."""
        if self._first is None:
            raise InputError(f"no sample has {self.name}: leave it out")
        count, held = len(self._held), np.array(self._held)
        self._file.truncate(count * self._first.nbytes)
        shape = (count, *self._first.shape)
        array = np.memmap(self._file, self._first.dtype, "r", shape=shape)
        return {f"{MODALITY}{self.name}": array, **({} if held.all() else {f"{PRESENT}{self.name}": held})}


def _read(
    samples: Iterator[Any], keys: Mapping[str, str], kept: Sequence[_Rows]
) -> tuple[dict[str, NDArray[Any]], list[str]]:
    """Keep all modalities of all samples; returns what else they have, and the keys that were not read."""
    first = next(samples, None)
    if not isinstance(first, Mapping):
        told = "there are no samples" if first is None else f"samples are of type {type(first).__name__}"
        raise InputError(f"{told}: give mappings, such as dicts")
    lists: dict[str, list[Any]] = {name: [] for name, key in keys.items() if key in first or key != name}
    if not kept or lists.keys().isdisjoint(("label", "value")):
        raise InputError(
            f"samples need {keys['label']} or {keys['value']}, and one of `modalities`; they have "
            f"{', '.join(map(str, first))}"
        )
    read = {*(keys[name] for name in lists), *(rows.name for rows in kept)}
    unused = sorted(str(key) for key in first if key not in read)
    require_no_other_spelling([*lists, *unused])
    for row, sample in enumerate(chain([first], samples)):
        require_few(row + 1, "the data set")
        if added := sample.keys() - first.keys():
            raise InputError(
                f"sample {row} has {min(added)}, and the first sample has not: make them the same"
            )
        for name, column in lists.items():
            column.append(entry(name, row, _found(sample, keys[name], row)))
        for rows in kept:
            rows.add(_found(sample, rows.name, row))
    return {name: entries(name, column) for name, column in lists.items()}, unused


def _found(sample: Mapping[str, Any], key: str, row: int) -> Any:
    if key not in sample:
        raise InputError(f"sample {row} lacks {key}, it has {', '.join(map(str, sample))}")
    return sample[key]


def _each(samples: Any) -> Iterator[Any]:
    """The samples in order; of a torch Dataset without an iterator only its length says where it ends."""
    if hasattr(samples, "__iter__"):
        return iter(samples)
    return (samples[row] for row in range(len(samples)))


@contextlib.contextmanager
def _room_beside(folder: Path) -> Iterator[Path]:
    """A hidden folder beside the one that will be, which is gone at the end, held by this process."""
    place = folder.with_name(f".{folder.name}.samples")
    place.mkdir(parents=True, exist_ok=True)
    with held(place) as alone:
        if not alone:
            raise InputError(f"{folder} is being prepared by another process: wait for it")
        try:
            yield place
        finally:
            shutil.rmtree(place)
