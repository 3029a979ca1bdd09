"""Files that end before they say so, in every container; and what only looks like it."""

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from trainables.multimodal.data.media.truncation import require_whole
from trainables.multimodal.data.media.video import Frames
from trainables.multimodal.errors import InputError

FRAMES = Frames(frames=2, image_size=16)
CODECS = {
    "a.mp4": "mpeg4", "a.mov": "mpeg4", "a.mkv": "mpeg4", "a.webm": "libvpx", "a.flv": "flv",
    "a.avi": "mpeg4", "a.mpg": "mpeg1video", "b.mpg": "mpeg2video",
}  # fmt: skip
RATES = {"libopus": 48_000, "aac": 44_100, "mp2": 44_100, "mp3": 44_100}
SOUNDS = {".webm": "libopus", ".mp4": "aac", ".mov": "aac", ".mkv": "aac"}


@pytest.fixture(scope="module")
def films(
    tmp_path_factory: pytest.TempPathFactory,
    film: Callable[..., Path],
    texture: Callable[[int, int], np.ndarray],
    tone: Callable[..., np.ndarray],
) -> dict[str, bytes]:
    """Contents of a film of a second for each name in CODECS, with sound."""
    folder = tmp_path_factory.mktemp("films")
    moving = np.stack([texture(step, step) for step in range(25)])
    found = {}
    for name, codec in CODECS.items():
        sound = SOUNDS.get(Path(name).suffix, "mp2" if name.endswith("mpg") else "mp3")
        rate = RATES[sound]
        found[name] = film(folder / name, moving, codec, (sound, rate, tone(1.0, rate))).read_bytes()
    return found


def written(folder: Path, name: str, content: bytes) -> Path:
    file = folder / name
    file.write_bytes(content)
    return file


@pytest.mark.parametrize("name", CODECS)
def test_a_whole_film_is_taken(name: str, films: dict[str, bytes], tmp_path: Path) -> None:
    file = written(tmp_path, name, films[name])
    require_whole(file)
    assert FRAMES(file).shape == FRAMES.shape


@pytest.mark.parametrize("share", [0.5, 0.9, 0.97, 0.995])
@pytest.mark.parametrize("name", CODECS)
def test_a_film_without_its_end_is_refused(
    name: str, share: float, films: dict[str, bytes], tmp_path: Path
) -> None:
    content = films[name]
    file = written(tmp_path, name, content[: int(share * len(content))])
    with pytest.raises(InputError, match=rf"{name} is cut short: \d+ bytes are missing at its end; fetch"):
        FRAMES(file)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.webm", "a.avi"])
def test_any_missing_byte_is_noticed(name: str, films: dict[str, bytes], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="1 bytes are missing"):
        require_whole(written(tmp_path, name, films[name][:-1]))


@pytest.mark.parametrize("name", CODECS)
def test_bytes_behind_the_end_say_nothing(name: str, films: dict[str, bytes], tmp_path: Path) -> None:
    for junk in (b"\0" * 300, b"junk" * 3, b"\xff" * 50):
        require_whole(written(tmp_path, name, films[name] + junk))


def test_the_length_of_the_last_flash_tag_may_be_missing(films: dict[str, bytes], tmp_path: Path) -> None:
    content = films["a.flv"]
    require_whole(written(tmp_path, "a.flv", content[:-4]))
    with pytest.raises(InputError, match="1 bytes are missing"):
        require_whole(written(tmp_path, "a.flv", content[:-5]))


def test_a_program_cut_between_two_packs_shows_it_in_its_last_picture(tmp_path: Path) -> None:
    content = noisy_program(tmp_path / "a.mpg").read_bytes()
    file = written(tmp_path, "b.mpg", content[: len(content) * 9 // 10 // 2048 * 2048])
    require_whole(file)
    with pytest.raises(InputError, match=r"b\.mpg is cut short: its last picture is not whole; fetch it"):
        FRAMES(file)


def noisy_program(file: Path) -> Path:
    """A film whose pictures are larger than a pack."""
    noise = np.random.default_rng(0).integers(0, 256, (10, 64, 64, 3), dtype=np.uint8)
    with av.open(str(file), "w") as container:
        stream = container.add_stream("mpeg1video", rate=25, width=64, height=64, bit_rate=4_000_000)
        for picture in noise:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
        container.mux(stream.encode(None))
    return file


BOX = b"\0\0\0\x14ftypisom\0\0\0\0isom"
MATROSKA = b"\x1a\x45\xdf\xa3\x80"


@pytest.mark.parametrize(
    ("head", "missing"),
    [
        pytest.param(b"RIFF\xff\xff\xff\xffAVI ", 0, id="a stream of RIFF"),
        pytest.param(b"RIFF\0\0\0\0AVI LIST", 0, id="a RIFF file that was never finished"),
        pytest.param(b"RIFF\4\0\0\0AVI RIFF\x40\0\0\0AVIX", 60, id="the second of two RIFF files"),
        pytest.param(BOX + b"\0\0\0\0mdat", 0, id="a box up to the end"),
        pytest.param(BOX + b"\0\0\0\1mdat\0\0\0\0\0\0\1\0", 240, id="a long box"),
        pytest.param(BOX + b"\0\0\0\x07mdat", 0, id="a box shorter than its name"),
        pytest.param(BOX + b"junkjunk", 0, id="no box"),
        pytest.param(MATROSKA + b"\x18\x53\x80\x67\x01" + b"\xff" * 7, 0, id="a live segment"),
        pytest.param(MATROSKA + b"\x18\x53\x80\x67\xff", 0, id="a live segment, shortly"),
        pytest.param(MATROSKA + b"\x18\x53\x80\x67\x40\x80", 128, id="a segment"),
        pytest.param(MATROSKA + b"\x18\x53\x80\x67\x00", 0, id="a segment of no length"),
        pytest.param(b"\0\0\1\xba\x44" + bytes(8) + b"\xf9" + b"\xff" * 1, 0, id="a pack with stuffing"),
        pytest.param(b"\0\0\1\xba\x21" + bytes(7) + b"\0\0\1\xe0\0\x10", 16, id="a packet"),
        pytest.param(b"\0\0\1\xba\x21" + bytes(7) + b"\0\0\1\xb9", 0, id="a program with its end"),
        pytest.param(b"FLV\1\5\0\0\0\x09", 0, id="a header of Flash"),
        pytest.param(b"<html>", 0, id="something else"),
    ],
)
def test_lengths_are_taken_from_what_headers_say(head: bytes, missing: int, tmp_path: Path) -> None:
    file = written(tmp_path, "a.bin", head)
    if not missing:
        require_whole(file)
        return
    with pytest.raises(InputError, match=f": {missing} bytes are missing"):
        require_whole(file)


def test_real_files_are_whole_and_none_without_its_last_tenth(real_data: Path, tmp_path: Path) -> None:
    folders = ("av_clips", "av_clips/grid", "crema_d_wav", "fsdd/recordings")
    found = [sorted((real_data / folder).glob("*.*"))[:20] for folder in folders]
    files = [file for some in found for file in some if file.suffix in (".wav", ".mp4", ".mpg")]
    files += (real_data / "ucf101" / "avi").rglob("*.avi")
    assert len(files) == 54
    for file in files:
        require_whole(file)
        content = file.read_bytes()
        with pytest.raises(InputError, match="is cut short"):
            require_whole(written(tmp_path, f"cut{file.suffix}", content[: len(content) * 9 // 10]))
