"""Audio recipes: from a wav file to the array that a store keeps."""

import functools
import math
import mmap
import struct
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray
from torchaudio.compliance import kaldi
from torchaudio.transforms import Resample

from trainables.multimodal.data.limits import MOST_FILTER_TAPS, MOST_SOUND_SECONDS
from trainables.multimodal.data.media.file_checks import require_content, require_modest_sound
from trainables.multimodal.data.media.suspicions import notice_sound
from trainables.multimodal.data.media.truncation import require_whole
from trainables.multimodal.data.media.wav_parts import find_sound
from trainables.multimodal.data.recipes import between
from trainables.multimodal.data.store.feature_store import Modality
from trainables.multimodal.errors import InputError

WINDOW, HOP = 0.025, 0.010
"""Seconds of a frame, and from one to the next."""

RATE_BOUNDS = between(1_000, 48_000)
"""Hz of a recipe."""
BLOCK_SAMPLES = 2**14
"""Samples of every channel that are read at a time."""
PIECE = 1024
"""Frames that are transformed at a time: the steps to their energies take forty times their memory."""

LOUDEST = 8.0
"""Amplitude of sound whose full scale is 1: no mixing gets that far, but numbers that nobody scaled do."""
FLOOR = 1e-7
"""Added to a magnitude before its logarithm."""

KAISER_BEST = {
    "resampling_method": "sinc_interp_kaiser",
    "lowpass_filter_width": 64,
    "rolloff": 0.9475937167399596,
    "beta": 14.769656459379492,
}
"""torchaudio's settings for the filter that librosa resampled with, before it took soxr."""


@dataclass(frozen=True)
class Fbank:
    """Kaldi filter banks as D&R and OGM-GE publish them: log mel energies, cut or zero-padded to a length.

    Hann window of 25 ms every 10 ms, no dither, mean of the waveform removed. The store keeps the energies
    themselves; the published normalisation, (x - mean) / (2 std) with AudioSet's statistics, is the
    modality's `mean` and `std`.
    """

    sample_rate: int = field(default=16_000, metadata=RATE_BOUNDS)
    """Hz; a file of another rate is refused, never resampled silently."""
    mel_bins: int = field(default=128, metadata=between(4, 4096))
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
        energies = log_mel(waveform, self.sample_rate, self.mel_bins, self.time_steps)
        result = np.zeros(self.shape, dtype=np.float32)
        result[0, : len(energies)] = energies
        return result


