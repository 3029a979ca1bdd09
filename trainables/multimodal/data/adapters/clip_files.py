"""Where the sound and the pictures of a clip are, and whether any clip has them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainables.multimodal.data.media.audio import Fbank
from trainables.multimodal.data.media.file_checks import require_content
from trainables.multimodal.data.media.frame_folders import read_frames
from trainables.multimodal.data.media.sound_tracks import read_track
from trainables.multimodal.data.media.truncation import require_whole
from trainables.multimodal.data.media.video import Frames, evenly_spaced
from trainables.multimodal.errors import InputError


@dataclass(frozen=True)
class ClipFiles:
    """The files of one clip."""

    sound: Path
    """A recording, or the film itself."""
    film: Path
    pictures: tuple[Path, ...] = ()
    """Frames that stand for a film which is not there: one for each moment, some perhaps repeated."""

    @property
    def files(self) -> list[Path]:
        """Those that are read, each once."""
        return list(dict.fromkeys([self.sound, *(self.pictures or [self.film])]))

    def visual(self, frames: Frames) -> NDArray[np.uint8]:
        """Moments [frames, 3, H, W] of the film or of its pictures; InputError if they are unusable."""
        return read_frames(self.pictures, frames) if self.pictures else frames(self.film)

    def energies(self, fbank: Fbank) -> NDArray[np.float32]:
        """Log mel energies of the sound, which may be of any rate; InputError if it is unusable."""
        require_content(self.sound)
        require_whole(self.sound)
        return fbank.energies(read_track(self.sound, fbank.sample_rate))


def at_moments(pictures: Sequence[Path], wanted: int) -> tuple[Path, ...]:
    """The pictures in the middle of `wanted` equal stretches of a clip."""
    return tuple(pictures[index] for index in evenly_spaced(len(pictures), wanted))


def require_any(kind: str, owner: str, there: Iterable[object], folder: Path, advice: str) -> None:
    """Raise InputError where no sample has one kind of file: no share of samples left out answers that."""
    if next(iter(there), None) is None:
        state = "holds none" if folder.is_dir() else "is missing"
        raise InputError(f"no {kind} of any {owner}: {folder.name} {state}; {advice}")
