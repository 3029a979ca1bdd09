"""Content that can be read but is suspicious: readers notice it, and whoever decodes a sample is told.

Recipes and adapters lie between the two and need not know of it, so that the content of a new data set is
looked at like that of all others.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SILENT: Final = "silent"
CONSTANT: Final = "constant"
LENGTHS: Final = "lengths"
KINDS: Final[Mapping[str, str]] = {
    SILENT: "its sound has no signal",
    CONSTANT: "its pictures are of one flat colour each",
    LENGTHS: "its sound and film, or its films, differ in length by more than a second and a factor of 2",
}
"""What is suspicious of a sample -> what that means."""

QUIETEST: Final = 2**-13
"""Highest less lowest value of a waveform in -1..1 without a signal: dither takes four steps of 16 bit."""
FLAT: Final = 4
"""Highest less lowest value in 0..255, in each colour, of a flat picture: compression takes as much."""
FACTOR: Final = 2
SECONDS: Final = 1
"""Lengths of one sample that differ by more than both are suspicious."""


@dataclass
class Content:
    """What was noticed in the files of one sample."""

    silent: bool = False
    constant: bool = False
    seconds: list[float] = field(default_factory=list)
    """Lengths of its sound and its films."""
    aspect: float | None = None
    """Width over height of its pictures as decoded, where a recipe keeps that."""

    @property
    def suspicions(self) -> list[str]:
        """Kinds of what is suspicious."""
        shortest, longest = min(self.seconds, default=0), max(self.seconds, default=0)
        found = {
            SILENT: self.silent,
            CONSTANT: self.constant,
            LENGTHS: longest > FACTOR * shortest and longest - shortest > SECONDS,
        }
        return [kind for kind, is_so in found.items() if is_so]


_content: ContextVar[Content | None] = ContextVar("content", default=None)


@contextmanager
def noticing() -> Iterator[Content]:
    """Gathers what readers notice until the end."""
    content = Content()
    token = _content.set(content)
    try:
        yield content
    finally:
        _content.reset(token)


def notice_sound(waveform: NDArray[Any], sample_rate: int) -> None:
    """Look at the sound of a sample: a waveform [samples] in -1..1, at least one, at `sample_rate` Hz."""
    if content := _content.get():
        content.silent |= bool(np.ptp(waveform) <= QUIETEST)
        content.seconds.append(len(waveform) / sample_rate)


def notice_pictures(all_flat: bool) -> None:
    """Tell of a picture, or of those of a film that are used, whether all `is_flat`."""
    if content := _content.get():
        content.constant |= all_flat


def notice_film(seconds: float) -> None:
    """Tell how long a film of a sample lasts."""
    if content := _content.get():
        content.seconds.append(seconds)


def notice_aspect(image: Image.Image) -> None:
    """Tell the shape of a picture that is stored in another one."""
    if content := _content.get():
        content.aspect = image.width / image.height


def is_flat(image: Image.Image) -> bool:
    """Whether an RGB image shows one flat colour."""
    return all(high - low <= FLAT for low, high in image.getextrema())  # type: ignore[misc]
