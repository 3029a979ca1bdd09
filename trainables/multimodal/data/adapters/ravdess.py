"""RAVDESS speech: face and voice of 1,440 clips, 24 actors, 8 emotions.

Either a table holds facial action units and log-mel spectrograms that somebody has computed, or there are the
published files: 03-01-06-01-02-01-12.wav is sound, 01-01-...mp4 the film with the same sound, 02-01-...mp4
that film without it. Where the wav is missing, the film's own sound is read. The second field tells speech
(01) from song, the third the emotion, the last the actor.
"""

import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from trainables.multimodal.data.adapters.clip_files import ClipFiles, require_any
from trainables.multimodal.data.adapters.listed_clips import CONTAINERS, find_files
from trainables.multimodal.data.media.audio import Fbank
from trainables.multimodal.data.media.file_checks import inside, refuse_lfs_pointers, require_folder
from trainables.multimodal.data.media.video import Frames
from trainables.multimodal.data.recipes import Recipe
from trainables.multimodal.data.source import Source
from trainables.multimodal.data.splits import by_actor, by_actor_number
from trainables.multimodal.data.store.feature_store import Arrays, Modality
from trainables.multimodal.data.tables.npz import NUMBERS, TEXT, WHOLE, read_npz, require_arrays
from trainables.multimodal.errors import InputError

SPLIT: Final = "ravdess-16-4-4"
TABLE: Final = "ravdess_av.npz"
CLASSES: Final = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
FIELDS: Final = {
    "clip": (TEXT, ()),
    "emotion": (WHOLE, ()),
    "actor": (WHOLE, ()),
    "face_au": (NUMBERS, (35,)),
    "logmel": (NUMBERS, (200, 64)),
}
"""Arrays that are read, with their kind of type and their shape per clip."""


RECIPES: Final = {"dnr-fbank": Recipe("dnr-fbank", {"face": Frames(frames=2), "logmel": Fbank()})}
"""Of the published files; a table is stored as it is."""
SONG: Final = re.compile(r"0[1-3]-02(?:-\d\d){5}", re.ASCII)
SOUND: Final = re.compile(r"03-01-(0[1-8]-0[12]-0[12]-0[12]-(?:0[1-9]|1\d|2[0-4]))", re.ASCII)
FILM: Final = re.compile(r"0[12]-01-(0[1-8]-0[12]-0[12]-0[12]-(?:0[1-9]|1\d|2[0-4]))", re.ASCII)
"""Names without suffix. The group is what sound and film of a clip share: emotion first, actor last."""
WITH_SOUND: Final = "01-"
"""How the name of a film with sound begins."""


def read(root: Path, recipe: Recipe = RECIPES["dnr-fbank"]) -> Source:
    """The clips of ravdess_av.npz in `root`, or those whose published files lie anywhere below it.

    Splits: `ravdess-16-4-4` by number of the actor, and those that draw actors. Modalities: see the two
    functions for them.

    Raises InputError: neither is there, or what they raise.
    """
    require_folder(root)
    if (root / TABLE).exists():
        if recipe not in RECIPES.values():
            raise InputError(f"{TABLE} is stored as it is: it takes no recipe parameters")
        return _of_table(root)
    return _of_files(root, recipe)


def _of_table(root: Path) -> Source:
    """`face_au` [35] float32, means of OpenFace action units; `logmel` [1, 200, 64] uint8, time x mel, 0..255
    for -80..0 dB of the clip's maximum. Emotions and actors are whole numbers (0-7, 1-24).

    Raises InputError: one of the arrays is missing or has another shape.
    """
    arrays = read_npz(inside(root, TABLE))
    _require_fields(arrays)
    actors = [int(actor) for actor in arrays["actor"]]
    return Source(
        name="ravdess",
        root=root,
        files=[root / TABLE],
        recipe={"name": "ravdess-av"},
        classes=CLASSES,
        modalities={
            "face_au": Modality("face_au", (35,), "float32"),
            "logmel": Modality("logmel", (1, 200, 64), "uint8"),
        },
        ids=[str(clip) for clip in arrays["clip"]],
        labels=arrays["emotion"].astype(np.int64),
        groups=_groups(actors),
        splits=_splits(actors),
        default_split=SPLIT,
        load=partial(_row, arrays["face_au"].astype(np.float32), arrays["logmel"].astype(np.uint8)),
        in_memory=True,
    )


