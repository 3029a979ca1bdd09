"""UCF-101 as VGG16 features of 25 frames a clip: what a frame shows, and how it changes.

A stand-in for two-stream networks that needs no video. Appearance is the mean over frames; motion is the mean
size of the change from one frame to the next, which is no optical flow. The clips' groups are not in the
file, so that validation clips may come from the same group as training clips; the test part is published.
"""

from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from trainables.multimodal.data.media.file_checks import inside, require_folder
from trainables.multimodal.data.source import Source
from trainables.multimodal.data.splits import TEST, TRAIN, by_label, hold_out
from trainables.multimodal.data.store.feature_store import Arrays, Modality
from trainables.multimodal.data.tables.npz import NUMBERS, TEXT, WHOLE, read_npz, require_arrays
from trainables.multimodal.errors import InputError

TABLE: Final = "ucf101_vgg16_rp128.npz"
FRAMES, SIZE = 25, 128
FIELDS: Final = {
    "label": (WHOLE, ()),
    "subset": (WHOLE, ()),
    "video": (TEXT, ()),
    "seq": (NUMBERS, (FRAMES, SIZE)),
}
"""Arrays that are read, with their kind of type and their shape per clip."""
PART_OF: Final = {1: TRAIN, 2: TEST}
"""Number of a subset -> its part of the published split."""
SPLIT: Final = "official-01"
NOTE: Final = (
    "validation clips may come from the same recording session as training clips, since the file does not "
    "name sessions, so scores on validation flatter; motion is the change of frame features, not of pixels."
)


def read(root: Path) -> Source:
    """The clips of ucf101_vgg16_rp128.npz below `root`.

    Modalities: `appearance` [128] and `motion` [128], float32. Split `official-01` is the published one with
    a stratified tenth of its training clips for validation; `stratified` draws all parts anew.

    Raises InputError: the file or one of its arrays is missing or does not hold what it should.
    """
    require_folder(root)
    arrays = read_npz(inside(root, TABLE))
    _require_fields(arrays)
    numbers = np.unique(arrays["label"])
    labels = np.searchsorted(numbers, arrays["label"]).astype(np.int64)
    parts = [PART_OF[int(subset)] for subset in arrays["subset"]]
    return Source(
        name="ucf101-vgg16",
        root=root,
        files=[root / TABLE],
        recipe={"name": "vgg16-rp128"},
        classes=tuple(str(arrays["actions"][number - 1]) for number in numbers),
        modalities={name: Modality(name, (SIZE,), "float32") for name in ("appearance", "motion")},
        ids=[str(video) for video in arrays["video"]],
        labels=labels,
        groups=None,
        splits={SPLIT: hold_out(parts, labels), **by_label(labels)},
        default_split=SPLIT,
        load=partial(_load, arrays["seq"]),
        in_memory=True,
        note=NOTE,
    )


def _load(sequences: NDArray[np.float16], row: int) -> Arrays:
    frames = sequences[row].astype(np.float32)
    return {"appearance": frames.mean(axis=0), "motion": np.abs(np.diff(frames, axis=0)).mean(axis=0)}


def _require_fields(arrays: dict[str, NDArray[np.float32]]) -> None:
    require_arrays(TABLE, arrays, FIELDS)
    require_arrays(TABLE, arrays, {"actions": (TEXT, ())})
    if not set(arrays["subset"].tolist()) <= PART_OF.keys():
        raise InputError(f"{TABLE}: subset must be 1 (train) or 2 (test)")
    labels, actions = arrays["label"], len(arrays["actions"])
    if len(labels) and not 1 <= labels.min() <= labels.max() <= actions:
        raise InputError(f"{TABLE}: label must be a number of one of the {actions} actions")
