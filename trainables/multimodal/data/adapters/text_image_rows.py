"""What data sets of texts with a picture each have in common: their recipes, and a source from their rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from trainables.multimodal.data.adapters.clip_files import require_any
from trainables.multimodal.data.limits import MOST_WORKERS
from trainables.multimodal.data.media.file_checks import inside, refuse_lfs_pointers
from trainables.multimodal.data.media.pictures import Picture
from trainables.multimodal.data.media.text import HashedNgrams, HiddenStates
from trainables.multimodal.data.recipes import Recipe
from trainables.multimodal.data.source import Source
from trainables.multimodal.data.splits import TRAIN, by_group
from trainables.multimodal.data.store.feature_store import Arrays
from trainables.multimodal.errors import InputError

RECIPES: Final[Mapping[str, Recipe]] = {
    "hashed-ngrams": Recipe("hashed-ngrams", {"image": Picture(), "text": HashedNgrams()}),
    "frozen-text": Recipe("frozen-text", {"image": Picture(), "text": HiddenStates()}),
}
SPLIT: Final = "official"


@dataclass(frozen=True)
class TextImageRow:
    """One sample as its table tells it."""

    id: str
    part: str
    """Part of the published split."""
    image: str
    """Path of the picture below the source folder."""
    text: str
    label: int


@dataclass(frozen=True)
class Tables:
    """The tables of a data set, read and checked."""

    name: str
    """Name of the data set."""
    classes: tuple[str, ...]
    files: list[Path]
    """The tables themselves."""
    rows: list[TextImageRow]
    note: str = ""
    """What every report should say of these rows."""


def make_source(root: Path, recipe: Recipe, tables: Tables) -> Source:
    """The source of a data set whose pictures lie below `root`.

    Modalities: `image` [3, size, size] uint8, `text` as the recipe makes it. Split `official` is the
    published one. Where samples share pictures they are grouped by them, `image-disjoint` keeps groups in one
    part, and the note counts pictures that the published split shows in several parts.

    Raises InputError: a picture outside the root, Git-LFS pointers, a recipe that cannot be used.
    """
    rows = tables.rows
    images = [row.image for row in rows]
    media = {image: inside(root, image) for image in sorted(set(images))}
    folder = root / next((Path(image).parts[0] for image in images), "")
    require_any(
        "picture", "tweet", (file for file in media.values() if file.is_file()), folder, "put them there"
    )
    refuse_lfs_pointers(root, list(media.values()))
    groups = images if len(media) < len(rows) else None
    return Source(
        name=tables.name,
        root=root,
        files=[*tables.files, *media.values()],
        recipe=recipe.settings(),
        classes=tables.classes,
        modalities=recipe.modalities(),
        ids=[row.id for row in rows],
        labels=np.array([row.label for row in rows], dtype=np.int64),
        groups=groups,
        splits={
            SPLIT: [row.part for row in rows],
            **({"image-disjoint": by_group(groups)} if groups else {}),
        },
        default_split=SPLIT,
        load=partial(_load, root, recipe, rows, faults(rows)),
        note=" ".join(filter(None, [tables.note, leak(rows)])),
        sample_files=[[media[image]] for image in images],
        most_workers=1 if isinstance(recipe.parts["text"], HiddenStates) else MOST_WORKERS,
    )


def faults(rows: Sequence[TextImageRow]) -> dict[int, str]:
    """Row number -> why the row is no sample: it has no text, or repeats picture and text of another."""
    reasons: dict[int, str] = {}
    first: dict[tuple[str, str], str] = {}
    for number, row in enumerate(rows):
        if not row.text.strip():
            reasons[number] = "its text is empty"
        elif (row.image, row.text) in first:
            reasons[number] = f"it repeats picture and text of {first[row.image, row.text]}"
        else:
            first[row.image, row.text] = row.id
    return reasons


def leak(rows: Sequence[TextImageRow]) -> str:
    """A sentence on pictures that stand in several parts of the published split; empty if there are none."""
    parts: dict[str, set[str]] = {}
    for row in rows:
        parts.setdefault(row.image, set()).add(row.part)
    shared = {image for image, shown_in in parts.items() if len(shown_in) > 1}
    if not shared:
        return ""
    seen = sum(row.image in shared and row.part != TRAIN for row in rows)
    return (
        f"the published split shows {len(shared)} of {len(parts)} pictures in several parts ({seen} samples "
        "of validation and test), so scores there flatter; split image-disjoint keeps parts apart."
    )


def _load(
    root: Path, recipe: Recipe, rows: Sequence[TextImageRow], faulty: Mapping[int, str], number: int
) -> Arrays:
    """Decode one sample."""
    if number in faulty:
        raise InputError(faulty[number])
    row = rows[number]
    return {"image": recipe.parts["image"](root / row.image), "text": recipe.parts["text"](row.text)}
