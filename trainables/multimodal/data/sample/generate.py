"""The generated sample: a small tree in CREMA-D's raw layout, made from a seed, prepared like the real set.

Twelve made-up actors "speak" 20 clips of one second each. The voice tells the emotion, even of a stranger:
loudness, pitch, melody, pace and brightness shift by the same factors whatever the actor's own voice. The
face tells less: at rest, mouth, brows and colour differ from actor to actor nearly as much as emotions move
them, so that a network memorises faces instead. Trained together, the two show the modality imbalance that
the studies are about.
"""

import csv
import shutil
import tempfile
import wave
from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from trainables.multimodal.data.adapters import cremad
from trainables.multimodal.data.media.audio import Fbank
from trainables.multimodal.data.media.video import Frames
from trainables.multimodal.data.preparing.writer import write_once
from trainables.multimodal.data.recipes import Recipe
from trainables.multimodal.data.sample.actors import (
    EXPRESSIONS,
    PICTURE_SIZE,
    PICTURES,
    RATE,
    SECONDS,
    cast,
    film,
    speak,
)
from trainables.multimodal.data.splits import PARTS, TEST, stratified
from trainables.multimodal.data.store.feature_store import FeatureStore
from trainables.multimodal.data.store.manifest import FILE

VERSION: Final = 2
"""Raise it when the generated clips or the recipe change: stores of older versions are then left alone."""

RECIPE: Final = Recipe(
    "dnr-fbank", {"audio": Fbank(mel_bins=64, time_steps=96), "visual": Frames(image_size=64)}
)

ACTORS: Final = tuple(str(number) for number in range(9001, 9013))
"""CREMA-D's own actors are 1001 to 1091."""
SENTENCES: Final = ("DFA", "IEO", "IOM", "TIE")
CLIPS_PER_ACTOR: Final = 20


def generate(folder: Path, *, seed: int = 0, actors: Sequence[str] = ACTORS) -> None:
    """Write the raw tree into `folder`: 20 wav and flv files per actor, csv splits, the mark of a sample."""
    for name in ("AudioWAV", "VideoFlash"):
        (folder / name).mkdir(parents=True)
    for position, number in enumerate(actors):
        draw = np.random.default_rng([seed, position])
        actor = cast(draw)
        for sentence, emotion in _clips_of(position):
            clip = f"{number}_{sentence}_{emotion}_XX"
            _write_wav(folder / "AudioWAV" / f"{clip}.wav", speak(actor, EXPRESSIONS[emotion], draw))
            _write_flv(folder / "VideoFlash" / f"{clip}.flv", film(actor, EXPRESSIONS[emotion], draw))
    _write_lists(folder)
    (folder / cremad.SAMPLE_MARK).write_text(
        f"Generated clips, version {VERSION}, seed {seed}: no real data.\n"
    )


def sample_store(folder: Path) -> Path:
    """The prepared sample below `folder`: made by the first call, in seconds, found again by later ones."""
    store = folder / f"cremad-sample-v{VERSION}"
    if not (store / FILE).is_file():
        folder.mkdir(parents=True, exist_ok=True)
        raw = Path(tempfile.mkdtemp(prefix=".cremad-raw-", dir=folder))
        try:
            generate(raw)
            write_once(cremad.read(raw, RECIPE), store)
        finally:
            shutil.rmtree(raw)
    return FeatureStore.open(store).path


def _clips_of(position: int) -> list[tuple[str, str]]:
    """Sentence and emotion of each clip of an actor; each actor leaves out another 4 of the 24 pairs."""
    pairs = list(product(SENTENCES, cremad.CLASSES))
    start = 5 * position % len(pairs)
    return sorted((pairs[start:] + pairs[:start])[:CLIPS_PER_ACTOR])


def _write_wav(file: Path, waveform: NDArray[np.float64]) -> None:
    """16 bit mono, as CREMA-D's."""
    with wave.open(str(file), "wb") as stream:
        stream.setnchannels(1)
        stream.setsampwidth(2)
        stream.setframerate(RATE)
        stream.writeframes((waveform * 32767).astype("<i2").tobytes())


def _write_flv(file: Path, pictures: Iterable[Image.Image]) -> None:
    with av.open(str(file), "w", format="flv") as container:
        stream: Any = container.add_stream("flv", rate=Fraction(round(PICTURES / SECONDS)))
        stream.width = stream.height = PICTURE_SIZE
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = 400_000
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_image(picture)))
        container.mux(stream.encode(None))


def _write_lists(folder: Path) -> None:
    """The csv splits under their published names; as there, every actor is in every part."""
    clips = sorted(file.stem for file in (folder / "AudioWAV").iterdir())
    labels = np.array([cremad.CLASSES.index(cremad.emotion(clip)) for clip in clips])
    parts = dict(zip(clips, stratified(labels), strict=True))
    for part, name in zip(
        PARTS, ("relearn_my_train.csv", "relearn_val.csv", "relearn_test.csv"), strict=True
    ):
        _write_list(folder / name, [clip for clip in clips if parts[clip] == part])
    _write_list(folder / "ogmge_train.csv", [clip for clip in clips if parts[clip] != TEST])
    _write_list(folder / "ogmge_test.csv", [clip for clip in clips if parts[clip] == TEST])


def _write_list(file: Path, clips: list[str]) -> None:
    with file.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows((clip, cremad.emotion(clip)) for clip in clips)
