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
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from trainables.multimodal.data import cremad
from trainables.multimodal.data.audio import Fbank
from trainables.multimodal.data.manifest import FILE
from trainables.multimodal.data.splits import PARTS, TEST, stratified
from trainables.multimodal.data.store import FeatureStore
from trainables.multimodal.data.video import Frames
from trainables.multimodal.data.writer import write_store
from trainables.multimodal.errors import InputError

VERSION: Final = 1
"""Raise it when the generated clips change: stores of older versions are then left alone."""

RECIPE: Final = cremad.Recipe("dnr-fbank", Fbank(mel_bins=64, time_steps=128), Frames(image_size=64))

ACTORS: Final = tuple(str(number) for number in range(9001, 9013))
"""CREMA-D's own actors are 1001 to 1091."""
SENTENCES: Final = ("DFA", "IEO", "IOM", "TIE")
CLIPS_PER_ACTOR: Final = 20
RATE: Final = 16_000
SECONDS: Final = 1.0
HARMONICS: Final = 40
PICTURES: Final = 10
PICTURE_SIZE: Final = 96


@dataclass(frozen=True)
class Expression:
    """What an emotion does to a voice and to a face, relative to the actor's own."""

    level: float
    """Loudness in dB."""
    pitch: float
    """Factor of the fundamental frequency."""
    melody: float
    """Rise (or fall) of the pitch over the clip, in octaves."""
    pace: float
    """Syllables per second."""
    tilt: float
    """How fast harmonics fade: amplitude ~ order ** -tilt. Small is bright and tense."""
    mouth: float
    """Bend of the mouth: 1 smiles, -1 frowns."""
    brows: float
    """Slant of the brows: 1 is angry, -1 is sad."""
    opening: float
    """How far the mouth opens while speaking."""
    flush: float
    """Colour of the face: 1 red, -1 pale."""


EXPRESSIONS: Final = {
    "ANG": Expression(
        level=-3, pitch=1.30, melody=-0.10, pace=6.0, tilt=0.7, mouth=-0.5, brows=1.0, opening=0.8, flush=1.0
    ),
    "DIS": Expression(
        level=-15,
        pitch=0.80,
        melody=-0.30,
        pace=3.0,
        tilt=1.1,
        mouth=-1.0,
        brows=0.3,
        opening=0.2,
        flush=-0.2,
    ),
    "FEA": Expression(
        level=-11, pitch=1.50, melody=0.20, pace=7.0, tilt=1.4, mouth=0.2, brows=-1.0, opening=1.0, flush=-1.0
    ),
    "HAP": Expression(
        level=-7, pitch=1.40, melody=0.40, pace=5.0, tilt=1.0, mouth=1.0, brows=0.0, opening=0.6, flush=0.5
    ),
    "NEU": Expression(
        level=-19, pitch=1.00, melody=0.00, pace=4.0, tilt=1.6, mouth=0.0, brows=0.0, opening=0.3, flush=0.1
    ),
    "SAD": Expression(
        level=-27,
        pitch=0.85,
        melody=-0.20,
        pace=2.5,
        tilt=2.0,
        mouth=-0.6,
        brows=-0.7,
        opening=0.0,
        flush=-0.6,
    ),
}

VOICE_JITTER: Final = 0.15
"""How much one clip differs from another of the same actor and emotion (log scale of every voice factor)."""
LEVEL_JITTER: Final = 3.0
"""How much the loudness of clips varies, in dB."""
FACE_STRENGTH: Final = 1.0
"""How much of an expression shows in the face."""
FACE_JITTER: Final = 0.45
"""How much a face varies from clip to clip, in units of `Expression`."""
ACTOR_REST: Final = 0.45
"""How much actors differ at rest, in the same units."""
ACTOR_COLOURS: Final = 12.0
"""How much the colours of faces and backdrops differ from actor to actor, of 255."""
DARK: Final = (40, 20, 25)
"""Colour of eyes, brows and mouth."""


@dataclass(frozen=True)
class Actor:
    """What stays the same in all clips of one actor."""

    pitch: float
    """Fundamental frequency in Hz."""
    throat: float
    """Factor of the formant frequencies."""
    skin: NDArray[Any]
    hair: NDArray[Any]
    backdrop: NDArray[Any]
    width: float
    """Width of the face, as a share of the picture."""
    rest: NDArray[Any]
    """Mouth, brows, opening and flush without any emotion, in units of `Expression`."""


def generate(folder: Path, *, seed: int = 0, actors: Sequence[str] = ACTORS) -> None:
    """Write the raw tree into `folder`: 20 wav and flv files per actor, csv splits, the mark of a sample."""
    for name in ("AudioWAV", "VideoFlash"):
        (folder / name).mkdir(parents=True)
    for position, number in enumerate(actors):
        draw = np.random.default_rng([seed, position])
        actor = _actor(draw)
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
            _prepare_once(raw, store)
        finally:
            shutil.rmtree(raw)
    return FeatureStore.open(store).path


def _prepare_once(raw: Path, store: Path) -> None:
    """Prepare the store unless another process was faster."""
    try:
        write_store(cremad.read(raw, RECIPE), store)
    except InputError:
        if not (store / FILE).is_file():
            raise


