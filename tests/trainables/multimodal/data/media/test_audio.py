"""Audio recipes: Kaldi filter banks of whole, plausible wav files."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from scipy import signal
from torchaudio.compliance import kaldi

from trainables.multimodal.data.media import audio
from trainables.multimodal.data.media.audio import Fbank, Stft, log_mel, read_wav
from trainables.multimodal.errors import InputError

FBANK = Fbank(mel_bins=16, time_steps=30)


def write_tone(file: Path, seconds: float = 0.5, rate: int = 16_000, channels: int = 1) -> Path:
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)
    soundfile.write(file, np.stack([tone] * channels, axis=1), rate)
    return file


def test_a_long_file_is_cut(tmp_path: Path) -> None:
    file = write_tone(tmp_path / "a.wav")
    energies = log_mel(read_wav(file, 16_000), 16_000, 16, 10_000)
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
    np.testing.assert_allclose(
        log_mel(wave + 0.25, 16_000, 16, 10_000), log_mel(wave, 16_000, 16, 10_000), atol=1e-3
    )


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


STFT = Stft(source_rate=8_000, sample_rate=16_000, seconds=2, window=64, hop=50)


@pytest.mark.parametrize(("seconds", "shape"), [(3, (1, 257, 188)), (20, (1, 257, 1250))])
def test_the_published_shapes_come_out(seconds: int, shape: tuple[int, ...]) -> None:
    noise = np.random.default_rng(0).normal(size=30_000).astype(np.float32)
    assert Stft(seconds=seconds).shape == Stft(seconds=seconds).magnitudes(noise).shape == shape


def test_magnitudes_are_those_of_scipy() -> None:
    wave = np.random.default_rng(0).uniform(-1, 1, 3 * 22_050).astype(np.float32)
    transform = signal.ShortTimeFFT(signal.windows.hann(512, sym=False), 353, 22_050)
    expected = np.log(np.abs(transform.stft(wave, p0=0, p1=188)) + 1e-7)
    np.testing.assert_allclose(Stft().magnitudes(wave)[0], expected, atol=1e-3)


def test_a_short_waveform_is_repeated_and_a_long_one_cut() -> None:
    wave = np.random.default_rng(0).uniform(-1, 1, 40_000).astype(np.float32)
    short = STFT.magnitudes(wave[:12_000])
    np.testing.assert_array_equal(short, STFT.magnitudes(np.tile(wave[:12_000], 3)[:32_000]))
    np.testing.assert_array_equal(STFT.magnitudes(wave), STFT.magnitudes(wave[:32_000]))


def test_what_is_louder_than_possible_is_clipped() -> None:
    wave = np.random.default_rng(0).normal(size=32_000).astype(np.float32)
    np.testing.assert_array_equal(STFT.magnitudes(wave), STFT.magnitudes(wave.clip(-1, 1)))


def test_a_tone_keeps_its_pitch_when_it_is_resampled(tmp_path: Path) -> None:
    result = STFT(write_tone(tmp_path / "a.wav", seconds=2, rate=8_000))
    assert result.shape == STFT.shape
    assert np.all(result[0, :, 5:-5].argmax(axis=0) == round(440 / 16_000 * 64))


def test_a_rate_that_was_not_stated_is_never_resampled(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has 16000 Hz, the recipe expects 8000 Hz"):
        STFT(write_tone(tmp_path / "a.wav"))


@pytest.mark.parametrize("recipe", [Fbank(), Stft()])
def test_every_real_wav_is_accepted(real_data: Path, recipe: Fbank | Stft) -> None:
    files = sorted((real_data / "crema_d_wav").glob("*.wav"))
    assert len([recipe(file) for file in files]) == 7


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


@pytest.mark.parametrize(("rate", "channels", "samples"), [(8, 1, 28_801), (8, 17, 8), (400_000, 1, 8)])
def test_more_sound_than_a_clip_has_is_refused_before_decoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rate: int, channels: int, samples: int
) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros((samples, channels)), rate)
    monkeypatch.setattr(soundfile.SoundFile, "read", None)
    with pytest.raises(InputError, match=rf"has {channels} channels of {samples} samples at {rate} Hz, and"):
        read_wav(tmp_path / "a.wav", rate)


@pytest.mark.parametrize(("seconds", "complaint"), [(0, "holds no sound"), (0.02, "shorter than one window")])
def test_too_little_sound_is_refused(tmp_path: Path, seconds: float, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        FBANK(write_tone(tmp_path / "a.wav", seconds=seconds))


@pytest.mark.parametrize("piece", [1, 7, 30])
def test_a_long_recording_is_transformed_in_pieces(piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    wave = np.random.default_rng(0).normal(0.1, 0.1, 16_000).astype(np.float32)
    expected = FBANK.energies(wave)
    transform, lengths = audio._log_mel, []

    def watched(part: np.ndarray, *settings: int) -> np.ndarray:
        lengths.append(1 + (len(part) - 400) // 160)
        return transform(part, *settings)

    monkeypatch.setattr(audio, "PIECE", piece)
    monkeypatch.setattr(audio, "_log_mel", watched)
    np.testing.assert_allclose(FBANK.energies(wave), expected, atol=1e-5)
    assert max(lengths) == piece
    assert sum(lengths) == FBANK.time_steps < 98


def test_channels_are_mixed_down_block_by_block(tmp_path: Path) -> None:
    file = write_tone(tmp_path / "a.wav", 8.0, channels=16)
    tracemalloc.start()
    waveform = read_wav(file, 16_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 * waveform.nbytes / 1.5
    np.testing.assert_array_equal(waveform, read_wav(write_tone(tmp_path / "b.wav", 8.0), 16_000))
