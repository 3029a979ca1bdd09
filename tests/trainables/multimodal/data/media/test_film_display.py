"""Films look as a player shows them: the right moments, upright, in the right colours."""

import struct
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.stream import Disposition
from av.video.reformatter import ColorRange, Colorspace

from trainables.multimodal.data.media.video import Frames, read_chosen
from trainables.multimodal.errors import InputError

STEP = 20
"""Brightness from a frame to the next one."""


def write_film(
    file: Path, pictures: Sequence[Any], times: Sequence[int], codec: str = "mpeg4", **settings: Any
) -> Path:
    """A film whose pictures, arrays or frames, come at these times in milliseconds."""
    with av.open(str(file), "w") as container:
        stream: Any = container.add_stream(codec, rate=25)
        stream.width = stream.height = 32
        stream.pix_fmt, stream.bit_rate = "yuv420p", 4_000_000
        stream.codec_context.time_base = Fraction(1, 1000)
        for name, value in settings.items():
            if name == "turned":
                stream.set_display_rotation(*value)
            else:
                setattr(stream.codec_context, name, value)
        for picture, time in zip(pictures, times, strict=True):
            is_frame = isinstance(picture, av.VideoFrame)
            frame = picture if is_frame else av.VideoFrame.from_ndarray(picture)
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file


def greys(count: int) -> list[np.ndarray]:
    return [np.full((32, 32, 3), STEP * number, np.uint8) for number in range(count)]


def seen(file: Path, frames: int) -> list[int]:
    """Numbers of the frames that a recipe takes."""
    return [round(float(frame.mean()) / STEP) for frame in Frames(frames, 8)(file)]


CODECS = {"mkv": "mpeg4", "mp4": "mpeg4", "mov": "mpeg4", "avi": "mpeg4", "flv": "flv", "webm": "libvpx"}


@pytest.mark.parametrize(
    ("suffix", "start"), [*((suffix, 0) for suffix in CODECS), ("mkv", 700), ("mp4", 700), ("flv", 700)]
)
def test_moments_are_evenly_spaced_in_time(tmp_path: Path, suffix: str, start: int) -> None:
    times = [start + time for time in (0, 40, 80, 120, 500, 1000, 1440)]
    film = write_film(tmp_path / f"a.{suffix}", greys(7), times, CODECS[suffix])
    assert seen(film, 5) == [3, 3, 4, 5, 5]


@pytest.mark.parametrize("suffix", CODECS)
def test_a_film_with_a_beat_is_looked_at_by_its_frames(tmp_path: Path, suffix: str) -> None:
    times = [round(1000 * frame / 29.97) for frame in range(12)]
    assert seen(write_film(tmp_path / f"a.{suffix}", greys(12), times, CODECS[suffix]), 4) == [1, 4, 7, 10]


