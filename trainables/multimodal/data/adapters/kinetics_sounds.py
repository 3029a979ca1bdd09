"""Kinetics-Sounds: ten seconds of sound and picture of things that can be heard and seen, 31 classes.

Lists name the clips, their length and a number for their class; files are found by the clip's name. The
videos vanish from where they were published, so that hardly any copy has all of them.

The training list names a clip as files usually are, video_000058_000068 with start and end, but the test list
names it video_58. That this number is the start, in seconds, is inferred from how both look.
"""

import re
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

LONG: Final = re.compile(r"(.+)_(\d{6})_(\d{6})", re.ASCII)
"""A clip as the training list names it: its video, and the seconds at which it starts and ends."""
SHORT: Final = re.compile(r"([\w-]{11})_(\d{1,6})", re.ASCII)
"""A clip as the test list names it: its video, and probably the second at which it starts."""
LISTS: Final = {TRAIN: "kinetic_sound_my_train.txt", TEST: "kinetic_sound_my_test.txt"}


def read(root: Path, recipe: Recipe) -> Source:
    """The listed clips; media, named as `Listed.names` tells, may lie anywhere below `root`.

    Modalities: `audio` as the recipe makes it of the clip's own sound, `visual` [frames, 3, size, size].
    Splits: `official`, the published lists with a stratified tenth of training for validation; `stratified`.

    Raises InputError: no lists, bad lines, no clips, or two files of one name.
    """
    require_folder(root)
    files = {part: require_list(root, name) for part, name in LISTS.items()}
    clips = [clip for part, file in files.items() for clip in listed(file, part)]
    return audio_visual("kinetics-sounds", root, recipe, list(files.values()), clips)


def listed(file: Path, part: str) -> list[Listed]:
    """Clips of a list with lines `clip,seconds,label`; InputError for other lines."""
    clips = []
    for number, (clip, *rest) in enumerate(read_rows(file), 1):
        label = whole(rest[-1]) if len(rest) == 2 else None
        if not clip or label is None:
            raise InputError(
                f"{file.name}, line {number} is not `clip,seconds,label`: take the published file"
            )
        clips.append(Listed(clip, *moment(clip), f"{label:02d}", part))
    return clips


def moment(clip: str) -> tuple[str, int | None]:
    """Video and first second in a clip's name; the name itself and None where it has neither form."""
    match = LONG.fullmatch(clip) or SHORT.fullmatch(clip)
    return (match[1], int(match[2])) if match else (clip, None)
