"""CREMA-D from its raw layout: AudioWAV/*.wav, VideoFlash/*.flv and the published csv splits beside them.

Where there is no film of a clip, the frames that published code cuts stand for it: Image-01-FPS/<clip>/.

Names tell everything: 1001_DFA_ANG_XX is actor 1001, sentence DFA, anger, level unspecified.
"""

import re
import reprlib
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from trainables.multimodal.data.adapters.clip_files import ClipFiles, at_moments, require_any
from trainables.multimodal.data.adapters.listed_clips import find_files, if_there
from trainables.multimodal.data.media.audio import Fbank, Stft
from trainables.multimodal.data.media.file_checks import inside, refuse_lfs_pointers, require_folder
from trainables.multimodal.data.media.frame_folders import frame_folders, note_of_frames
from trainables.multimodal.data.media.video import Frames, WholeFrames
from trainables.multimodal.data.recipes import WHOLE, Recipe
from trainables.multimodal.data.source import Source
from trainables.multimodal.data.splits import TEST, TRAIN, VALIDATION, by_actor, from_lists, hold_out
from trainables.multimodal.data.store.feature_store import Arrays
from trainables.multimodal.data.tables.text_tables import read_rows
from trainables.multimodal.errors import InputError

CLASSES: Final = ("ANG", "DIS", "FEA", "HAP", "NEU", "SAD")
NAME: Final = re.compile(r"(\d{4})_([A-Z]{3})_(ANG|DIS|FEA|HAP|NEU|SAD)_([A-Z]{1,2})")
SOUND_FOLDER: Final = "AudioWAV"
FILM_FOLDER: Final = "VideoFlash"
SAMPLE_MARK: Final = "GENERATED_SAMPLE.txt"
"""A source folder with this file was generated; a store made from it is labelled as sample."""

FilesByPart = dict[str, str]
"""Part -> name of the csv file that lists its clips."""

OFFICIAL: Final[tuple[FilesByPart, ...]] = (
    {TRAIN: "ogmge_train.csv", TEST: "ogmge_test.csv"},
    {TRAIN: "relearn_train.csv", TEST: "relearn_test.csv"},
    {TRAIN: "train.csv", TEST: "test.csv"},
)
DNR: Final[tuple[FilesByPart, ...]] = (
    {TRAIN: "relearn_my_train.csv", VALIDATION: "relearn_val.csv", TEST: "relearn_test.csv"},
    {TRAIN: "my_train.csv", VALIDATION: "val.csv", TEST: "test.csv"},
)
PUBLISHED_LISTS: Final = {"official": OFFICIAL, "dnr": DNR}
"""Published lists, under names that tell their origin and under their own; the first complete set counts."""

SOUND: Final = {"dnr-fbank": Fbank(), "ogm-stft": Stft(), "aug-20s": Stft(seconds=20)}
RECIPES: Final[Mapping[str, Recipe]] = {
    **{name: Recipe(name, {"audio": audio, "visual": Frames()}) for name, audio in SOUND.items()},
    **{
        (whole := f"{name}{WHOLE}"): Recipe(whole, {"audio": audio, "visual": WholeFrames()})
        for name, audio in SOUND.items()
    },
}


@dataclass(frozen=True)
class Clips:
    """What names and published lists tell of CREMA-D's clips; every list has one entry per clip."""

    ids: list[str]
    labels: NDArray[np.int64]
    actors: list[str]
    splits: dict[str, list[str]]
    """Policy -> part; clips that are not there are in no part."""
    lists: list[Path]
    """The published lists that were read."""


