"""Made-up actors for the generated sample: how their emotions sound and look.

All factors of an emotion work relative to the actor's own voice and face. Clips of one actor and emotion
differ by the jitters below. Both tell the emotion of a stranger without doubt, but not equally fast. A voice
tells it by loudness, pitch and pace, which fill the whole spectrogram. A face tells it by the bend of a few
lines and a tint.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

RATE: Final = 16_000
SECONDS: Final = 0.5
HARMONICS: Final = 40
PICTURES: Final = 2
PICTURE_SIZE: Final = 64


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
        level=-3, pitch=1.3, melody=-0.1, pace=6.0, tilt=0.7, mouth=-0.6, brows=1.0, opening=1.0, flush=1.0
    ),
    "DIS": Expression(
        level=-13, pitch=0.8, melody=-0.3, pace=3.0, tilt=1.1, mouth=-1.0, brows=0.6, opening=0.0, flush=-0.3
    ),
    "FEA": Expression(
        level=-9, pitch=1.5, melody=0.2, pace=8.0, tilt=1.8, mouth=0.1, brows=-1.0, opening=1.0, flush=-1.0
    ),
    "HAP": Expression(
        level=-6, pitch=1.4, melody=0.5, pace=4.5, tilt=1.0, mouth=1.0, brows=0.0, opening=0.6, flush=0.5
    ),
    "NEU": Expression(
        level=-18, pitch=1.0, melody=0.0, pace=4.0, tilt=1.5, mouth=0.0, brows=0.0, opening=0.2, flush=0.0
    ),
    "SAD": Expression(
        level=-27, pitch=0.8, melody=-0.2, pace=2.0, tilt=2.2, mouth=-0.8, brows=-0.8, opening=0.0, flush=-0.6
    ),
}

VOICE_JITTER: Final = 0.05
"""How much one clip differs from another of the same actor and emotion (log scale of every voice factor)."""
LEVEL_JITTER: Final = 1.0
"""How much the loudness of clips varies, in dB."""
FACE_JITTER: Final = 0.12
"""How much a face varies from clip to clip, in units of `Expression`."""
ACTOR_REST: Final = 0.12
"""How much actors differ at rest, in the same units."""
ACTOR_COLOURS: Final = 8.0
"""How much the colours of faces and backdrops differ from actor to actor, of 255."""
FLUSH: Final = np.array([12.0, -18.0, -18.0])
"""Colours that one unit of flush adds to a face, of 255."""
DARK: Final = (40, 20, 25)
"""Colour of eyes, brows and mouth."""
NOISE: Final = 5e-3
"""Loudest sound of a microphone before which nobody speaks."""


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


def cast(draw: np.random.Generator) -> Actor:
    """A new actor, drawn at random."""
    return Actor(
        pitch=float(np.exp(draw.uniform(np.log(100), np.log(220)))),
        throat=float(draw.uniform(0.85, 1.15)),
        skin=np.array([215.0, 170.0, 140.0]) * draw.uniform(0.8, 1.0) + ACTOR_COLOURS * draw.normal(size=3),
        hair=draw.uniform(10, 130, size=3),
        backdrop=np.array([120.0, 130.0, 140.0]) + ACTOR_COLOURS * draw.normal(size=3),
        width=float(draw.uniform(0.75, 0.9)),
        rest=ACTOR_REST * draw.normal(size=4),
    )


def speak(actor: Actor, expression: Expression, draw: np.random.Generator) -> NDArray[np.float64]:
    """Waveform [8000] in -1..1: harmonics of a gliding pitch under formants and syllables, some noise."""
    time = np.arange(round(SECONDS * RATE)) / RATE
    jitter = np.exp(VOICE_JITTER * draw.normal(size=4))
    melody = expression.melody + VOICE_JITTER * draw.normal()
    frequency = actor.pitch * expression.pitch * jitter[0] * 2 ** (melody * (time / SECONDS - 0.5))
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


def silence(draw: np.random.Generator) -> NDArray[np.float64]:
    """Waveform [8000] of a microphone before which nobody speaks: it tells nothing of the emotion."""
    return NOISE * draw.uniform(-1, 1, size=round(SECONDS * RATE))


def film(actor: Actor, expression: Expression, draw: np.random.Generator) -> Iterator[Image.Image]:
    """Pictures of one clip: a face that nods a little, its mouth moving as it speaks."""
    moved = np.array([expression.mouth, expression.brows, expression.opening, expression.flush])
    pose = actor.rest + moved + FACE_JITTER * draw.normal(size=4)
    skin = _colour(actor.skin + pose[3] * FLUSH)
    for image, (x, y), half in _heads(actor, draw):
        canvas = ImageDraw.Draw(image)
        canvas.ellipse((x - 0.9 * half, y - half, x + 0.9 * half, y + 1.3 * half), fill=skin)
        for side in (-1, 1):
            _eye(canvas, (x + side * 0.42 * half, y - 0.25 * half), half, -side * pose[1])
        speaking = 0.85 + 0.15 * np.sin(2 * np.pi * draw.uniform())
        _mouth(canvas, (x, y + 0.7 * half), half, pose[0], max(0.0, pose[2] * speaking))
        yield image


def film_from_behind(actor: Actor, draw: np.random.Generator) -> Iterator[Image.Image]:
    """Pictures of one clip whose actor has turned away: it tells nothing of the emotion."""
    for image, _, _ in _heads(actor, draw):
        yield image


def _heads(
    actor: Actor, draw: np.random.Generator
) -> Iterator[tuple[Image.Image, NDArray[np.float64], float]]:
    """Pictures of the hair before the backdrop, with centre and half width of the face to be drawn on it."""
    centre = PICTURE_SIZE * (0.5 + 0.03 * draw.normal(size=2))
    half = actor.width * PICTURE_SIZE / 2
    for _ in range(PICTURES):
        image = Image.new("RGB", (PICTURE_SIZE, PICTURE_SIZE), _colour(actor.backdrop))
        x, y = moved = centre + draw.normal(size=2)
        box = (x - half, y - 1.35 * half, x + half, y + 1.3 * half)
        ImageDraw.Draw(image).ellipse(box, fill=_colour(actor.hair))
        yield image, moved, half


def _eye(canvas: ImageDraw.ImageDraw, centre: tuple[float, float], half: float, slant: float) -> None:
    """An eye and the brow above it; lengths are shares of the half width of the face."""
    (x, y), size, long, rise = centre, 0.1 * half, 0.27 * half, 0.2 * half * slant
    canvas.ellipse((x - size, y - size, x + size, y + size), fill=DARK)
    brow = y - 0.35 * half
    canvas.line((x - long, brow - rise, x + long, brow + rise), fill=DARK, width=3)


def _mouth(
    canvas: ImageDraw.ImageDraw, centre: tuple[float, float], half: float, bend: float, opening: float
) -> None:
    across = np.linspace(-1, 1, 11)
    x, lip = centre[0] + 0.5 * half * across, centre[1] + 0.4 * half * bend * (0.5 - across**2)
    gap = half * (0.05 + 0.2 * opening) * np.sqrt(1 - 0.9 * across**2)
    upper, lower = zip(x, lip - gap, strict=True), zip(x[::-1], (lip + gap)[::-1], strict=True)
    canvas.polygon([*upper, *lower], fill=DARK)


def _formants(frequency: NDArray[Any], throat: float) -> NDArray[Any]:
    """Gain of a throat with resonances near 600, 1500 and 2600 Hz."""
    centres = throat * np.array([[600.0], [1500.0], [2600.0]])
    gain: NDArray[Any] = 0.1 + np.exp(-(((frequency - centres) / 300.0) ** 2)).sum(axis=0)
    return gain


def _periodic(level: NDArray[Any], cycles: NDArray[Any]) -> NDArray[Any]:
    """Sum of level[k] sin(2 pi (k+1) cycles), from a table of one period: 40 sines for the price of one."""
    grid, sines = _period()
    signal: NDArray[Any] = np.interp(cycles % 1, grid, level @ sines)
    return signal


@cache
def _period() -> tuple[NDArray[Any], NDArray[Any]]:
    """Points of a period [4096], and all harmonics there [40, 4096]."""
    grid = np.linspace(0, 1, 4096)
    return grid, np.sin(2 * np.pi * np.arange(1, HARMONICS + 1)[:, None] * grid)


def _colour(rgb: NDArray[Any]) -> tuple[int, int, int]:
    red, green, blue = np.clip(rgb, 0, 255).astype(int).tolist()
    return red, green, blue
