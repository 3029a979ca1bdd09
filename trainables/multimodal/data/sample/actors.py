"""Made-up actors for the generated sample: how their emotions sound and look.

All factors of an emotion work relative to the actor's own voice and face; clips of one actor and emotion
differ by the jitters below. How strong the two modalities are was set by training on the result. A
quarter-width ResNet-18 recognises .75 to .9 of the clips of unseen actors by their voice, .4 to .5 by
their face.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

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


def cast(draw: np.random.Generator) -> Actor:
    """A new actor, drawn at random."""
    return Actor(
        pitch=float(np.exp(draw.uniform(np.log(100), np.log(220)))),
        throat=float(draw.uniform(0.85, 1.15)),
        skin=np.array([215.0, 170.0, 140.0]) * draw.uniform(0.6, 1.0) + ACTOR_COLOURS * draw.normal(size=3),
        hair=draw.uniform(10, 130, size=3),
        backdrop=np.array([120.0, 130.0, 140.0]) + ACTOR_COLOURS * draw.normal(size=3),
        width=float(draw.uniform(0.6, 0.75)),
        rest=ACTOR_REST * draw.normal(size=4),
    )


def _formants(frequency: NDArray[Any], throat: float) -> NDArray[Any]:
    """Gain of a throat with resonances near 600, 1500 and 2600 Hz."""
    centres = throat * np.array([[600.0], [1500.0], [2600.0]])
    gain: NDArray[Any] = 0.1 + np.exp(-(((frequency - centres) / 300.0) ** 2)).sum(axis=0)
    return gain


def _colour(rgb: NDArray[Any]) -> tuple[int, int, int]:
    red, green, blue = np.clip(rgb, 0, 255).astype(int).tolist()
    return red, green, blue
