"""The generated sample: a small tree in CREMA-D's raw layout, made from a seed, prepared like the real set.

What each modality is worth is known by construction. Twenty made-up actors show every emotion eight times. In
six of the eight clips the voice tells it, in the other two nobody speaks. In four the face tells it, in the
other four the actor has turned away. Both tell it in three of the eight, only the voice in three, only the
face in one and neither in one. So whether one of them does says nothing about the other. Where neither does,
a guess is right once in six times:

    accuracy of Bayes' rule = share of clips in which a modality tells the emotion + share of the others / 6

is .792 for the voice alone, .583 for the face alone and .896 for both, on every part of every split by actor.
The voice is learnt in few epochs and the face later: the imbalance that the studies are about.
"""

import csv
import shutil
import tempfile
import wave
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from av.video.reformatter import VideoReformatter
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
    Actor,
    cast,
    film,
    film_from_behind,
    silence,
    speak,
)
from trainables.multimodal.data.splits import PARTS, TEST, stratified
from trainables.multimodal.data.store.feature_store import TOGETHER, FeatureStore
from trainables.multimodal.data.store.manifest import FILE

VERSION: Final = 4
"""Raise it when the generated clips or the recipe change: stores of older versions are then left alone."""

RECIPE: Final = Recipe(
    "dnr-fbank",
    {"audio": Fbank(mel_bins=16, time_steps=32), "visual": Frames(frames=PICTURES, image_size=24)},
)

ACTORS: Final = tuple(str(number) for number in range(9001, 9021))
"""CREMA-D's own actors are 1001 to 1091."""
SENTENCES: Final = ("DFA", "IEO", "IOM", "ITH", "ITS", "IWL", "TAI", "TIE")
TELLING: Final = (
    *3 * [("audio", "visual")],
    *3 * [("audio",)],
    ("visual",),
    (),
)
"""Modalities that tell the emotion in each of the eight clips of an actor and an emotion, in random order."""

_REFORMATTER: Final = VideoReformatter()
"""Of all films: a conversion of its own for every picture costs more than all else."""
SHOWN: Final = 5
"""Frames of a film for which a picture stands."""


@dataclass(frozen=True)
class Clip:
    """One clip of an actor, and which modalities tell its emotion."""

    name: str
    """As CREMA-D names it: 9001_DFA_ANG_XX."""
    telling: tuple[str, ...]


def ceiling(*modalities: str) -> float:
    """Accuracy of Bayes' rule that has these modalities, on any number of whole actors."""
    told = sum(not set(telling).isdisjoint(modalities) for telling in TELLING)
    return (told + (len(TELLING) - told) / len(cremad.CLASSES)) / len(TELLING)


CEILINGS: Final = {**{name: ceiling(name) for name in RECIPE.parts}, TOGETHER: ceiling(*RECIPE.parts)}


def clips_of(actor: str, seed: int = 0) -> list[Clip]:
    """The 48 clips of an actor: for every emotion another order of what tells it."""
    draw = np.random.default_rng([seed, int(actor), len(TELLING)])
    return [
        Clip(f"{actor}_{sentence}_{emotion}_XX", TELLING[index])
        for emotion in cremad.CLASSES
        for sentence, index in zip(SENTENCES, draw.permutation(len(TELLING)), strict=True)
    ]


def generate(folder: Path, *, seed: int = 0, actors: Sequence[str] = ACTORS) -> None:
    """Write the raw tree into `folder`: 48 wav and flv files per actor, csv splits, the mark of a sample."""
    for name in ("AudioWAV", "VideoFlash"):
        (folder / name).mkdir(parents=True)
    for name in actors:
        draw = np.random.default_rng([seed, int(name)])
        actor = cast(draw)
        for clip in clips_of(name, seed):
            _write_clip(folder, clip, actor, draw)
    _write_lists(folder, [clip for name in actors for clip in clips_of(name, seed)])
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
            write_once(replace(cremad.read(raw, RECIPE), ceilings=CEILINGS), store)
        finally:
            shutil.rmtree(raw)
    return FeatureStore.open(store).path


def _write_clip(folder: Path, clip: Clip, actor: Actor, draw: np.random.Generator) -> None:
    """Sound and pictures of a clip, each with the emotion or without it."""
    expression = EXPRESSIONS[cremad.emotion(clip.name)]
    sound = speak(actor, expression, draw) if "audio" in clip.telling else silence(draw)
    seen = "visual" in clip.telling
    pictures = film(actor, expression, draw) if seen else film_from_behind(actor, draw)
    _write_wav(folder / "AudioWAV" / f"{clip.name}.wav", sound)
    _write_flv(folder / "VideoFlash" / f"{clip.name}.flv", pictures)


def _write_wav(file: Path, waveform: NDArray[np.float64]) -> None:
    """16 bit mono, as CREMA-D's."""
    with wave.open(str(file), "wb") as stream:
        stream.setnchannels(1)
        stream.setsampwidth(2)
        stream.setframerate(RATE)
        stream.writeframes((waveform * 32767).astype("<i2").tobytes())


def _write_flv(file: Path, pictures: Iterable[Image.Image]) -> None:
    """Every picture is shown five times in a row, as in films that have more frames than a recipe takes."""
    with av.open(str(file), "w", format="flv") as container:
        stream: Any = container.add_stream("flv", rate=Fraction(SHOWN * PICTURES) / Fraction(SECONDS))
        stream.width = stream.height = PICTURE_SIZE
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = 800_000
        for number, picture in enumerate(pictures):
            frame = _REFORMATTER.reformat(av.VideoFrame.from_image(picture), format=stream.pix_fmt)
            for time in range(SHOWN * number, SHOWN * (number + 1)):
                frame.pts = time
                container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _write_lists(folder: Path, clips: Sequence[Clip]) -> None:
    """The csv splits under their published names; as there, every actor is in every part.

    Every emotion is divided with the same shares of what tells it in every part, as far as they divide.
    """
    strata = np.array(
        [
            len(TELLING) * cremad.CLASSES.index(cremad.emotion(clip.name)) + TELLING.index(clip.telling)
            for clip in clips
        ]
    )
    parts = dict(zip((clip.name for clip in clips), stratified(strata), strict=True))
    for part, name in zip(
        PARTS, ("relearn_my_train.csv", "relearn_val.csv", "relearn_test.csv"), strict=True
    ):
        _write_list(folder / name, [clip for clip in parts if parts[clip] == part])
    _write_list(folder / "ogmge_train.csv", [clip for clip in parts if parts[clip] != TEST])
    _write_list(folder / "ogmge_test.csv", [clip for clip in parts if parts[clip] == TEST])


def _write_list(file: Path, clips: list[str]) -> None:
    with file.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows((clip, cremad.emotion(clip)) for clip in clips)
