"""Video recipes: from a clip to a few evenly spaced frames."""

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

import av
import numpy as np
from av.stream import Disposition
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray
from PIL import Image

from trainables.multimodal.data.limits import MOST_FRAME_PIXELS
from trainables.multimodal.data.media.file_checks import (
    require_content,
    require_modest_clip,
    require_modest_frames,
)
from trainables.multimodal.data.media.frame_times import FrameTimes, Stamp
from trainables.multimodal.data.media.suspicions import is_flat, notice_aspect, notice_film, notice_pictures
from trainables.multimodal.data.media.truncation import require_whole
from trainables.multimodal.data.media.upright import upright
from trainables.multimodal.data.store.feature_store import Modality
from trainables.multimodal.errors import InputError

Kept = TypeVar("Kept")

IMAGENET_MEAN = (0.485 * 255, 0.456 * 255, 0.406 * 255)
IMAGENET_STD = (0.229 * 255, 0.224 * 255, 0.225 * 255)
"""The published normalisation of frames, in units of the stored 0..255."""

UNDECODABLE_VIDEO = (av.FFmpegError, ValueError, IndexError)
"""What PyAV raises on damaged clips and on pixels that it cannot convert, and what is raised here."""

PICTURELESS = "it has no pictures"
MARGIN = 2**16
"""Pixels that decoders need around those of a small frame."""
PACKET = 700
"""Bytes that a packet takes besides its content."""
CUT_SHORT = 0.9
"""A clip whose packets end before this share of its announced duration is broken."""
MPEG_PROGRAM = "mpeg"
"""FFmpeg's name of a container that announces neither a length nor a duration."""
LAST = 2
"""Frames at its end, one of which is damaged where it was cut: the one coded last is shown before another."""


@dataclass(frozen=True)
class Frames:
    """The frames shown in the middle of equal stretches of a clip's time, squeezed to a square."""

    frames: int = 10
    image_size: int = 224
    """Pixels, both ways."""

    @property
    def stored(self) -> tuple[int, int]:
        """Height and width of a stored frame."""
        return (self.image_size, self.image_size)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """[frames, 3, height, width]."""
        return (self.frames, 3, *self.stored)

    def modality(self, name: str) -> Modality:
        """Frames of 0..255 that the model sees with the published normalisation."""
        return Modality(name, self.shape, "uint8", IMAGENET_MEAN, IMAGENET_STD)

    def __call__(self, file: Path) -> NDArray[np.uint8]:
        """RGB frames [frames, 3, height, width] of a clip; InputError where it cannot be used."""
        return self.stacked(read_shown(file, lambda bounds: shown_evenly(bounds, self.frames), self.squeezed))

    def squeezed(self, image: Image.Image) -> NDArray[np.uint8]:
        """An RGB image of any size as [3, height, width]."""
        return squeezed(image, *self.stored).transpose(2, 0, 1)

    def stacked(self, images: Iterable[NDArray[np.uint8]]) -> NDArray[np.uint8]:
        """Squeezed images, stacked: [frames, 3, height, width]."""
        return np.ascontiguousarray(np.stack(list(images)))


@dataclass(frozen=True)
class WholeFrames(Frames):
    """The same frames with more detail, from which crops are cut as published; the store keeps their aspect.

    The model is shown `image_size` pixels both ways. All frames are stored in one size, best of the aspect
    that most films have, and the aspect of each sample's own beside them: crops are cut by that.
    """

    height: int = 256
    width: int = 341
    """Of 4:3."""

    @property
    def stored(self) -> tuple[int, int]:
        """Height and width of a stored frame."""
        return (self.height, self.width)

    def squeezed(self, image: Image.Image) -> NDArray[np.uint8]:
        """An RGB image of any size as [3, height, width]; its aspect is noticed."""
        notice_aspect(image)
        return super().squeezed(image)

    def modality(self, name: str) -> Modality:
        """As of squeezed frames, with the size that the model is shown."""
        return replace(super().modality(name), shown=(self.image_size, self.image_size))


def squeezed(image: Image.Image, height: int, width: int) -> NDArray[np.uint8]:
    """An image as [height, width] or, if it is in colour, [height, width, 3]."""
    return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR), dtype=np.uint8)