@dataclass(frozen=True)
class Stft:
    """Log magnitudes of a short-time Fourier transform, as OGM-GE (3 s) and AUG (20 s) publish them.

    The waveform is resampled, repeated until it is long enough, cut to `seconds` and clipped to -1..1; a
    periodic Hann window of `window` samples moves on by `hop`. Both releases leave the logarithms as they
    are, so mean 0 and standard deviation 1 are the modality's. Chosen here, since the releases leave it to
    whatever librosa is installed: zeros beyond both ends (librosa 0.9 and newer; older ones mirrored), and
    librosa's former filter for resampling. Bands above half the files' rate hold what the filter lets pass.
    """

    source_rate: int = field(default=16_000, metadata=RATE_BOUNDS)
    """Hz of the files; a file of another rate is refused."""
    sample_rate: int = field(default=22_050, metadata=RATE_BOUNDS)
    """Hz to which they are resampled."""
    seconds: int = field(default=3, metadata=between(1, MOST_SOUND_SECONDS))
    window: int = 512
    """Samples, and the length of the transform."""
    hop: int = 353

    def __post_init__(self) -> None:
        """InputError for two rates whose filter would fill the memory."""
        common = math.gcd(self.source_rate, self.sample_rate)
        if (self.source_rate // common) * (self.sample_rate // common) > MOST_FILTER_TAPS:
            raise InputError(
                f"{self.source_rate} Hz cannot be resampled to {self.sample_rate} Hz: choose a sample_rate "
                "with a larger common divisor"
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        """[1, bands, time steps]: [1, 257, 188] for 3 s, [1, 257, 1250] for 20 s."""
        return (1, self.window // 2 + 1, self.seconds * self.sample_rate // self.hop + 1)

    def modality(self, name: str) -> Modality:
        """Log magnitudes that the model sees as they are."""
        return Modality(name, self.shape, "float32", (0.0,), (1.0,))

    def __call__(self, file: Path) -> NDArray[np.float32]:
        """What `magnitudes` gives of a resampled wav file; InputError where it cannot be used."""
        waveform = torch.from_numpy(read_wav(file, self.source_rate))
        return self.magnitudes(_resampler(self.source_rate, self.sample_rate)(waveform).numpy())

    def magnitudes(self, waveform: NDArray[np.float32]) -> NDArray[np.float32]:
        """Log magnitudes [1, bands, time steps] of a waveform [samples] of `sample_rate`."""
        repeated = np.resize(waveform, self.seconds * self.sample_rate).clip(-1, 1)
        spectrum = torch.stft(
            torch.from_numpy(repeated),
            self.window,
            self.hop,
            window=torch.hann_window(self.window),
            pad_mode="constant",
            return_complex=True,
        )
        result: NDArray[np.float32] = spectrum.abs().add_(FLOOR).log_().numpy()
        return result[None]


@functools.cache
def _resampler(source_rate: int, sample_rate: int) -> Resample:
    """Made once: to compute its filter takes longer than to resample a clip."""
    return Resample(source_rate, sample_rate, **KAISER_BEST)


def log_mel(waveform: NDArray[np.float32], sample_rate: int, mel_bins: int, most: int) -> NDArray[np.float32]:
    """Log mel energies [frames, mel_bins] of a waveform [samples] in -1..1, at least one window long.

    No more than the first `most` frames are computed; the mean that is removed is that of all samples.
    """
    window, hop = int(WINDOW * sample_rate), int(HOP * sample_rate)
    frames = min(most, (len(waveform) - window) // hop + 1)
    mean = waveform.mean()
    pieces = [
        _log_mel(
            waveform[start * hop : (min(start + PIECE, frames) - 1) * hop + window] - mean,
            sample_rate,
            mel_bins,
        )
        for start in range(0, frames, PIECE)
    ]
    return np.concatenate(pieces)


def _log_mel(piece: NDArray[np.float32], sample_rate: int, mel_bins: int) -> NDArray[np.float32]:
    """Energies of the frames that lie in a piece of a waveform without its mean."""
    energies: NDArray[np.float32] = kaldi.fbank(
        torch.from_numpy(piece)[None],
        htk_compat=True,
        sample_frequency=sample_rate,
        use_energy=False,
        window_type="hanning",
        num_mel_bins=mel_bins,
        dither=0.0,
        frame_shift=1000 * HOP,
    ).numpy()
    return energies


def read_wav(file: Path, sample_rate: int) -> NDArray[np.float32]:
    """Waveform [samples] in -1..1, the mean over channels.

    Raises InputError: missing, empty, a Git-LFS pointer, unreadable, cut short, too long, of another rate, or
    not scaled.
    """
    require_content(file)
    try:
        with soundfile.SoundFile(_content(file)) as sound:
            _require_expected(file, sound, sample_rate)
            waveform = _mixed_down(sound)
    except soundfile.LibsndfileError as error:
        raise InputError(
            f"{file.parent.name}/{file.name} is no readable wav ({error.error_string})"
        ) from error
    require_whole(file)
    if not len(waveform):
        raise InputError(f"{file.parent.name}/{file.name} holds no sound")
    require_scaled(f"{file.parent.name}/{file.name}", waveform)
    notice_sound(waveform, sample_rate)
    return waveform


def require_scaled(name: str, waveform: NDArray[np.float32]) -> None:
    """Raise InputError, naming the file, where a waveform [samples] leaves -1..1 by far."""
    peak = max(waveform.max(), -waveform.min())
    if peak > LOUDEST:
        raise InputError(
            f"{name} has amplitudes up to {peak:.6g}, and full scale is 1: divide its numbers "
            "(those of 16 bit by 32768)"
        )


def _content(file: Path) -> Path | mmap.mmap:
    """What libsndfile reads: the file or, where its recorder left the length at 0, a copy that says more.

    All other lengths that were never written it takes for the rest of the file by itself.
    """
    with file.open("rb") as stream:
        sound = find_sound(stream)
        if sound is None or sound.length:
            return file
        content = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_COPY)
    struct.pack_into("<I", content, sound.start - 4, min(len(content) - sound.start, 2**32 - 1))
    return content


def _require_expected(file: Path, sound: soundfile.SoundFile, sample_rate: int) -> None:
    """What a header says, checked before anything is decoded."""
    require_modest_sound(file, sound.frames, sound.samplerate, sound.channels)
    if sound.samplerate != sample_rate:
        raise InputError(
            f"{file.parent.name}/{file.name} has {sound.samplerate} Hz, the recipe expects {sample_rate} Hz"
        )


def _mixed_down(sound: soundfile.SoundFile) -> NDArray[np.float32]:
    """The mean over channels, block by block: all channels of a long recording are many times as much."""
    waveform, filled = np.empty(sound.frames, np.float32), 0
    for block in sound.blocks(BLOCK_SAMPLES, dtype="float32", always_2d=True):
        waveform[filled : filled + len(block)] = block.mean(axis=1)
        filled += len(block)
    return waveform[:filled]