@pytest.mark.parametrize(("start", "length", "expected"), [(200, 280, [6, 8, 10]), (0, 120, [0, 1, 2])])
def test_what_an_edit_list_leaves_out_is_not_seen(
    tmp_path: Path, start: int, length: int, expected: list[int]
) -> None:
    film = write_film(tmp_path / "a.mp4", greys(12), range(0, 480, 40))
    with av.open(str(film)) as container:
        ticks = container.streams.video[0].time_base.denominator
    content = bytearray(film.read_bytes())
    struct.pack_into(">Ii", content, content.index(b"elst") + 12, length, start * ticks // 1000)
    film.write_bytes(content)
    assert seen(film, 3) == expected


CORNERS = np.zeros((32, 32, 3), np.uint8)
CORNERS[:16, :16], CORNERS[:16, 16:], CORNERS[16:, :16] = 240, 160, 80


@pytest.mark.parametrize(
    ("turned", "expected"),
    [
        pytest.param((0,), [240, 160, 80, 0], id="not"),
        pytest.param((90,), [160, 0, 240, 80], id="a quarter"),
        pytest.param((180,), [0, 80, 160, 240], id="half"),
        pytest.param((270,), [80, 240, 0, 160], id="three quarters"),
        pytest.param((0, True), [160, 240, 0, 80], id="mirrored"),
        pytest.param((0, False, True), [80, 0, 240, 160], id="upside down"),
        pytest.param((90, True), [0, 160, 80, 240], id="a quarter and mirrored"),
        pytest.param((90, False, True), [240, 80, 160, 0], id="a quarter and upside down"),
        pytest.param((2,), [240, 160, 80, 0], id="hardly"),
    ],
)
@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
def test_a_film_is_turned_as_its_matrix_says(
    tmp_path: Path, suffix: str, turned: tuple[float, ...], expected: list[int]
) -> None:
    film = write_film(tmp_path / f"a.{suffix}", [CORNERS] * 2, [0, 40], turned=turned)
    frame = Frames(1, 32)(film)[0].mean(axis=0)
    corners = [frame[y, x] for y in (8, 24) for x in (8, 24)]
    np.testing.assert_allclose(corners, expected, atol=12)


def test_a_matrix_of_zeros_says_nothing(tmp_path: Path) -> None:
    film = write_film(tmp_path / "a.mp4", [CORNERS] * 2, [0, 40], turned=(180,))
    content, matrix = film.read_bytes(), struct.pack(">9i", -(2**16), 0, 0, 0, -(2**16), 0, 0, 0, 2**30)
    assert matrix in content
    film.write_bytes(content.replace(matrix, bytes(36)))
    assert Frames(1, 32)(film)[0, 0, 8, 8] > 200


@pytest.mark.parametrize("degrees", [45, 130, -30])
def test_a_film_turned_by_another_angle_is_refused(tmp_path: Path, degrees: int) -> None:
    film = write_film(tmp_path / "a.mp4", [CORNERS] * 2, [0, 40], turned=(degrees,))
    with pytest.raises(InputError, match=r"its pictures are turned by .* degrees: turn them by quarters"):
        Frames(1, 8)(film)


def test_pictures_whose_points_are_not_square_are_left_as_they_are(tmp_path: Path) -> None:
    film = write_film(tmp_path / "a.mkv", [CORNERS] * 2, [0, 40], sample_aspect_ratio=Fraction(2))
    assert read_chosen(film, range, np.asarray)[0].shape == (32, 32, 3)


Y, U, V = 120, 90, 180
LUMA = {Colorspace.ITU601: (0.299, 0.114), Colorspace.ITU709: (0.2126, 0.0722)}
"""Shares of red and of blue."""


@pytest.mark.parametrize("space", [None, *LUMA])
@pytest.mark.parametrize("full", [False, True])
def test_colours_are_those_of_the_range_and_the_standard_that_a_film_names(
    tmp_path: Path, space: Colorspace | None, full: bool
) -> None:
    frame = av.VideoFrame(32, 32, "yuv420p")
    for plane, value in zip(frame.planes, (Y, U, V), strict=True):
        plane.update(bytes([value]) * plane.buffer_size)
    kinds: dict[str, Any] = {"color_range": ColorRange.JPEG if full else ColorRange.MPEG}
    kinds |= {"colorspace": space} if space else {}
    for name, value in kinds.items():
        setattr(frame, name, value)
    film = write_film(tmp_path / "a.mkv", [frame] * 2, [0, 40], "libx264", **kinds)
    red, blue = LUMA[space or Colorspace.ITU601]
    luma, wide = (Y, 255 / 255) if full else ((Y - 16) * 255 / 219, 255 / 224)
    r, b = luma + 2 * (1 - red) * (V - 128) * wide, luma + 2 * (1 - blue) * (U - 128) * wide
    expected = [r, (luma - red * r - blue * b) / (1 - red - blue), b]
    np.testing.assert_allclose(Frames(1, 8)(film)[0].mean(axis=(1, 2)), np.clip(expected, 0, 255), atol=4)


@pytest.mark.parametrize("rate", [1, 4, 10, 25])
@pytest.mark.parametrize("count", [1, 2, 5, 9])
def test_a_short_film_in_flash_is_whole(
    tmp_path: Path, film: Callable[..., Path], count: int, rate: int
) -> None:
    """Its packets do not say how long they are shown."""
    file = tmp_path / "a.flv"
    with av.open(str(file), "w") as container:
        stream: Any = container.add_stream("flv", rate=rate)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        for picture in greys(count):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
        container.mux(stream.encode(None))
    assert seen(file, count) == list(range(count))


def test_a_short_film_that_lacks_its_last_frame_is_refused(tmp_path: Path) -> None:
    whole = write_film(tmp_path / "a.flv", greys(9), range(0, 360, 40), "flv").read_bytes()
    shorter = write_film(tmp_path / "b.flv", greys(8), range(0, 320, 40), "flv").read_bytes()
    place = whole.index(b"duration") + len(b"duration") + 1
    (tmp_path / "c.flv").write_bytes(shorter[:place] + whole[place : place + 8] + shorter[place + 8 :])
    with pytest.raises(InputError, match=r"cut short: it ends after 0\.32 of 0\.36 s"):
        Frames(1, 8)(tmp_path / "c.flv")


def test_a_film_without_pictures_says_so(
    tmp_path: Path, film: Callable[..., Path], tone: Callable[..., np.ndarray]
) -> None:
    sound: Any = tone(1.0, 44_100)
    for suffix, codec in {"flv": "mp3", "mp4": "aac", "mkv": "aac", "avi": "mp3", "mpg": "mp2"}.items():
        file = tmp_path / f"a.{suffix}"
        with av.open(str(file), "w") as container:
            stream: Any = container.add_stream(codec, rate=44_100)
            stream.layout = "mono"
            frame = av.AudioFrame.from_ndarray(sound, format="fltp", layout="mono")
            frame.sample_rate = 44_100
            size = stream.codec_context.frame_size or None
            resampler = av.AudioResampler(stream.format.name, "mono", 44_100, frame_size=size)
            for part in [*resampler.resample(frame), *resampler.resample(None), None]:
                container.mux(stream.encode(part))
        with pytest.raises(InputError, match=rf"a\.{suffix} is no readable video \(it has no pictures\)"):
            Frames(1, 8)(file)


def test_a_picture_for_the_cover_is_no_film(tmp_path: Path) -> None:
    file = tmp_path / "a.mp4"
    with av.open(str(file), "w") as container:
        stream: Any = container.add_stream("png", rate=25)
        stream.width = stream.height = 32
        stream.pix_fmt, stream.disposition = "rgb24", Disposition.attached_pic
        container.mux(stream.encode(av.VideoFrame.from_ndarray(CORNERS)))
        container.mux(stream.encode(None))
    with pytest.raises(InputError, match="it has no pictures"):
        Frames(1, 8)(file)
