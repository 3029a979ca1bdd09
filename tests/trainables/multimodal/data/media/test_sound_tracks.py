"""The sound of clips: real codecs in real containers, resampled and mixed down."""

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from trainables.multimodal.data.media import file_checks, sound_tracks
from trainables.multimodal.data.media.sound_tracks import read_track
from trainables.multimodal.data.media.video import Frames
from trainables.multimodal.errors import InputError

PICTURES = np.zeros((25, 32, 32, 3), np.uint8)


def pitch(waveform: np.ndarray, rate: int) -> float:
    """The strongest frequency."""
    spectrum = np.abs(np.fft.rfft(waveform * np.hanning(len(waveform))))
    return float(spectrum.argmax() * rate / len(waveform))


def test_sound_that_needs_no_resampling_is_taken_as_it_is(
    tmp_path: Path, film: Callable[..., Path], tone: Callable[..., np.ndarray]
) -> None:
    wave = tone(1.0, 16_000)
    file = film(tmp_path / "a.mkv", PICTURES, sound=("pcm_s16le", 16_000, wave))
    np.testing.assert_allclose(read_track(file, 16_000), wave[0], atol=1e-4)


def test_channels_are_averaged(
    tmp_path: Path, film: Callable[..., Path], tone: Callable[..., np.ndarray]
) -> None:
    wave = tone(1.0, 16_000, (0.8, 0.2))
    file = film(tmp_path / "a.mkv", PICTURES, sound=("pcm_s16le", 16_000, wave))
    np.testing.assert_allclose(read_track(file, 16_000), wave.mean(axis=0), atol=1e-4)


@pytest.mark.parametrize(
    ("name", "video", "audio"),
    [("a.mp4", "mpeg4", "aac"), ("a.avi", "mpeg4", "mp3"), ("a.mpg", "mpeg1video", "mp2"),
     ("a.mkv", "mpeg4", "aac"), ("a.webm", "libvpx", "libopus")],
)  # fmt: skip
def test_compressed_sound_keeps_its_pitch_loudness_and_length(
    tmp_path: Path,
    film: Callable[..., Path],
    tone: Callable[..., np.ndarray],
    name: str,
    video: str,
    audio: str,
) -> None:
    rate = 48_000 if audio == "libopus" else 44_100
    file = film(tmp_path / name, PICTURES, video, (audio, rate, tone(2.0, rate, (0.5, 0.5))))
    heard = read_track(file, 16_000)
    middle = heard[8_000:24_000]
    assert pitch(middle, 16_000) == pytest.approx(440, abs=1)
    assert middle.std() == pytest.approx(0.5 / np.sqrt(2), rel=0.05)
    assert len(heard) / 16_000 == pytest.approx(2.0, abs=0.1)


def test_a_clip_without_sound_is_refused(tmp_path: Path, film: Callable[..., Path]) -> None:
    with pytest.raises(InputError, match=r"silent\.mp4 has no sound track"):
        read_track(film(tmp_path / "silent.mp4", PICTURES), 16_000)


def test_sound_and_pictures_that_no_decoder_knows_are_refused(
    tmp_path: Path, film: Callable[..., Path], tone: Callable[..., np.ndarray]
) -> None:
    file = film(tmp_path / "a.mkv", PICTURES, sound=("pcm_s16le", 16_000, tone(1.0, 16_000)))
    content = file.read_bytes()
    for codec in (b"A_PCM/INT/LIT", b"V_MPEG4/ISO/ASP"):
        assert codec in content
        content = content.replace(codec, codec[:2] + b"X" * (len(codec) - 2))
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"the sound of .*/a\.mkv cannot be decoded \(no decoder knows it\)"):
        read_track(file, 16_000)
    with pytest.raises(InputError, match=r"a\.mkv is no readable video \(no decoder knows its pictures\)"):
        Frames(1, 8)(file)


def test_sound_shorter_than_a_window_is_refused(
    tmp_path: Path, film: Callable[..., Path], tone: Callable[..., np.ndarray]
) -> None:
    file = film(tmp_path / "a.mkv", PICTURES, sound=("pcm_s16le", 16_000, tone(0.02, 16_000)))
    with pytest.raises(InputError, match="shorter than one window"):
        read_track(file, 16_000)


def test_sound_that_is_too_long_is_refused_before_decoding(
    tmp_path: Path,
    film: Callable[..., Path],
    tone: Callable[..., np.ndarray],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = film(tmp_path / "a.mkv", PICTURES, sound=("pcm_s16le", 16_000, tone(2.0, 16_000)))
    monkeypatch.setattr(file_checks, "MOST_SOUND_SECONDS", 1)
    monkeypatch.setattr(sound_tracks, "_resampled", None)
    with pytest.raises(InputError, match="1 s are the limit"):
        read_track(file, 16_000)


DURATION = b"\x44\x89\x88"
"""Of Matroska, in milliseconds: a number of eight bytes follows."""


@pytest.mark.parametrize(
    "announced",
    [
        pytest.param(DURATION + struct.pack(">d", 500.0), id="half a second"),
        pytest.param(b"\xec\x89" + bytes(9), id="nothing"),
    ],
)
def test_sound_that_is_longer_than_its_container_says_is_refused_at_the_limit(
    tmp_path: Path,
    film: Callable[..., Path],
    tone: Callable[..., np.ndarray],
    monkeypatch: pytest.MonkeyPatch,
    announced: bytes,
) -> None:
    file = film(tmp_path / "a.mkv", PICTURES, sound=("aac", 16_000, tone(2.0, 16_000)))
    content = file.read_bytes().replace(b"DURATION", b"UNKNOWN.")  # tags that say it again
    place = content.index(DURATION)
    file.write_bytes(content[:place] + announced + content[place + len(announced) :])
    assert len(read_track(file, 8_000)) == pytest.approx(16_000, abs=1_000)
    monkeypatch.setattr(file_checks, "MOST_SOUND_SECONDS", 1)
    with pytest.raises(InputError, match=r"a\.mkv has 1 channels of 8\d\d\d samples at 8000 Hz"):
        read_track(file, 8_000)


def test_sound_that_changes_its_rate_is_refused(
    tmp_path: Path, film: Callable[..., Path], tone: Callable[..., np.ndarray]
) -> None:
    file, other = (
        film(tmp_path / f"{rate}.mpg", PICTURES, "mpeg1video", ("mp2", rate, tone(1.0, rate)))
        for rate in (44_100, 48_000)
    )
    file.write_bytes(file.read_bytes() + other.read_bytes())
    with pytest.raises(InputError, match=r"the sound of .*44100\.mpg cannot be decoded"):
        read_track(file, 16_000)


@pytest.mark.parametrize(("content", "complaint"), [(b"", "is empty"), (b"<html>", "cannot be decoded")])
def test_a_file_that_is_no_clip_is_refused(tmp_path: Path, content: bytes, complaint: str) -> None:
    file = tmp_path / "a.mp4"
    file.write_bytes(content)
    with pytest.raises(InputError, match=complaint):
        read_track(file, 16_000)


def test_real_clips_are_as_long_as_they_say(real_data: Path) -> None:
    heard = {file.stem: len(read_track(file, 16_000)) for file in (real_data / "av_clips" / "grid").iterdir()}
    assert len(heard) == 11
    assert all(length == pytest.approx(2.978 * 16_000, abs=200) for length in heard.values())


def test_the_first_of_two_real_tracks_is_taken(real_data: Path) -> None:
    assert len(read_track(real_data / "av_clips" / "nasa_13013.mp4", 8_000)) == pytest.approx(
        13.056 * 8_000, 1
    )
