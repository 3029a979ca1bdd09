"""Optical flow: how far each pixel of a frame has moved in the next one, as pictures around a middle grey."""

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from trainables.multimodal.data.limits import MOST_FLOW_PIXELS
from trainables.multimodal.data.media.video import evenly_spaced, read_chosen, squeezed
from trainables.multimodal.data.recipes import between
from trainables.multimodal.data.store.feature_store import Modality
from trainables.multimodal.errors import InputError

STILL: Final = 128
"""The stored value of a pixel that does not move."""


Moment = tuple[Image.Image, Image.Image]
"""A frame of a clip, and the one right after it."""


FrameRange = tuple[int, int]
"""The first frame of a film that counts, from 0, and the one after the last."""


def read_moments(file: Path, frames: int, interval: FrameRange | None = None) -> list[Moment]:
    """`frames` moments of a clip in colour, evenly spaced over the interval or the clip, from one decoding.

    Raises InputError: what `read_chosen` and `moments` refuse.
    """

    def pairs(available: int) -> list[int]:
        return [index for first in moments(available, frames, interval) for index in (first, first + 1)]

    images = read_chosen(file, pairs, lambda image: image, MOST_FLOW_PIXELS // (2 * frames))
    return list(zip(images[::2], images[1::2], strict=True))


def moments(available: int, wanted: int, interval: FrameRange | None = None) -> list[int]:
    """Indices of evenly spaced frames, each with a next one, of a film of `available` frames.

    Raises InputError: the interval goes past the end, or holds less than two frames.
    """
    start, stop = interval or (0, available)
    if stop > available:
        raise InputError(f"its list names frames {start} to {stop}, but there are {available}")
    if stop - start < 2:
        raise InputError("fewer than two frames show no motion")
    return [start + index for index in evenly_spaced(stop - start - 1, wanted)]


@dataclass(frozen=True)
class Flow:
    """Displacements to the right and downwards, in pixels of the clip, squeezed to a square."""

    frames: int = 10
    image_size: int = 224
    """Pixels, both ways."""
    bound: int = 20
    """Pixels; larger displacements are clipped. +-bound is stored as 128 +- 127."""

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """[frames, 2, image_size, image_size]: x and y."""
        return (self.frames, 2, self.image_size, self.image_size)

    def modality(self, name: str) -> Modality:
        """Displacements of 0..255 that the model sees in -1..1, stillness as 0."""
        return Modality(name, self.shape, "uint8", (STILL, STILL), (STILL, STILL))

    @abstractmethod
    def displacements(self, first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Pixels [H, W, 2] from one grey image [H, W] to the next."""

    def between(self, pairs: Iterable[Moment]) -> NDArray[np.uint8]:
        """Flow [frames, 2, image_size, image_size] of frames and their next ones."""
        return self.stacked(self._pictures(*moment) for moment in pairs)

    def stacked(self, pictures: Iterable[Sequence[Image.Image]]) -> NDArray[np.uint8]:
        """Grey pictures of x and y displacements, squeezed and stacked."""
        return np.stack(
            [np.stack([squeezed(axis, self.image_size, self.image_size) for axis in xy]) for xy in pictures]
        )

    def _pictures(self, first: Image.Image, second: Image.Image) -> list[Image.Image]:
        if first.size != second.size:
            raise InputError("its frames change their size: leave the clip out")
        grey = [np.ascontiguousarray(image.convert("L"), dtype=np.uint8) for image in (first, second)]
        try:
            displacements = self.displacements(*grey)
        except opencv().error as error:
            raise InputError(f"no flow can be computed at {first.size[0]} x {first.size[1]}") from error
        return [Image.fromarray(axis) for axis in encoded(displacements, self.bound)]


@dataclass(frozen=True)
class Dis(Flow):
    """Dense inverse search (Kroeger et al. 2016), OpenCV's medium preset."""

    def displacements(self, first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Pixels [H, W, 2]."""
        cv2 = opencv()
        method = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        displacements: NDArray[np.float32] = method.calc(first, second, None)
        return displacements


@dataclass(frozen=True)
class Farneback(Flow):
    """Polynomial expansion (Farneback 2003), each level half as large, Gaussian of 1.2 pixels."""

    levels: int = field(default=3, metadata=between(1, 100))
    window: int = field(default=15, metadata=between(1, 1000))
    iterations: int = field(default=3, metadata=between(1, 1000))
    neighbourhood: int = field(default=5, metadata=between(1, 100))

    def displacements(self, first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Pixels [H, W, 2]."""
        settings = (0.5, self.levels, self.window, self.iterations, self.neighbourhood, 1.2, 0)
        displacements: NDArray[np.float32] = opencv().calcOpticalFlowFarneback(first, second, None, *settings)
        return displacements


def encoded(displacements: NDArray[np.float32], bound: int) -> NDArray[np.uint8]:
    """Grey values [2, H, W] of displacements [H, W, 2] in pixels."""
    shares = np.clip(displacements / bound, -1, 1).transpose(2, 0, 1)
    return np.ascontiguousarray(np.rint(STILL + 127 * shares), dtype=np.uint8)


def opencv() -> Any:
    """OpenCV in one thread, since samples are decoded by all cores; InputError where it is not installed."""
    try:
        import cv2  # an optional extra, and only computing flow needs it
    except ImportError as error:
        raise InputError(
            "optical flow is computed by OpenCV, which is not installed: "
            "run `pip install -c requirements.txt -e '.[flow]'`"
        ) from error
    cv2.setNumThreads(1)
    return cv2
