"""What an adapter hands over: the samples of one data set, not yet decoded."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.multimodal.data.splits import rows_by_part
from trainables.multimodal.data.store import Arrays, Modality
from trainables.multimodal.errors import InputError


@dataclass(frozen=True)
class Source:
    """One data set on disk, ready to be decoded sample by sample.

    Every list has one entry per sample, in the order in which the store will keep them.
    """

    name: str
    """Name of the data set."""
    root: Path
    """Source folder; every file lies below it."""
    files: list[Path]
    """Files that were or will be read; their checksums go into the manifest."""
    recipe: dict[str, Any]
    """`name` and every parameter of the recipe, JSON-able."""
    classes: tuple[str, ...]
    """Class names; a label is an index into them."""
    modalities: dict[str, Modality]
    ids: list[str]
    labels: NDArray[np.int64]
    groups: list[str] | None
    """Actor, speaker or video of each sample, where the data set has such a thing."""
    splits: dict[str, list[str]]
    """Policy -> part name per sample (`splits.py`)."""
    default_split: str
    load: Callable[[int], Arrays]
    """Decodes sample `row`; raises InputError where its files are missing or broken. Can be pickled."""
    is_sample: bool = False
    """True for the generated sample only."""
    note: str = ""
    """A sentence that every report on these data should show, if they need one."""
    present: dict[str, NDArray[np.bool_]] = field(default_factory=dict)
    """Modality -> which samples [N] have it, for modalities that some samples lack."""

    def __post_init__(self) -> None:
        if not self.ids:
            raise InputError(f"{self.root} holds no samples of {self.name}: check --source")
        _require_unique(self.ids)
        for sample in self.ids:
            _require_harmless(sample)
        self.require_split(self.default_split)

    def presence(self, row: int) -> dict[str, bool]:
        """Whether sample `row` has each of the modalities that some samples lack."""
        return {name: bool(mask[row]) for name, mask in self.present.items()}

    def require_split(self, policy: str) -> None:
        """Raise InputError if `policy` is unknown, or one of its parts is empty or lacks a class."""
        if policy not in self.splits:
            raise InputError(f"unknown split {policy}: {self.name} offers {', '.join(sorted(self.splits))}")
        rows_by_part(policy, self.splits[policy], self.labels, self.classes)

    def with_default_split(self, policy: str) -> "Source":
        """The same source with another default; InputError where that split cannot be used."""
        return replace(self, default_split=policy)


def _require_unique(ids: list[str]) -> None:
    repeated = [sample for sample, count in Counter(ids).items() if count > 1]
    if repeated:
        raise InputError(f"duplicate id: {', '.join(repeated)}; every sample needs an id of its own")


def _require_harmless(sample: str) -> None:
    """Ids end up in file names of reports and caches: none may climb out of a folder."""
    path = PurePosixPath(sample.replace("\\", "/"))
    if not sample or path.is_absolute() or ".." in path.parts or not sample.isprintable():
        raise InputError(f"id {sample!r} is empty, unprintable or leaves its folder: rename the sample")
