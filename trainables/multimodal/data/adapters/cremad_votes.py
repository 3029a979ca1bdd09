"""CREMA-D's human votes: what listeners heard in the voice, and what viewers saw in the face, of each clip.

A complete two-modality problem without any media: 7,442 clips, six emotions, 91 actors. The label is the
emotion that the actor was asked for, from the clip's name.
"""

from collections import defaultdict
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from trainables.multimodal.data.adapters.cremad import CLASSES, emotion, find_clips
from trainables.multimodal.data.media.file_checks import inside, require_folder
from trainables.multimodal.data.source import Source
from trainables.multimodal.data.store.feature_store import Arrays, Modality
from trainables.multimodal.data.tables.text_tables import read_rows
from trainables.multimodal.errors import InputError

TABLE: Final = "tabulatedVotes.csv"
VOTES: Final = ("A", "D", "F", "H", "N", "S")
"""Columns of votes, in the order of the classes."""
PRESENTATIONS: Final = {1: "voice", 2: "face"}
"""Row number // 100000 -> modality; 3, voice and face together, would be both at once and is left out."""

Votes = dict[str, dict[str, NDArray[np.float32]]]


def read(root: Path) -> Source:
    """The vote shares below `root`, which holds tabulatedVotes.csv and perhaps the published csv splits.

    A clip that these list but that has no votes cannot be used, and is in no part.

    Raises InputError: the table is missing, or a row of it cannot be read or stands there twice.
    """
    require_folder(root)
    table = inside(root, TABLE)
    votes = _votes(table)
    clips = find_clips(root, votes.keys(), f"rows in {TABLE}")
    return Source(
        name="cremad-votes",
        root=root,
        files=[table, *clips.lists],
        recipe={"name": "vote-shares"},
        classes=CLASSES,
        modalities={name: Modality(name, (len(VOTES),), "float32") for name in PRESENTATIONS.values()},
        ids=clips.ids,
        labels=clips.labels,
        groups=clips.actors,
        splits=clips.splits,
        default_split="actor-disjoint",
        load=partial(_load, [votes.get(clip, {}) for clip in clips.ids]),
        in_memory=True,
    )


def _votes(table: Path) -> Votes:
    """Clip -> modality -> number of votes for each class."""
    votes: Votes = defaultdict(dict)
    header, *rows = read_rows(table) or [[]]
    missing = {"", "fileName", *VOTES} - set(header)
    if missing:
        raise InputError(f"{table} lacks the columns {sorted(missing)}: take the published {TABLE}")
    for number, row in enumerate(rows, 2):
        where = f"{table.name}, line {number}"
        if len(row) != len(header):
            raise InputError(f"{where} cannot be read ({len(row)} columns instead of {len(header)})")
        _add(votes, dict(zip(header, row, strict=True)), where)
    return votes


def _add(votes: Votes, row: dict[str, str], where: str) -> None:
    try:
        presentation = PRESENTATIONS.get(int(row[""]) // 100_000)
        counts = np.array([row[column] for column in VOTES], dtype=np.float32)
        emotion(row["fileName"])
    except (TypeError, ValueError) as error:
        raise InputError(f"{where} cannot be read ({error})") from error
    clip = votes[row["fileName"]]
    if presentation in clip:
        raise InputError(f"{where}: duplicate id {row['fileName']} for the {presentation}")
    if presentation:
        clip[presentation] = counts


def _load(votes: list[dict[str, NDArray[np.float32]]], row: int) -> Arrays:
    """Share of the votes of one clip for each class, per modality."""
    for name in PRESENTATIONS.values():
        if name not in votes[row] or not votes[row][name].sum() > 0:
            raise InputError(f"{TABLE} has no votes on its {name}")
    return {name: votes[row][name] / votes[row][name].sum() for name in PRESENTATIONS.values()}
