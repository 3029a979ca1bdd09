"""Spoken and written digits: recordings of the Free Spoken Digit Dataset beside scikit-learn's 8 x 8 images.

A pair shares nothing but its digit. Recordings and images are divided first and paired inside their part, so
that no image is seen in two parts; an image may stand beside several recordings of its part.
"""

import re
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from trainables.multimodal.data.adapters.listed_clips import find_files
from trainables.multimodal.data.media.audio import Fbank
from trainables.multimodal.data.media.file_checks import refuse_lfs_pointers, require_folder
from trainables.multimodal.data.source import Source
from trainables.multimodal.data.splits import PARTS, TEST, TRAIN, VALIDATION, stratified
from trainables.multimodal.data.store.feature_store import Arrays, Modality
from trainables.multimodal.errors import InputError

RECORDINGS_FOLDER: Final = "recordings"
CLASSES: Final = tuple("0123456789")
NAME: Final = re.compile(r"(\d)_([a-z]+)_(\d+)\.(?i:wav)")
TEST_TO, VALIDATION_TO = 5, 10
"""Recordings numbered below 5 are the published test part; the next five of the others validate."""
RECIPE: Final = Fbank(sample_rate=8_000, mel_bins=40, time_steps=64)
PIXELS: Final = 64
LARGEST_PIXEL: Final = 16.0
"""Largest value of a pixel."""
SEED: Final = 0


def read(root: Path) -> Source:
    """The recordings below `root`/recordings, named <digit>_<speaker>_<number>.wav, each with an image.

    Modalities: `audio` [1, 64, 40] float32, log mel energies of the first 0.64 s at 8 kHz; `image` [64]
    float32, pixels in 0..1. Split `fsdd` is the published one, with a tenth of the recordings for validation.

    Raises InputError: the folder is missing or holds a wav file of another name.
    """
    require_folder(root)
    files = sorted(find_files(root, (".wav",), RECORDINGS_FOLDER).values())
    refuse_lfs_pointers(root, files)
    digits, speakers, numbers = _names(files)
    parts = [TEST if n < TEST_TO else VALIDATION if n < VALIDATION_TO else TRAIN for n in numbers]
    labels = np.array(digits, dtype=np.int64)
    images, digit_of = _images()
    return Source(
        name="avdigits",
        root=root,
        files=files,
        recipe={"name": "fsdd-fbank", **vars(RECIPE), "pairing_seed": SEED},
        classes=CLASSES,
        modalities={
            "audio": Modality("audio", RECIPE.shape, "float32"),
            "image": Modality("image", (PIXELS,), "float32"),
        },
        ids=[file.stem for file in files],
        labels=labels,
        groups=speakers,
        splits={"fsdd": parts},
        default_split="fsdd",
        load=partial(_load, files, images[paired(labels, parts, digit_of)]),
    )


def paired(labels: NDArray[np.int64], parts: list[str], digit_of: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number of the image of each recording: of its digit, and of its part of the images."""
    image_parts = np.array(stratified(digit_of, seed=SEED))
    draw = np.random.default_rng(SEED)
    chosen = np.empty(len(labels), np.int64)
    for part in PARTS:
        for digit in range(len(CLASSES)):
            rows = np.flatnonzero((labels == digit) & (np.array(parts) == part))
            candidates = np.flatnonzero((digit_of == digit) & (image_parts == part))
            chosen[rows] = np.resize(draw.permutation(candidates), len(rows))
    return chosen


def _images() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """All images [N, 64] in 0..1, and their digits [N]."""
    from sklearn.datasets import load_digits  # takes seconds, and other data sets need none

    digits = load_digits()
    return (digits.data / LARGEST_PIXEL).astype(np.float32), digits.target.astype(np.int64)


def _names(files: list[Path]) -> tuple[list[int], list[str], list[int]]:
    matches = [NAME.fullmatch(file.name) for file in files]
    wrong = [file.name for file, match in zip(files, matches, strict=True) if match is None]
    if wrong:
        raise InputError(
            f"{RECORDINGS_FOLDER}/{wrong[0]} is not named <digit>_<speaker>_<number>.wav: remove or rename it"
        )
    parts = [match.groups() for match in matches if match is not None]
    return [int(d) for d, _, _ in parts], [speaker for _, speaker, _ in parts], [int(n) for _, _, n in parts]


def _load(files: list[Path], images: NDArray[np.float32], row: int) -> Arrays:
    return {"audio": RECIPE(files[row]), "image": images[row]}
