"""Audio recipes: from a wav file to the array that a store keeps."""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray
from torchaudio.compliance import kaldi

from trainables.multimodal.data.media import require_content
from trainables.multimodal.data.store import Modality
from trainables.multimodal.errors import InputError

WINDOW = 0.025
"""Seconds."""

UNKNOWN_LENGTH = 0xFFFFFFFF
"""What streaming programs write where the length of a RIFF file belongs."""


@dataclass(frozen=True)
class Fbank:
    """Kaldi filter banks as D&R and OGM-GE publish them: log mel energies, cut or zero-padded to a length.

    Hann window of 25 ms every 10 ms, no dither, mean of the waveform removed. The store keeps the energies
    themselves; the published normalisation, (x - mean) / (2 std) with AudioSet's statistics, is the
    modality's `mean` and `std`.
    """

    sample_rate: int = 16_000
    """Hz; a file of another rate is refused, never resampled silently."""
    mel_bins: int = 128
    time_steps: int = 1024
    """Frames of 10 ms."""

    NORM_MEAN = -4.503877
    NORM_STD = 2 * 5.141276

    @property
    def shape(self) -> tuple[int, int, int]:
        """[1, time_steps, mel_bins]."""
        return (1, self.time_steps, self.mel_bins)

    def modality(self, name: str) -> Modality:
        """Log mel energies that the model sees with the published normalisation."""
        return Modality(name, self.shape, "float32", (self.NORM_MEAN,), (self.NORM_STD,))

    def __call__(self, file: Path) -> NDArray[np.float32]:
        """What `energies` gives of a wav file; InputError where it cannot be used."""
        waveform = read_wav(file, self.sample_rate)
        if len(waveform) < WINDOW * self.sample_rate:
            raise InputError(f"{file.parent.name}/{file.name} is shorter than one window of 25 ms")
        return self.energies(waveform)

    def energies(self, waveform: NDArray[np.float32]) -> NDArray[np.float32]:
        """Log mel energies [1, time_steps, mel_bins] of a waveform [samples], at least one window long."""
        energies = log_mel(waveform, self.sample_rate, self.mel_bins)
        result = np.zeros(self.shape, dtype=np.float32)
        steps = min(len(energies), self.time_steps)
        result[0, :steps] = energies[:steps]
        return result


def log_mel(waveform: NDArray[np.float32], sample_rate: int, mel_bins: int) -> NDArray[np.float32]:
    """Log mel energies [frames, mel_bins] of a waveform [samples] in -1..1, at least one window long."""
    signal = torch.from_numpy(waveform - waveform.mean())[None]
    energies: NDArray[np.float32] = kaldi.fbank(
        signal,
        htk_compat=True,
        sample_frequency=sample_rate,
        use_energy=False,
        window_type="hanning",
        num_mel_bins=mel_bins,
        dither=0.0,
        frame_shift=10,
    ).numpy()
    return energies


def read_wav(file: Path, sample_rate: int) -> NDArray[np.float32]:
    """Waveform [samples] in -1..1, the mean over channels.

    Raises InputError: missing, empty, a Git-LFS pointer, unreadable, cut short, or of another rate.
    """
    require_content(file)
    try:
        waveform, rate = soundfile.read(file, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise InputError(
            f"{file.parent.name}/{file.name} is no readable wav ({error.error_string})"
        ) from error
    _require_whole(file)
    if rate != sample_rate:
        raise InputError(f"{file.parent.name}/{file.name} has {rate} Hz, the recipe expects {sample_rate} Hz")
    if not len(waveform):
        raise InputError(f"{file.parent.name}/{file.name} holds no sound")
    return _mono(waveform)


def _mono(waveform: NDArray[Any]) -> NDArray[np.float32]:
    return np.ascontiguousarray(waveform.mean(axis=1), dtype=np.float32)


def _require_whole(file: Path) -> None:
    """A RIFF header tells the length of its file; the decoder reads a shorter one without a word."""
    with file.open("rb") as stream:
        tag, length = struct.unpack("<4sI", stream.read(8))
    missing = length + 8 - file.stat().st_size
    if tag == b"RIFF" and length != UNKNOWN_LENGTH and missing > 0:
        raise InputError(
            f"{file.parent.name}/{file.name} is cut short: {missing} bytes are missing at its end"
        )
