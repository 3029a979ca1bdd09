"""CREMA-D from its raw layout: AudioWAV/*.wav, VideoFlash/*.flv and the published csv splits beside them.

Names tell everything: 1001_DFA_ANG_XX is actor 1001, sentence DFA, anger, level unspecified.
"""

import re
import reprlib
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from trainables.multimodal.data.audio import Fbank, Stft
from trainables.multimodal.data.media import inside, refuse_lfs_pointers, require_folder
from trainables.multimodal.data.recipes import Recipe
from trainables.multimodal.data.source import Source
from trainables.multimodal.data.splits import TEST, TRAIN, VALIDATION, by_actor, from_lists, hold_out
from trainables.multimodal.data.store import Arrays
from trainables.multimodal.data.tables import read_rows
from trainables.multimodal.data.video import Frames
from trainables.multimodal.errors import InputError

CLASSES: Final = ("ANG", "DIS", "FEA", "HAP", "NEU", "SAD")
NAME: Final = re.compile(r"(\d{4})_([A-Z]{3})_(ANG|DIS|FEA|HAP|NEU|SAD)_([A-Z]{1,2})")
SAMPLE_MARK: Final = "GENERATED_SAMPLE.txt"
"""A source folder with this file was generated; a store made from it is labelled as sample."""

Lists = dict[str, str]
"""Part -> name of the csv file that lists its clips."""

OFFICIAL: Final[tuple[Lists, ...]] = (
    {TRAIN: "ogmge_train.csv", TEST: "ogmge_test.csv"},
    {TRAIN: "relearn_train.csv", TEST: "relearn_test.csv"},
    {TRAIN: "train.csv", TEST: "test.csv"},
)
DNR: Final[tuple[Lists, ...]] = (
    {TRAIN: "relearn_my_train.csv", VALIDATION: "relearn_val.csv", TEST: "relearn_test.csv"},
    {TRAIN: "my_train.csv", VALIDATION: "val.csv", TEST: "test.csv"},
)
"""Published lists, under names that tell their origin and under their own; the first complete set counts."""


RECIPES: Final[Mapping[str, Recipe]] = {
    name: Recipe(name, {"audio": audio, "visual": Frames()})
    for name, audio in {"dnr-fbank": Fbank(), "ogm-stft": Stft(), "aug-20s": Stft(seconds=20)}.items()
}


def read(root: Path, recipe: Recipe) -> Source:
    """All clips below `root`, from the names of the media files in it.

    Modalities: `audio` as the recipe makes it, `visual` [frames, 3, size, size] uint8.
    Splits: `actor-disjoint` and its folds; `official` and `dnr` where their csv files are there. `official`
    has no published validation part: a stratified tenth of its training clips (seed 0) is used.

    Raises InputError: no clips, unknown names, files leaving the root, Git-LFS pointers, or bad csv files.
    """
    require_folder(root)
    media = _media(root)
    refuse_lfs_pointers(root, media)
    ids = sorted({file.stem for file in media})
    for clip in ids:
        emotion(clip)
    actors = [actor(clip) for clip in ids]
    published, lists = published_splits(root, ids)
    return Source(
        name="cremad",
        root=root,
        files=[*media, *lists],
        recipe=recipe.settings(),
        classes=CLASSES,
        modalities=recipe.modalities(),
        ids=ids,
        labels=np.array([CLASSES.index(emotion(clip)) for clip in ids], dtype=np.int64),
        groups=actors,
        splits={**by_actor(actors), **published},
        default_split="actor-disjoint",
        load=partial(_load, root, recipe, ids),
        is_sample=(root / SAMPLE_MARK).exists(),
    )


def emotion(clip: str) -> str:
    """The emotion in a clip's name; InputError where the name is not one of CREMA-D's."""
    return _parts(clip)[3]


def actor(clip: str) -> str:
    """The actor in a clip's name, as text: `1001`."""
    return _parts(clip)[1]


def published_splits(root: Path, ids: Sequence[str]) -> tuple[dict[str, list[str]], list[Path]]:
    """The published policies whose csv files lie in `root`, and the files that were read.

    Raises InputError: a list names an unknown clip, one twice, or with a label that its name contradicts.
    """
    splits: dict[str, list[str]] = {}
    used: list[Path] = []
    for policy, candidates in {"official": OFFICIAL, "dnr": DNR}.items():
        files = _first_complete(root, candidates)
        if files:
            splits[policy] = from_lists(ids, {part: _clips(file) for part, file in files.items()})
            used += [file for file in files.values() if file not in used]
    if "official" in splits:
        labels = np.array([CLASSES.index(emotion(clip)) for clip in ids], dtype=np.int64)
        splits["official"] = hold_out(splits["official"], labels)
    return splits, used


def _first_complete(root: Path, candidates: Sequence[Lists]) -> dict[str, Path]:
    for names in candidates:
        files = {part: inside(root, name) for part, name in names.items()}
        if all(file.is_file() for file in files.values()):
            return files
    return {}


def _clips(file: Path) -> list[str]:
    """Clip names of a published csv (clip,label; with or without a header row)."""
    rows = [row for row in read_rows(file) if row != ["name", "label"]]
    if not rows:
        raise InputError(f"{file.name} lists no clips: take the published file")
    for row in rows:
        if len(row) != 2 or emotion(row[0]) != row[1]:
            line = reprlib.repr(",".join(row))
            raise InputError(f"{file.name}: {line} is not a clip with its label: take the published file")
    clips = [row[0] for row in rows]
    if len(set(clips)) < len(clips):
        raise InputError(f"{file.name}: duplicate id {max(clips, key=clips.count)}")
    return clips


def _parts(clip: str) -> re.Match[str]:
    match = NAME.fullmatch(clip)
    if match is None:
        raise InputError(
            f"{reprlib.repr(clip)} is no clip name of CREMA-D (such as 1001_DFA_ANG_XX): remove or rename it"
        )
    return match


def _media(root: Path) -> list[Path]:
    files = [*root.glob("AudioWAV/*.wav"), *root.glob("VideoFlash/*.flv")]
    return sorted(inside(root, file.relative_to(root)) for file in files)


def _load(root: Path, recipe: Recipe, ids: list[str], row: int) -> Arrays:
    """Decode one clip."""
    return {
        "audio": recipe.parts["audio"](root / "AudioWAV" / f"{ids[row]}.wav"),
        "visual": recipe.parts["visual"](root / "VideoFlash" / f"{ids[row]}.flv"),
    }
