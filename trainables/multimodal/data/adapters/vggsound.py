"""VGGSound: ten seconds of sound and picture from YouTube, 309 classes, read as Kinetics-Sounds is."""

from pathlib import Path
from typing import Final

from trainables.multimodal.data.adapters.listed_clips import Listed, audio_visual, require_list
from trainables.multimodal.data.media.file_checks import require_folder
from trainables.multimodal.data.recipes import Recipe
from trainables.multimodal.data.source import Source
from trainables.multimodal.data.splits import TEST, TRAIN
from trainables.multimodal.data.tables.text_tables import read_rows
from trainables.multimodal.data.whole_numbers import whole
from trainables.multimodal.errors import InputError

LIST: Final = "vggsound.csv"
PART_OF: Final = {"train": TRAIN, "test": TEST}
"""Part in the list -> part of the published split."""


def read(root: Path, recipe: Recipe) -> Source:
    """The clips of vggsound.csv; their files, named as `Listed.names` tells, may lie anywhere below `root`.

    Modalities and splits are those of Kinetics-Sounds; classes are named as in the list.

    Raises InputError: no list, bad lines, no clips, or two files of one name.
    """
    require_folder(root)
    file = require_list(root, LIST)
    return audio_visual("vggsound", root, recipe, [file], listed(file))


def listed(file: Path) -> list[Listed]:
    """Clips of a list with lines `id,start,label,train or test`; InputError for other lines."""
    clips = []
    for number, row in enumerate(read_rows(file), 1):
        start = whole(row[1]) if len(row) == 4 else None
        if start is None or row[3] not in PART_OF:
            raise InputError(
                f"{file.name}, line {number} is not `id,start,label,train or test`: take the published file"
            )
        video, _, label, part = row
        clips.append(Listed(f"{video}_{start:06d}", video, start, label, PART_OF[part]))
    return clips
