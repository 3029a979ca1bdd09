"""What an adapter gives: the samples of one data set, not yet decoded."""

import reprlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from trainables.multimodal.data.limits import (
    MOST_ID_CHARACTERS,
    MOST_SAMPLE_BYTES,
    MOST_SAMPLES,
    MOST_WORKERS,
)
from trainables.multimodal.data.modality_names import require_modality_name
from trainables.multimodal.data.splits import rows_by_part
from trainables.multimodal.data.store.feature_store import Arrays, Modality, Quantity, sample_bytes
from trainables.multimodal.errors import InputError

MOST_NAMED: Final = 3
"""Duplicate ids that a refusal names."""
LISTED_ONLY: Final = "it is listed, but its file is missing"


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
    labels: NDArray[Any]
    """Of each sample its class [N], int64, or which of all classes it has [N, C], bool."""
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
    ceilings: Mapping[str, float] = field(default_factory=dict)
    """Accuracy of Bayes' rule with each modality alone and, under TOGETHER, with all: of generated data."""
    values: NDArray[np.float32] | None = None
    """A number [N] to predict beside the label, where the data set has such a thing."""
    quantity: Quantity | None = None
    """What `values` are; there where they are."""
    present: dict[str, NDArray[np.bool_]] = field(default_factory=dict)
    """Modality -> which samples [N] have it, for modalities that some samples lack."""
    sample_files: Sequence[Sequence[Path]] = ()
    """The files of each sample alone, none where they are missing: a change of them concerns it only.
    Given only if sample `row` depends on no others but on those in `files` that belong to no sample alone."""
    in_memory: bool = False
    """Whether `load` only takes a sample from a table, held or read on in order: one process does that."""
    leave_out: frozenset[str] = frozenset()
    """Kinds of suspicious samples (`media/suspicions.py`) that somebody asked to leave out."""
    most_workers: int = MOST_WORKERS
    """Processes that decode it where nobody asks for another number."""

    def __post_init__(self) -> None:
        if not self.ids:
            raise InputError(
                f"{self.root} holds no samples of {self.name}: check --source (what lies there is in "
                "trainables/multimodal/data/PREPARING.md, Source folders)"
            )
        require_few(len(self.ids), str(self.root))
        if (size := sample_bytes(self.modalities)) > MOST_SAMPLE_BYTES:
            raise InputError(
                f"{self.root} has samples of {size} bytes, and {MOST_SAMPLE_BYTES} are the limit: "
                "make them smaller"
            )
        _require_unique(self.ids)
        for sample in self.ids:
            _require_harmless(sample)
        for modality in self.modalities:
            require_modality_name(modality)
        _require_described(self.ids, self.values, self.quantity)

    def presence(self, row: int) -> dict[str, bool]:
        """Whether sample `row` has each of the modalities that some samples lack."""
        return {name: bool(mask[row]) for name, mask in self.present.items()}

    def lacking(self) -> dict[int, str]:
        """Row -> what is missing, of the samples that are listed, but lack one of their files."""
        missing = {row: _missing(files) for row, files in enumerate(self.sample_files)}
        return {row: reason for row, reason in missing.items() if reason}

    def require_split(self, policy: str) -> None:
        """Raise InputError if `policy` is unknown, or one of its parts is empty or lacks a class."""
        if policy not in self.splits:
            raise InputError(f"unknown split {policy}: {self.name} offers {', '.join(sorted(self.splits))}")
        rows_by_part(policy, self.splits[policy], self.labels, self.classes)

    def with_default_split(self, policy: str) -> "Source":
        """The same source with this default; InputError where that split cannot be used."""
        self.require_split(policy)
        return replace(self, default_split=policy)


def _missing(files: Sequence[Path]) -> str:
    """What is missing among the files of a sample, in the words that decoding it has; empty if nothing is."""
    if not files:
        return LISTED_ONLY
    return next((f"{file.parent.name}/{file.name} is missing" for file in files if not file.is_file()), "")


def require_few(samples: int, where: str) -> None:
    """Raise InputError for more than MOST_SAMPLES."""
    if samples > MOST_SAMPLES:
        raise InputError(f"{where} holds {samples} samples, and {MOST_SAMPLES} are the limit: divide them")


def _require_described(ids: list[str], values: NDArray[np.float32] | None, quantity: Quantity | None) -> None:
    """Values come with what they are, one for each sample, and lie on its scale."""
    if values is None and quantity is None:
        return
    if values is None or quantity is None or values.shape != (len(ids),):
        raise InputError(f"{len(ids)} samples need as many values, and the name and the ends of their scale")
    wrong = np.flatnonzero(~((values >= quantity.lowest) & (values <= quantity.highest)))
    if len(wrong):
        raise InputError(
            f"{quantity.name} of {ids[wrong[0]]} is {values[wrong[0]]}, which does not lie in "
            f"{quantity.lowest}..{quantity.highest}: correct the source files"
        )


def _require_unique(ids: list[str]) -> None:
    repeated = [sample for sample, count in Counter(ids).items() if count > 1]
    if repeated:
        named = ", ".join(repeated[:MOST_NAMED])
        others = f" and {len(repeated) - MOST_NAMED} more" if len(repeated) > MOST_NAMED else ""
        raise InputError(f"duplicate id: {named}{others}; every sample needs an id of its own")


def _require_harmless(sample: str) -> None:
    """Ids end up in file names of reports and caches, and must stay inside their folder."""
    path = PurePosixPath(sample.replace("\\", "/"))
    if not sample or path.is_absolute() or ".." in path.parts or not sample.isprintable():
        raise InputError(
            f"id {reprlib.repr(sample)} is empty, unprintable or leaves its folder: rename the sample"
        )
    if len(sample) > MOST_ID_CHARACTERS:
        raise InputError(
            f"id {reprlib.repr(sample)} has more than {MOST_ID_CHARACTERS} characters: shorten it"
        )