def evenly_spaced(available: int, wanted: int) -> list[int]:
    """Indices of the middle frames of `wanted` equal stretches; frames repeat where there are too few."""
    return [(2 * index + 1) * available // (2 * wanted) for index in range(wanted)]


def shown_evenly(bounds: Sequence[int], wanted: int) -> list[int]:
    """Indices of the frames that are shown in the middle of `wanted` stretches of equal time.

    `bounds` are those of `FrameTimes`.
    """
    moments = evenly_spaced(bounds[-1] - bounds[0], wanted)
    return [bisect_right(bounds, bounds[0] + moment) - 1 for moment in moments]


def read_chosen(
    file: Path,
    choose: Callable[[int], Sequence[int]],
    keep: Callable[[Image.Image], Kept],
    most_pixels: int = MOST_FRAME_PIXELS,
) -> list[Kept]:
    """As `read_shown`, but `choose` is told the number of frames."""
    return read_shown(file, lambda bounds: choose(len(bounds) - 1), keep, most_pixels)


def read_shown(
    file: Path,
    choose: Callable[[Sequence[int]], Sequence[int]],
    keep: Callable[[Image.Image], Kept],
    most_pixels: int = MOST_FRAME_PIXELS,
) -> list[Kept]:
    """What `keep` makes of the frames, in colour and upright, at the indices that `choose` names.

    It is told when each is shown (see `shown_evenly`). Frames are those of the first video stream, and
    nothing else of it is held. A clip whose packets tell other frames than it has is decoded a second time,
    since these are only known at the end.

    Raises InputError: missing, empty, a Git-LFS pointer, undecodable, without or with too large frames, or
    cut short; and what `choose` raises.
    """
    require_content(file)
    require_whole(file)
    name = f"{file.parent.name}/{file.name}"
    try:
        clip = _decode(file, choose, keep, most_pixels)
        wanted = choose(clip.times.bounds)
        if not clip.kept.keys() >= set(wanted):
            clip = _decode(file, lambda _: wanted, keep, most_pixels)
    except InputError:
        raise
    except UNDECODABLE_VIDEO as error:
        raise InputError(f"{name} is no readable video ({error})") from error
    if clip.end < CUT_SHORT * clip.duration:
        raise InputError(
            f"{name} is cut short: it ends after {clip.end:.2f} of {clip.duration:.2f} s; fetch it again"
        )
    if clip.torn:
        raise InputError(f"{name} is cut short: its last picture is not whole; fetch it again")
    notice_film(clip.seconds)
    notice_pictures(clip.flat)
    return [clip.kept[index] for index in wanted]


@dataclass(frozen=True)
class _Decoded(Generic[Kept]):
    """What is left of a clip that was decoded once."""

    kept: dict[int, Kept]
    """What was made of the wanted frames, by index."""
    times: FrameTimes
    """When the frames of the first video stream are shown."""
    seconds: float
    """Time from the first frame to the end of the last."""
    flat: bool
    """Whether all wanted frames are flat."""
    end: float
    """Second at which the last packet of any stream ends."""
    duration: float
    """Seconds that the file announces."""
    torn: bool
    """Whether the file is an MPEG program whose last frames are damaged."""


def open_clip(file: Path) -> Any:
    """A container, open; its titles may be in any encoding."""
    return av.open(str(file), metadata_errors="replace")


def _decode(
    file: Path,
    choose: Callable[[Sequence[int]], Sequence[int]],
    keep: Callable[[Image.Image], Kept],
    most_pixels: int,
) -> _Decoded[Kept]:
    """A clip of which those frames are kept that `choose` names, told when its packets are shown."""
    kept: dict[int, Kept] = {}
    last: deque[bool] = deque(maxlen=LAST)
    shown: list[Stamp] = []
    flat = True
    with open_clip(file) as container:
        video = _film(container)
        require_modest_frames(file, video.codec_context.width, video.codec_context.height, most_pixels)
        video.codec_context.options = {"max_pixels": str(most_pixels + MARGIN)}  # later frames may be larger
        coded, packets, end = _demuxed(file, container, video)
        if not any(packet.size for packet in coded):
            raise ValueError(PICTURELESS)
        wanted = set(choose(_times(video, _stamps(coded[:packets])).bounds))
        to_rgb = VideoReformatter()  # one for all: it keeps its tables, which take longer than a small frame
        for packet in coded:
            for frame in packet.decode():
                if len(shown) in wanted:
                    picture = _picture(frame, to_rgb)
                    flat = flat and is_flat(picture)
                    kept[len(shown)] = keep(picture)
                last.append(frame.is_corrupt)
                shown.append((frame.pts, frame.duration))
        if not shown:
            raise ValueError("none of its pictures can be decoded")
        torn = container.format.name == MPEG_PROGRAM and any(last)
        duration = (container.duration or 0) / av.time_base
        times = _times(video, shown)
        return _Decoded(kept, times, float(times.length * video.time_base), flat, end, duration, torn)


def _film(container: Any) -> Any:
    """The first video stream, which a picture for a cover is not; ValueError where none can be decoded."""
    films = [
        stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic
    ]
    if not films:
        raise ValueError(PICTURELESS)
    if films[0].codec_context is None:
        raise ValueError("no decoder knows its pictures")
    return films[0]


def _picture(frame: Any, to_rgb: VideoReformatter) -> Image.Image:
    """A frame in colour, upright. To start threads takes longer than the work, and so does its `to_image`."""
    return upright(Image.fromarray(to_rgb.reformat(frame, format="rgb24", threads=1).to_ndarray()), frame)


def _times(video: Any, stamps: Iterable[Stamp]) -> FrameTimes:
    """When pictures of a stream are shown."""
    return FrameTimes.of(
        stamps, float(1 / (video.average_rate * video.time_base)) if video.average_rate else 0
    )


def _stamps(coded: Iterable[Any]) -> list[Stamp]:
    return [(packet.pts, packet.duration) for packet in coded]


def _demuxed(file: Path, container: Any, video: Any) -> tuple[list[Any], int, float]:
    """A stream's packets with the empty one that ends it, the others' number, and when the last of any ends.

    Nothing is decoded, which is what takes long. InputError for more of them than may be held.
    """
    coded: list[Any] = []
    ends: dict[Any, int] = {}
    held = 0
    for packet in container.demux():
        stream = packet.stream
        if packet.pts is not None:
            ends[stream] = max(ends.get(stream, 0), packet.pts + (packet.duration or 0))
        if stream is video:
            coded.append(packet)
            held += packet.size + PACKET
            require_modest_clip(file, held)
    packets = sum(packet.size > 0 for packet in coded)
    if video in ends and not any(packet.duration for packet in coded):  # as in Flash
        ends[video] += round(_times(video, _stamps(coded[:packets])).beat)
    end = max((float(last * stream.time_base) for stream, last in ends.items()), default=0.0)
    return coded, packets, end