def speak(actor: Actor, expression: Expression, draw: np.random.Generator) -> NDArray[np.float64]:
    """Waveform [16000] in -1..1: harmonics of a gliding pitch under formants and syllables, some noise."""
    time = np.arange(round(SECONDS * RATE)) / RATE
    jitter = np.exp(VOICE_JITTER * draw.normal(size=4))
    melody = expression.melody + VOICE_JITTER * draw.normal()
    frequency = actor.pitch * expression.pitch * jitter[0] * 2 ** (melody * (time - 0.5))
    orders = np.arange(1, HARMONICS + 1)
    level = orders ** -(expression.tilt * jitter[1]) * _formants(
        orders * frequency.mean(), actor.throat * jitter[2]
    )
    tone = _periodic(level, np.cumsum(frequency) / RATE)
    pace = expression.pace * jitter[3]
    syllables = 0.15 + np.sin(np.pi * (pace * time + draw.uniform())) ** 2
    signal = tone * syllables / np.abs(tone).max() + 0.01 * draw.normal(size=time.size)
    loudness = 10 ** ((expression.level + LEVEL_JITTER * draw.normal()) / 20)
    waveform: NDArray[np.float64] = min(loudness, 1.0) * signal / np.abs(signal).max()
    return waveform


def _periodic(level: NDArray[Any], cycles: NDArray[Any]) -> NDArray[Any]:
    """Sum of level[k] sin(2 pi (k+1) cycles), from a table of one period: 40 sines for the price of one."""
    grid = np.linspace(0, 1, 4096)
    period = level @ np.sin(2 * np.pi * np.arange(1, len(level) + 1)[:, None] * grid)
    signal: NDArray[Any] = np.interp(cycles % 1, grid, period)
    return signal


def film(actor: Actor, expression: Expression, draw: np.random.Generator) -> Iterator[Image.Image]:
    """Pictures of one clip: a face that nods a little, its mouth moving as it speaks."""
    moved = np.array([expression.mouth, expression.brows, expression.opening, expression.flush])
    pose = actor.rest + FACE_STRENGTH * moved + FACE_JITTER * draw.normal(size=4)
    centre = PICTURE_SIZE * (0.5 + 0.03 * draw.normal(size=2))
    light = 1 + 0.05 * draw.normal()
    for picture in range(PICTURES):
        speaking = 0.75 + 0.25 * np.sin(2 * np.pi * (picture / 4 + draw.uniform()))
        yield _face(actor, centre + draw.normal(size=2), pose * [1, 1, speaking, 1], light)


def _face(actor: Actor, centre: NDArray[Any], pose: NDArray[Any], light: float) -> Image.Image:
    """One picture; `pose` is bend and brows, opening of the mouth, and flush, as in `Expression`."""
    mouth, brows, opening, flush = pose
    image = Image.new("RGB", (PICTURE_SIZE, PICTURE_SIZE), _colour(actor.backdrop * light))
    canvas = ImageDraw.Draw(image)
    (x, y), half = centre, actor.width * PICTURE_SIZE / 2
    skin = _colour((actor.skin + flush * np.array([20.0, -25.0, -25.0])) * light)
    hair = _colour(actor.hair * light)
    canvas.ellipse((x - half, y - 1.35 * half, x + half, y + 1.3 * half), fill=hair)
    canvas.ellipse((x - 0.9 * half, y - half, x + 0.9 * half, y + 1.3 * half), fill=skin)
    for side in (-1, 1):
        _eye(canvas, np.array([x + side * 0.4 * half, y - 0.3 * half]), -side * brows)
    _mouth(canvas, np.array([x, y + 0.65 * half]), mouth, max(0.0, opening))
    return image


def _eye(canvas: ImageDraw.ImageDraw, centre: NDArray[Any], slant: float) -> None:
    x, y = centre
    canvas.ellipse((x - 3, y - 3, x + 3, y + 3), fill=DARK)
    canvas.line((x - 7, y - 8 - 5 * slant, x + 7, y - 8 + 5 * slant), fill=DARK, width=3)


def _mouth(canvas: ImageDraw.ImageDraw, centre: NDArray[Any], bend: float, opening: float) -> None:
    across = np.linspace(-1, 1, 11)
    x, lip = centre[0] + 13 * across, centre[1] + 9 * bend * (0.5 - across**2)
    gap = (1 + 6 * opening) * np.sqrt(1 - 0.9 * across**2)
    upper, lower = zip(x, lip - gap, strict=True), zip(x[::-1], (lip + gap)[::-1], strict=True)
    canvas.polygon([*upper, *lower], fill=DARK)


def _actor(draw: np.random.Generator) -> Actor:
    return Actor(
        pitch=float(np.exp(draw.uniform(np.log(100), np.log(220)))),
        throat=float(draw.uniform(0.85, 1.15)),
        skin=np.array([215.0, 170.0, 140.0]) * draw.uniform(0.6, 1.0) + ACTOR_COLOURS * draw.normal(size=3),
        hair=draw.uniform(10, 130, size=3),
        backdrop=np.array([120.0, 130.0, 140.0]) + ACTOR_COLOURS * draw.normal(size=3),
        width=float(draw.uniform(0.6, 0.75)),
        rest=ACTOR_REST * draw.normal(size=4),
    )


def _clips_of(position: int) -> list[tuple[str, str]]:
    """Sentence and emotion of each clip of an actor; each actor leaves out another 4 of the 24 pairs."""
    pairs = list(product(SENTENCES, cremad.CLASSES))
    start = 5 * position % len(pairs)
    return sorted((pairs[start:] + pairs[:start])[:CLIPS_PER_ACTOR])


def _formants(frequency: NDArray[Any], throat: float) -> NDArray[Any]:
    """Gain of a throat with resonances near 600, 1500 and 2600 Hz."""
    centres = throat * np.array([[600.0], [1500.0], [2600.0]])
    gain: NDArray[Any] = 0.1 + np.exp(-(((frequency - centres) / 300.0) ** 2)).sum(axis=0)
    return gain


def _colour(rgb: NDArray[Any]) -> tuple[int, int, int]:
    red, green, blue = np.clip(rgb, 0, 255).astype(int).tolist()
    return red, green, blue


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
