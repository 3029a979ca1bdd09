"""Sound tracks of clips: decoded, resampled and mixed down to one channel."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray

from trainables.multimodal.data.media.audio import WINDOW, require_scaled
from trainables.multimodal.data.media.file_checks import require_content, require_modest_sound
from trainables.multimodal.data.media.suspicions import notice_sound
from trainables.multimodal.data.media.video import open_clip
from trainables.multimodal.errors import InputError

UNDECODABLE_SOUND: Final = (av.FFmpegError, ValueError)
"""What PyAV raises on damaged sound; ValueError where its rate or channels change on the way."""


def read_track(file: Path, sample_rate: int) -> NDArray[np.float32]:
    """Waveform [samples] in -1..1 of the first sound track, at `sample_rate`, the mean over its channels.

    Raises InputError: missing, empty, a Git-LFS pointer, undecodable, too long, not scaled, or without a
    window's length of sound.
    """
    require_content(file)
    name = f"{file.parent.name}/{file.name}"
    try:
        with open_clip(file) as container:
            if not container.streams.audio:
                raise InputError(f"{name} has no sound track")
            _require_modest(file, container)
            blocks = _resampled(file, container, sample_rate)
    except InputError:
        raise
    except UNDECODABLE_SOUND as error:
        raise InputError(f"the sound of {name} cannot be decoded ({error})") from error
    waveform = np.concatenate([np.zeros(0, np.float32), *blocks])
    if len(waveform) < WINDOW * sample_rate:
        raise InputError(f"the sound of {name} is shorter than one window of 25 ms")
    require_scaled(f"the sound of {name}", waveform)
    notice_sound(waveform, sample_rate)
    return waveform


def _require_modest(file: Path, container: Any) -> None:
    track = container.streams.audio[0]
    if track.codec_context is None:
        raise ValueError("no decoder knows it")
    seconds = (container.duration or 0) / av.time_base
    require_modest_sound(file, round(seconds * track.rate), track.rate, track.channels)


def _resampled(file: Path, container: Any, sample_rate: int) -> list[NDArray[np.float32]]:
    """The first sound track in pieces, counted on the way: containers need not announce how long they are."""
    channels = container.streams.audio[0].channels
    blocks: list[NDArray[np.float32]] = []
    samples = 0
    for frame in _frames(container, sample_rate):
        samples += frame.samples
        require_modest_sound(file, samples, sample_rate, channels)
        blocks.append(frame.to_ndarray().mean(axis=0, dtype=np.float32))
    return blocks


def _frames(container: Any, sample_rate: int) -> Iterator[Any]:
    """The first sound track; channels are kept by the resampler, whose own mix-down is louder."""
    resampler = av.AudioResampler(format="fltp", rate=sample_rate)
    for decoded in chain(container.decode(audio=0), [None]):  # None asks for what the resampler still holds
        yield from resampler.resample(decoded)
