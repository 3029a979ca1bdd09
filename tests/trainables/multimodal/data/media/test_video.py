"""Video recipes: evenly spaced frames of whole clips."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from trainables.multimodal.data.adapters import cremad
from trainables.multimodal.data.media import file_checks, video
from trainables.multimodal.data.media.suspicions import noticing
from trainables.multimodal.data.media.video import Frames, WholeFrames, evenly_spaced, read_chosen
from trainables.multimodal.errors import InputError

FRAMES = Frames(frames=3, image_size=16)


@pytest.fixture
def clip(raw: Path) -> Path:
    return min((raw / "VideoFlash").iterdir())


@pytest.mark.parametrize(
    ("available", "wanted", "expected"),
    [
        (10, 10, list(range(10))),
        (75, 3, [12, 37, 62]),
        (4, 2, [1, 3]),
        (2, 4, [0, 0, 1, 1]),
        (1, 3, [0, 0, 0]),
    ],
)
def test_frames_are_the_middles_of_equal_stretches(available: int, wanted: int, expected: list[int]) -> None:
    assert evenly_spaced(available, wanted) == expected


def test_frames_are_small_colour_pictures(clip: Path) -> None:
    frames = FRAMES(clip)
    assert (frames.shape, frames.dtype) == (FRAMES.shape, np.uint8)
    assert frames.shape == (3, 3, 16, 16)
    assert frames.std(axis=(2, 3)).min() > 5


def test_a_frame_is_red_where_the_clip_is_red(clip: Path) -> None:
    decoded = np.asarray(read_chosen(clip, range, np.asarray)[1]).mean(axis=(0, 1))
    stored = FRAMES(clip)[0].mean(axis=(1, 2))
    np.testing.assert_allclose(stored, decoded, atol=3)


@pytest.mark.parametrize("announced", [0, 3, 11, 40])
def test_frames_are_chosen_by_their_true_number(
    clip: Path, announced: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = FRAMES(clip)
    demuxed = video._demuxed

    def miscounted(*of: Any) -> tuple[list[Any], int, float]:
        coded, _, end = demuxed(*of)
        return coded, announced, end

    monkeypatch.setattr(video, "_demuxed", miscounted)
    np.testing.assert_array_equal(FRAMES(clip), expected)


def test_frames_that_are_not_chosen_are_not_held(clip: Path) -> None:
    assert len(read_chosen(clip, lambda available: [available - 1], np.asarray)) == 1
    assert list(video._decode(clip, lambda _: [2, 7], np.asarray, 10**6).kept) == [2, 7]


def test_real_clips_with_sound_are_decoded(real_data: Path) -> None:
    file = min((real_data / "av_clips" / "grid").iterdir())
    assert len(read_chosen(file, range, np.asarray)) == 75
    assert Frames()(file).shape == (10, 3, 224, 224)


def test_real_clips_of_two_streams_are_decoded(real_data: Path) -> None:
    assert Frames(2, 16)(real_data / "av_clips" / "nasa_13013.mp4").shape == (2, 3, 16, 16)


def test_every_real_avi_is_decoded(real_data: Path) -> None:
    files = sorted((real_data / "ucf101" / "avi").rglob("*.avi"))
    assert len([Frames(1, 8)(file) for file in files]) == 15


@pytest.mark.parametrize("share", [0.3, 0.6, 0.8])
def test_a_clip_cut_short_is_refused(clip: Path, share: float) -> None:
    content = clip.read_bytes()
    clip.write_bytes(content[: int(share * len(content))])
    with pytest.raises(InputError, match="cut short"):
        FRAMES(clip)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "git lfs pull"),
        (b"<html>not found</html>", "is no readable video"),
        (b"FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00", "no readable video|no frames"),
    ],
)
def test_a_file_that_is_no_video_is_refused(clip: Path, content: bytes, complaint: str) -> None:
    clip.write_bytes(content)
    with pytest.raises(InputError, match=complaint):
        FRAMES(clip)


def test_large_frames_are_refused_before_decoding(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video, "_demuxed", None)
    with pytest.raises(InputError, match=r"has 64 x 64 pixels, and 4095 are the limit"):
        read_chosen(clip, range, np.asarray, 64 * 64 - 1)


def test_more_coded_pictures_than_may_be_held_are_refused(
    clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with av.open(str(clip)) as container:
        sizes = [packet.size for packet in container.demux(video=0)]
    monkeypatch.setattr(file_checks, "MOST_CLIP_BYTES", sum(sizes) + len(sizes) * video.PACKET)
    FRAMES(clip)
    monkeypatch.setattr(file_checks, "MOST_CLIP_BYTES", file_checks.MOST_CLIP_BYTES - 1)
    with pytest.raises(InputError, match="are the limit: cut it into clips"):
        FRAMES(clip)


def write_growing(file: Path) -> Path:
    """Sixteen frames, the last eight of them ten times as wide and high as the header says."""
    tick = Fraction(1, 5)
    with av.open(str(file), "w", format="flv") as container:
        stream = container.add_stream("flv", rate=5, width=32, height=32, pix_fmt="yuv420p")
        for place, size in enumerate([32] * 8 + [320] * 8):
            encoder = av.CodecContext.create("flv", "w")
            encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = size, size, "yuv420p", tick
            for packet in [*encoder.encode(av.VideoFrame(size, size, "yuv420p")), *encoder.encode(None)]:
                packet.pts = packet.dts = place
                packet.time_base, packet.stream = tick, stream
                container.mux(packet)
    return file


def test_frames_that_grow_in_the_middle_of_a_clip_are_refused(tmp_path: Path) -> None:
    file = write_growing(tmp_path / "a.flv")
    assert [frame.shape[1] for frame in read_chosen(file, range, np.asarray)] == [32] * 8 + [320] * 8
    with pytest.raises(InputError, match="no readable video"):
        read_chosen(file, range, np.asarray, 48 * 48)


def test_frames_that_cannot_be_converted_are_refused(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ValueError("no such pixels")

    monkeypatch.setattr(Image, "frombytes", fail)  # what Pillow makes pictures with
    with pytest.raises(InputError, match=r"is no readable video \(no such pixels\)"):
        FRAMES(clip)


def test_sound_alone_is_no_video(raw: Path) -> None:
    with pytest.raises(InputError, match="is no readable video"):
        FRAMES(min((raw / "AudioWAV").iterdir()))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is missing"):
        FRAMES(tmp_path / "a.flv")


def test_frames_are_squeezed_as_they_come(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[tuple[int, ...]] = []
    decode = video._decode

    def watched(*arguments: Any) -> Any:
        found = decode(*arguments)
        held.extend(frame.shape for frame in found.kept.values())
        return found

    monkeypatch.setattr(video, "_decode", watched)
    FRAMES(clip)
    assert held == [(3, 16, 16)] * 3


def test_whole_frames_keep_more_pixels_and_the_aspect_of_their_film(clip: Path) -> None:
    part = WholeFrames(frames=2, image_size=16, height=24, width=32)
    with noticing() as content:
        frames = part(clip)
    assert frames.shape == part.shape == (2, 3, 24, 32)
    assert part.modality("visual").shown == (16, 16)
    (size,) = {image.size for image in read_chosen(clip, range, lambda image: image)}
    assert content.aspect == size[0] / size[1]


def test_whole_frames_of_crema_d_are_256_high_and_4_by_3() -> None:
    whole = cremad.RECIPES["dnr-fbank-whole"].modalities()["visual"]
    assert (whole.shape, whole.shown) == ((10, 3, 256, 341), (224, 224))
    assert cremad.RECIPES["dnr-fbank"].modalities()["visual"].shown is None


def test_real_clips_keep_their_aspect(real_data: Path) -> None:
    with noticing() as content:
        frames = WholeFrames()(min((real_data / "av_clips" / "grid").iterdir()))
    assert frames.shape == (10, 3, 256, 341)
    assert content.aspect == 360 / 288
