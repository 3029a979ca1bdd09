"""Audio recipes: Kaldi filter banks of whole, plausible wav files."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from torchaudio.compliance import kaldi

from trainables.multimodal.data.audio import Fbank, log_mel, read_wav
from trainables.multimodal.errors import InputError

FBANK = Fbank(mel_bins=16, time_steps=30)


def write_tone(file: Path, seconds: float = 0.5, rate: int = 16_000, channels: int = 1) -> Path:
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)
    soundfile.write(file, np.stack([tone] * channels, axis=1), rate)
    return file


def test_a_long_file_is_cut(tmp_path: Path) -> None:
    file = write_tone(tmp_path / "a.wav")
    energies = log_mel(read_wav(file, 16_000), 16_000, 16)
    assert len(energies) == 48
    np.testing.assert_array_equal(FBANK(file)[0], energies[:30])


def test_a_short_file_is_padded_with_zeros(tmp_path: Path) -> None:
    result = FBANK(write_tone(tmp_path / "a.wav", seconds=0.1))
    assert result.shape == FBANK.shape == (1, 30, 16)
    assert np.all(result[0, :8] != 0)
    assert np.all(result[0, 8:] == 0)


def test_channels_are_averaged(tmp_path: Path) -> None:
    mono, stereo = write_tone(tmp_path / "m.wav"), write_tone(tmp_path / "s.wav", channels=2)
    np.testing.assert_array_equal(FBANK(mono), FBANK(stereo))


def test_the_mean_of_the_waveform_does_not_matter() -> None:
    wave = np.random.default_rng(0).normal(size=8000).astype(np.float32) / 8
    np.testing.assert_allclose(log_mel(wave + 0.25, 16_000, 16), log_mel(wave, 16_000, 16), atol=1e-3)


def test_a_real_wav_gives_what_torchaudio_gives(real_data: Path) -> None:
    file = real_data / "crema_d_wav" / "1001_DFA_ANG_XX.wav"
    wave = torch.from_numpy(soundfile.read(file, dtype="float32")[0])[None]
    expected = kaldi.fbank(
        wave - wave.mean(), htk_compat=True, sample_frequency=16_000, window_type="hanning", num_mel_bins=128
    )
    result = Fbank()(file)
    assert result.shape == (1, 1024, 128)
    np.testing.assert_allclose(result[0, : len(expected)], expected.numpy(), atol=1e-5)
    assert not result[0, len(expected) :].any()


def test_every_real_wav_is_accepted(real_data: Path) -> None:
    files = sorted((real_data / "crema_d_wav").glob("*.wav"))
    assert len([Fbank()(file) for file in files]) == 7


def test_a_real_wav_of_another_rate_is_refused(real_data: Path) -> None:
    file = next((real_data / "ravdess_av" / "wav").glob("*.wav"))
    with pytest.raises(InputError, match="has 48000 Hz, the recipe expects 16000 Hz"):
        Fbank()(file)


def test_another_rate_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.wav has 8000 Hz, the recipe expects 16000 Hz"):
        FBANK(write_tone(tmp_path / "a.wav", rate=8_000))


def test_a_file_cut_short_is_refused(tmp_path: Path) -> None:
    file = write_tone(tmp_path / "a.wav")
    file.write_bytes(file.read_bytes()[:-1000])
    with pytest.raises(InputError, match=r"a\.wav is cut short: 1000 bytes are missing"):
        FBANK(file)


def test_a_length_left_open_by_a_streaming_program_is_accepted(tmp_path: Path) -> None:
    file = write_tone(tmp_path / "a.wav")
    whole = FBANK(file)
    file.write_bytes(b"RIFF\xff\xff\xff\xff" + file.read_bytes()[8:])
    np.testing.assert_array_equal(FBANK(file), whole)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "git lfs pull"),
        (b"<html>not found</html>", "is no readable wav"),
        (b"RIFF", "is no readable wav"),
    ],
)
def test_a_file_that_is_no_wav_is_refused(tmp_path: Path, content: bytes, complaint: str) -> None:
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(InputError, match=complaint):
        FBANK(tmp_path / "a.wav")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.wav is missing"):
        FBANK(tmp_path / "a.wav")


@pytest.mark.parametrize(("seconds", "complaint"), [(0, "holds no sound"), (0.02, "shorter than one window")])
def test_too_little_sound_is_refused(tmp_path: Path, seconds: float, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        FBANK(write_tone(tmp_path / "a.wav", seconds=seconds))