def read(root: Path, recipe: Recipe) -> Source:
    """All clips below `root`, from the names of the media files in it, and those that published lists name.

    A clip without a film has frames from a folder `Image-01-FPS/<clip>` at any depth, which the note counts.
    Modalities: `audio` as the recipe makes it, `visual` [frames, 3, size, size] uint8.
    Splits: `actor-disjoint` and its folds; `official` and `dnr` where their csv files are there. `official`
    has no published validation part: a stratified tenth of its training clips (seed 0) is used. A clip that
    is listed but has no media cannot be used, and is in no part.

    Raises InputError: no clips, no sound or no film of any clip, unknown names, files leaving the root,
    Git-LFS pointers, or bad csv files.
    """
    require_folder(root)
    sounds = find_files(root, (".wav",), SOUND_FOLDER)
    films = find_files(root, (".flv",), FILM_FOLDER)
    cut = {clip: pictures for clip, pictures in frame_folders(root).items() if clip not in films}
    media = [*sounds.values(), *films.values()]
    refuse_lfs_pointers(root, media)
    wanted = f"{SOUND_FOLDER}/<clip>.wav and {FILM_FOLDER}/<clip>.flv"
    clips = find_clips(root, sounds.keys() | films.keys() | cut.keys(), wanted)
    require_any("sound", "clip", sounds, root / SOUND_FOLDER, "put it there")
    require_any(
        "film",
        "clip",
        films.keys() | cut,
        root / FILM_FOLDER,
        "add it, or frames as Image-01-FPS/<clip>/00000.jpg",
    )
    files = [_files(root, recipe, clip, sounds, films, cut) for clip in clips.ids]
    pictures = [picture for clip in files for picture in dict.fromkeys(clip.pictures)]
    return Source(
        name="cremad",
        root=root,
        files=[*media, *pictures, *clips.lists],
        recipe=recipe.settings(),
        classes=CLASSES,
        modalities=recipe.modalities(),
        ids=clips.ids,
        labels=clips.labels,
        groups=clips.actors,
        splits=clips.splits,
        default_split="actor-disjoint",
        load=partial(_load, recipe, files),
        is_sample=(root / SAMPLE_MARK).exists(),
        note=note_of_frames(len(cut), len(clips.ids)),
        sample_files=[clip.files for clip in files],
    )


def emotion(clip: str) -> str:
    """The emotion in a clip's name; InputError where the name is not one of CREMA-D's."""
    return _parts(clip)[3]


def actor(clip: str) -> str:
    """The actor in a clip's name, as text: `1001`."""
    return _parts(clip)[1]


def find_clips(root: Path, there: Set[str], wanted: str) -> Clips:
    """The clips that are there, and those that the published lists in `root` name besides.

    Raises InputError: none is there, which says what is `wanted`, one has no name of a clip, or a list names
    one twice, or with a label that its name contradicts.
    """
    if not there:
        raise InputError(f"{root} holds no samples of CREMA-D: it needs {wanted}; check --source")
    complete = {policy: _first_complete(root, candidates) for policy, candidates in PUBLISHED_LISTS.items()}
    lists = {policy: files for policy, files in complete.items() if files}
    published = {
        policy: {part: _clips(file) for part, file in files.items()} for policy, files in lists.items()
    }
    listed = {clip for parts in published.values() for clips in parts.values() for clip in clips}
    ids = sorted(listed.union(there))
    labels = np.array([CLASSES.index(emotion(clip)) for clip in ids], dtype=np.int64)
    splits = _by_actor(ids, there)
    for policy, parts in published.items():
        splits[policy] = if_there(from_lists(ids, parts), [clip in there for clip in ids])
    if "official" in splits:
        splits["official"] = hold_out(splits["official"], labels)
    used = dict.fromkeys(file for files in lists.values() for file in files.values())
    return Clips(ids, labels, [actor(clip) for clip in ids], splits, list(used))


def _by_actor(ids: Sequence[str], there: Set[str]) -> dict[str, list[str]]:
    """Only actors with a clip that is there are drawn, so that no part is left to absent ones."""
    drawn = [clip for clip in ids if clip in there]
    part_of = {
        policy: dict(zip(drawn, parts, strict=True))
        for policy, parts in by_actor([actor(clip) for clip in drawn]).items()
    }
    return {policy: [parts.get(clip, "") for clip in ids] for policy, parts in part_of.items()}


def _first_complete(root: Path, candidates: Sequence[FilesByPart]) -> dict[str, Path]:
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


def _files(
    root: Path,
    recipe: Recipe,
    clip: str,
    sounds: Mapping[str, Path],
    films: Mapping[str, Path],
    cut: Mapping[str, Sequence[Path]],
) -> ClipFiles:
    """Sound and pictures of a clip; what is not there has the path where it should lie."""
    return ClipFiles(
        sounds.get(clip, root / SOUND_FOLDER / f"{clip}.wav"),
        films.get(clip, root / FILM_FOLDER / f"{clip}.flv"),
        at_moments(cut[clip], recipe.parts["visual"].frames) if clip in cut else (),
    )


def _load(recipe: Recipe, clips: Sequence[ClipFiles], row: int) -> Arrays:
    """Decode one clip."""
    clip = clips[row]
    return {"audio": recipe.parts["audio"](clip.sound), "visual": clip.visual(recipe.parts["visual"])}