def _of_files(root: Path, recipe: Recipe) -> Source:
    """`face` [frames, 3, size, size] uint8, moments of the film; `logmel` [1, steps, bins] float32, Kaldi
    filter banks of the wav file, or of the film's own sound, which the note counts; sound may have any rate.
    Songs are left out.

    Raises InputError: no sound or no film of any clip, a wav or film of another name, two of one name that
    differ, or a file outside the root.
    """
    sounds, films = _find(root)
    clips = sorted(sounds.keys() | films.keys())
    actors = [int(clip[-2:]) for clip in clips]
    files = [_files(root, clip, sounds, films) for clip in clips]
    media = [*sounds.values(), *films.values()]
    refuse_lfs_pointers(root, media)
    return Source(
        name="ravdess",
        root=root,
        files=media,
        recipe=recipe.settings(),
        classes=CLASSES,
        modalities=recipe.modalities(),
        ids=[f"01-01-{clip}" for clip in clips],
        labels=np.array([int(clip[:2]) - 1 for clip in clips], dtype=np.int64),
        groups=_groups(actors),
        splits=_splits(actors),
        default_split=SPLIT,
        load=partial(_clip, recipe, files),
        note=_note_of_tracks(files),
        sample_files=[clip.files for clip in files],
    )


def _find(root: Path) -> tuple[dict[str, Path], dict[str, Path]]:
    """Recordings and films by clip; InputError where no clip has one of them, or the sound of a film."""
    sounds = _by_clip(find_files(root, (".wav",)), SOUND)
    films = _by_clip(find_files(root, CONTAINERS), FILM)
    if not sounds and not films:
        raise InputError(
            f"{root} holds no samples of ravdess: {TABLE} is missing, and so are the published files "
            "(such as 03-01-06-01-02-01-12.wav and 01-01-06-01-02-01-12.mp4): check --source"
        )
    heard = [*sounds.values(), *filter(_has_sound, films.values())]
    advice = "unpack Audio_Speech_Actors_01-24, or take films with sound (01-01-*.mp4)"
    require_any("sound", "clip", heard, root / "03-01-*.wav", advice)
    require_any("film", "clip", films, root / "01-01-*.mp4", "unpack Video_Speech_Actor_01 to _24")
    return sounds, films


def _by_clip(files: Mapping[str, Path], name: re.Pattern[str]) -> dict[str, Path]:
    """Files of speech by what sound and film of a clip share; of two such films that with sound counts."""
    clips: dict[str, Path] = {}
    for stem, file in sorted(files.items()):
        match = name.fullmatch(stem)
        if match:
            clips.setdefault(match[1], file)
        elif not SONG.fullmatch(stem):
            raise InputError(
                f"{file} has no name of RAVDESS (such as 03-01-06-01-02-01-12.wav for sound, "
                "01-01-06-01-02-01-12.mp4 for a film): remove or rename it"
            )
    return clips


def _has_sound(film: Path) -> bool:
    return film.name.startswith(WITH_SOUND)


def _files(root: Path, clip: str, sounds: Mapping[str, Path], films: Mapping[str, Path]) -> ClipFiles:
    """Sound and film of a clip; what is not there has the path where it should lie."""
    folder = root / f"Actor_{clip[-2:]}"
    film = films.get(clip, folder / f"{WITH_SOUND}01-{clip}.mp4")
    other = film if _has_sound(film) else folder / f"03-01-{clip}.wav"
    return ClipFiles(sounds.get(clip, other), film)


def _note_of_tracks(clips: Sequence[ClipFiles]) -> str:
    """What every report should say where films gave the sound that wav files have elsewhere."""
    taken = sum(clip.sound == clip.film for clip in clips)
    return f"the sound of {taken} of {len(clips)} clips is that of their films." if taken else ""


def _groups(actors: Sequence[int]) -> list[str]:
    return [f"{actor:02d}" for actor in actors]


def _splits(actors: Sequence[int]) -> dict[str, list[str]]:
    return {SPLIT: by_actor_number(actors, train_to=16, validation_to=20), **by_actor(_groups(actors))}


def _clip(recipe: Recipe, clips: Sequence[ClipFiles], row: int) -> Arrays:
    """Decode one clip."""
    clip = clips[row]
    return {"face": clip.visual(recipe.parts["face"]), "logmel": clip.energies(recipe.parts["logmel"])}


def _row(face_au: NDArray[np.float32], logmel: NDArray[np.uint8], row: int) -> Arrays:
    return {"face_au": face_au[row], "logmel": logmel[row][None]}


def _require_fields(arrays: dict[str, NDArray[Any]]) -> None:
    require_arrays(TABLE, arrays, FIELDS)
    emotion = arrays["emotion"]
    if len(emotion) and not 0 <= emotion.min() <= emotion.max() < len(CLASSES):
        raise InputError(f"{TABLE}: emotion must lie in 0..7, got {emotion.min()}..{emotion.max()}")
