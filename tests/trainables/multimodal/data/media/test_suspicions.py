"""What readers notice of content that is whole: no signal, no picture, sound and film of other lengths."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image

from trainables.multimodal.data.media.audio import Fbank, Stft, read_wav
from trainables.multimodal.data.media.optical_flow import read_moments
from trainables.multimodal.data.media.pictures import Picture
from trainables.multimodal.data.media.sound_tracks import read_track
from trainables.multimodal.data.media.suspicions import Content, notice_film, notice_sound, noticing
from trainables.multimodal.data.media.video import Frames
from trainables.multimodal.errors import InputError

RATE = 16_000
DITHER = np.random.default_rng(0).integers(-1, 2, RATE) / 2**15
SPEECH = 0.1 * np.sin(np.arange(RATE) / 7)
Film = Callable[..., Path]


def noticed(read: Callable[..., Any], *arguments: Any) -> list[str]:
    with noticing() as content:
        read(*arguments)
    return content.suspicions


def write_sound(file: Path, waveform: np.ndarray, subtype: str = "PCM_16") -> Path:
    soundfile.write(file, waveform, RATE, subtype=subtype)
    return file


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT", "DOUBLE"])
@pytest.mark.parametrize(
    ("waveform", "expected"),
    [
        pytest.param(0 * SPEECH, ["silent"], id="zeros"),
        pytest.param(0 * SPEECH + 0.25, ["silent"], id="a constant"),
        pytest.param(DITHER, ["silent"], id="dither"),
        pytest.param(np.stack([SPEECH, -SPEECH], axis=1), ["silent"], id="channels that cancel"),
        pytest.param(SPEECH, [], id="speech"),
        pytest.param(0.01 * SPEECH, [], id="quiet speech"),
        pytest.param(np.eye(1, RATE, 500)[0], [], id="a click"),
        pytest.param(np.stack([SPEECH, 0 * SPEECH], axis=1), [], id="one silent channel"),
    ],
)
def test_sound_without_a_signal_is_silent(
    tmp_path: Path, waveform: np.ndarray, subtype: str, expected: list[str]
) -> None:
    assert noticed(read_wav, write_sound(tmp_path / "a.wav", waveform, subtype), RATE) == expected


@pytest.mark.parametrize("recipe", [Fbank(mel_bins=16, time_steps=30), Stft()], ids=["fbank", "stft"])
def test_every_recipe_of_sound_listens(tmp_path: Path, recipe: Callable[[Path], Any]) -> None:
    assert noticed(recipe, write_sound(tmp_path / "a.wav", 0 * SPEECH)) == ["silent"]


MOVING = np.random.default_rng(0).integers(0, 256, (25, 32, 32, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("suffix", "video", "audio"),
    [("mkv", "mpeg4", "pcm_s16le"), ("mp4", "mpeg4", "aac"), ("avi", "mpeg4", "mp3")],
)
@pytest.mark.parametrize(("loudness", "expected"), [(0.0, ["silent"]), (0.3, [])])
def test_a_silent_track_of_a_film_is_silent(
    tmp_path: Path, film: Film, suffix: str, video: str, audio: str, loudness: float, expected: list[str]
) -> None:
    sound = loudness * np.sin(np.arange(44_100) / 9)[None]
    file = film(tmp_path / f"a.{suffix}", MOVING, video, (audio, 44_100, sound))
    assert noticed(read_track, file, RATE) == expected


def flat(*levels: int) -> np.ndarray:
    return np.stack([np.full((32, 32, 3), level, np.uint8) for level in levels])


@pytest.mark.parametrize("codec", ["mpeg4", "libx264"])
@pytest.mark.parametrize(
    ("pictures", "expected"),
    [
        pytest.param(flat(*[0] * 10), ["constant"], id="black"),
        pytest.param(flat(*[140] * 10), ["constant"], id="grey"),
        pytest.param(flat(*range(0, 250, 25)), ["constant"], id="a fade"),
        pytest.param(MOVING[:10], [], id="noise"),
        pytest.param(np.concatenate([flat(*[0] * 9), MOVING[:1]]), [], id="one picture"),
        pytest.param(np.repeat(MOVING[:1], 10, 0), [], id="a still"),
        pytest.param(np.where(np.arange(32)[:, None, None] < 3, flat(*[90] * 10), 0), [], id="a bar"),
    ],
)
def test_a_film_of_flat_pictures_is_constant(
    tmp_path: Path, film: Film, codec: str, pictures: np.ndarray, expected: list[str]
) -> None:
    file = film(tmp_path / "a.avi", pictures.astype(np.uint8), codec)
    assert noticed(Frames(10, 8), file) == noticed(read_moments, file, 9) == expected


@pytest.mark.parametrize("suffix", ["jpg", "png", "gif", "webp"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_flat_picture_is_constant(tmp_path: Path, suffix: str, mode: str) -> None:
    for colour, expected in ((flat(0)[0], ["constant"]), (flat(170)[0], ["constant"]), (MOVING[0], [])):
        Image.fromarray(colour).convert(mode).save(tmp_path / f"a.{suffix}")
        assert noticed(Picture(8), tmp_path / f"a.{suffix}") == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ((2.0, 2.0), []),
        ((1.0, 61.0), ["lengths"]),
        ((61.0, 1.0), ["lengths"]),
        ((3.0, 1.4), ["lengths"]),
        ((3.0, 1.6), []),
        ((0.5, 1.4), []),
        ((1.0, 2.0), []),
        ((10.0, 5.1), []),
        ((10.0,), []),
        ((10.0, 10.0, 2.0), ["lengths"]),
        ((), []),
    ],
)
def test_lengths_that_differ_by_more_than_a_second_and_a_factor_of_two_are_suspicious(
    seconds: tuple[float, ...], expected: list[str]
) -> None:
    assert Content(seconds=list(seconds)).suspicions == expected


@pytest.mark.parametrize("suffix", ["mkv", "mp4", "avi", "flv"])
def test_the_lengths_of_sound_and_film_are_those_of_what_is_in_the_file(
    tmp_path: Path, film: Film, suffix: str
) -> None:
    codec = "flv" if suffix == "flv" else "mpeg4"
    pictures = np.concatenate([MOVING] * 4)
    for seconds, expected in ((1.5, ["lengths"]), (3.5, []), (9.0, ["lengths"])):
        sound = 0.1 * np.sin(np.arange(round(seconds * 44_100)) / 9)[None]
        file = film(tmp_path / f"a.{suffix}", pictures, codec, ("mp3", 44_100, sound))

        def read(file: Path) -> None:
            Frames(2, 8)(file)
            read_track(file, RATE)

        assert noticed(read, file) == expected


def test_a_sample_can_be_suspicious_in_several_ways_and_the_next_one_in_none() -> None:
    with noticing() as first:
        notice_sound(np.zeros(RATE), RATE)
        notice_film(9.0)
    with noticing() as second:
        notice_sound(SPEECH, RATE)
    assert (first.suspicions, second.suspicions) == (["silent", "lengths"], [])
    notice_sound(np.zeros(RATE), RATE)
    assert second.suspicions == []


@pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE"])
@pytest.mark.parametrize(
    ("scale", "channels"), [(2**15, 1), (2**15, 2), (2**31, 1), (2**8, 1), (-(2**15), 1), (np.inf, 1)]
)
def test_numbers_that_were_never_scaled_are_refused(
    tmp_path: Path, subtype: str, scale: float, channels: int
) -> None:
    file = write_sound(tmp_path / "a.wav", np.stack([scale * (SPEECH + 0.1)] * channels, axis=1), subtype)
    for recipe in (Fbank(), Stft()):
        with pytest.raises(InputError, match=r"a\.wav has amplitudes up to .*, and full scale is 1: divide"):
            recipe(file)


@pytest.mark.parametrize("scale", [1.0, 10.0, 30.0])
def test_sound_that_is_mixed_too_loud_is_taken(tmp_path: Path, scale: float) -> None:
    file = write_sound(tmp_path / "a.wav", scale * SPEECH, "FLOAT")
    assert np.abs(read_wav(file, RATE)).max() == pytest.approx(0.1 * scale, rel=1e-3)


def test_a_track_that_was_never_scaled_is_refused(tmp_path: Path, film: Film) -> None:
    file = film(tmp_path / "a.mkv", MOVING, "mpeg4", ("pcm_f32le", RATE, 3000 * SPEECH[None]))
    with pytest.raises(InputError, match=r"the sound of .*a\.mkv has amplitudes up to 300, and full scale"):
        read_track(file, RATE)
