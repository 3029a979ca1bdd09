"""RAVDESS speech: facial action units and log-mel spectrograms of 1,440 clips, 24 actors, 8 emotions."""

from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from trainables.multimodal.data.media.file_checks import inside, require_folder
from trainables.multimodal.data.source import Source
from trainables.multimodal.data.splits import by_actor, by_actor_number
from trainables.multimodal.data.store.feature_store import Arrays, Modality
from trainables.multimodal.data.tables.npz import NUMBERS, TEXT, WHOLE, read_npz, require_arrays
from trainables.multimodal.errors import InputError

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


def read(root: Path) -> Source:
    """The clips of ravdess_av.npz below `root`.

    Modalities: `face_au` [35] float32, means of OpenFace action units; `logmel` [1, 200, 64] uint8,
    time x mel, 0..255 for -80..0 dB of the clip's maximum. Emotions and actors are whole numbers (0-7, 1-24).

    Raises InputError: the file or one of its arrays is missing or has another shape.
    """
    require_folder(root)
    arrays = read_npz(inside(root, TABLE))
    _require_fields(arrays)
    actors = [int(actor) for actor in arrays["actor"]]
    groups = [f"{actor:02d}" for actor in actors]
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
        groups=groups,
        splits={
            "ravdess-16-4-4": by_actor_number(actors, train_to=16, validation_to=20),
            **by_actor(groups),
        },
        default_split="ravdess-16-4-4",
        load=partial(_load, arrays["face_au"].astype(np.float32), arrays["logmel"].astype(np.uint8)),
        in_memory=True,
    )


def _load(face_au: NDArray[np.float32], logmel: NDArray[np.uint8], row: int) -> Arrays:
    return {"face_au": face_au[row], "logmel": logmel[row][None]}


def _require_fields(arrays: dict[str, NDArray[Any]]) -> None:
    require_arrays(TABLE, arrays, FIELDS)
    emotion = arrays["emotion"]
    if len(emotion) and not 0 <= emotion.min() <= emotion.max() < len(CLASSES):
        raise InputError(f"{TABLE}: emotion must lie in 0..7, got {emotion.min()}..{emotion.max()}")
