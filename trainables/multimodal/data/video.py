"""Video recipes: from a clip to a few evenly spaced frames."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from trainables.multimodal.data.media import MOST_PIXELS, require_content, require_modest_picture
from trainables.multimodal.data.store import Modality
from trainables.multimodal.errors import InputError

IMAGENET_MEAN = (0.485 * 255, 0.456 * 255, 0.406 * 255)
IMAGENET_STD = (0.229 * 255, 0.224 * 255, 0.225 * 255)
"""The published normalisation of frames, in units of the stored 0..255."""

CUT_SHORT = 0.9
"""A clip whose packets end before this share of its announced duration is broken."""


@dataclass(frozen=True)
class Frames:
    """The middle frames of equal stretches of a clip, squeezed to a square."""

    frames: int = 10
    image_size: int = 224
    """Pixels, both ways."""

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """[frames, 3, image_size, image_size]."""
        return (self.frames, 3, self.image_size, self.image_size)

    def modality(self, name: str) -> Modality:
        """Frames of 0..255 that the model sees with the published normalisation."""
        return Modality(name, self.shape, "uint8", IMAGENET_MEAN, IMAGENET_STD)

    def __call__(self, file: Path) -> NDArray[np.uint8]:
        """RGB frames [frames, 3, image_size, image_size] of a clip; InputError where it cannot be used."""
        decoded = read_frames(file)
        chosen = [decoded[index] for index in evenly_spaced(len(decoded), self.frames)]
        return np.stack([_resized(frame, self.image_size) for frame in chosen])


def evenly_spaced(available: int, wanted: int) -> list[int]:
    """Indices of the middle frames of `wanted` equal stretches; frames repeat where there are too few."""
    return [(2 * index + 1) * available // (2 * wanted) for index in range(wanted)]


def read_frames(file: Path) -> list[Any]:
    """All decoded frames of the first video stream.

    Raises InputError: missing, empty, a Git-LFS pointer, undecodable, without or with too large
    frames, or cut short.
    """
    require_content(file)
    name = f"{file.parent.name}/{file.name}"
    try:
        with av.open(str(file), metadata_errors="replace") as container:  # titles may be in any encoding
            _limit(file, container.streams.video[0].codec_context)
            frames, end = _decode(container)
            duration = (container.duration or 0) / av.time_base
    except (av.FFmpegError, IndexError) as error:
        raise InputError(f"{name} is no readable video ({error})") from error
    if not frames:
        raise InputError(f"{name} holds no frames")
    if end < CUT_SHORT * duration:
        raise InputError(f"{name} is cut short: it ends after {end:.2f} of {duration:.2f} s")
    return frames


def _limit(file: Path, decoder: Any) -> None:
    """Refuse frames that are too large, by the header now, and by the decoder where a later one is."""
    require_modest_picture(file, decoder.width, decoder.height)
    decoder.options = {"max_pixels": str(MOST_PIXELS)}


def _decode(container: Any) -> tuple[list[Any], float]:
    """Frames of the first video stream, and the second at which the last packet of any stream ends."""
    frames: list[Any] = []
    end = 0.0
    video = container.streams.video[0]
    for packet in container.demux():
        if packet.pts is not None:
            end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
        if packet.stream is video:
            frames.extend(packet.decode())
    return frames, end


def _resized(frame: Any, size: int) -> NDArray[np.uint8]:
    """One frame as RGB [3, size, size]."""
    image = frame.to_image().resize((size, size), Image.Resampling.BILINEAR)
    return np.ascontiguousarray(np.asarray(image, dtype=np.uint8).transpose(2, 0, 1))
