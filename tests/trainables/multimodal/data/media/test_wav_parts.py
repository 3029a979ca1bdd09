"""Wav files with odd headers: the length of the sound decides; an open one means the rest of the file."""

import struct
from pathlib import Path

import numpy as np
import pytest

from trainables.multimodal.data.media.audio import Fbank, read_wav
from trainables.multimodal.data.media.truncation import require_whole
from trainables.multimodal.errors import InputError

RATE = 16_000
SOUND = (8000 * np.sin(np.arange(8001) / 5)).astype("<i2")
SIZE = SOUND.nbytes
PART = b"LIST\x0e\0\0\0INFOISFT\2\0\0\0ab"
ODD = b"note\3\0\0\0abc\0"
SHORT = b"fmt \x10\0\0\0\1\0\1\0" + struct.pack("<IIHH", RATE, 2 * RATE, 2, 16)
EXTENSIBLE = (
    b"fmt \x28\0\0\0\xfe\xff\1\0" + struct.pack("<IIHHHHI", RATE, 2 * RATE, 2, 16, 22, 16, 4)
    + b"\1\0\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71"
)  # fmt: skip


def wav(
    file_length: int | None = None,
    length: int = SIZE,
    before: bytes = b"",
    after: bytes = b"",
    fmt: bytes = SHORT,
) -> bytes:
    """A file that announces these lengths; none for the file: the right one."""
    body = b"WAVE" + fmt + before + b"data" + struct.pack("<I", length) + SOUND.tobytes() + after
    return b"RIFF" + struct.pack("<I", len(body) if file_length is None else file_length) + body


def heard(folder: Path, content: bytes) -> np.ndarray:
    file = folder / "a.wav"
    file.write_bytes(content)
    require_whole(file)
    return read_wav(file, RATE) * 2**15


LENGTHS = {
    "right": None,
    "with its own 8 bytes": SIZE + 36 + 8,
    "of the sound": SIZE,
    "of the header": 36,
    "8": 8,
    "0": 0,
    "unknown": 0xFFFFFFFF,
    "unknown, less the header": 0xFFFFFFFF - 8,
    "of sox": 0x7FFFF024,
    "of arecord": 0x80000024,
}


@pytest.mark.parametrize("length", [SIZE, 0, 0xFFFFFFFF, 0x7FFFF000, 0x80000000, 0xFFFFFFDB])
@pytest.mark.parametrize("before", [b"", PART, ODD], ids=["nothing", "a part", "an odd part"])
@pytest.mark.parametrize("fmt", [SHORT, EXTENSIBLE], ids=["short", "extensible"])
def test_whatever_the_length_of_the_file_all_sound_is_heard(
    tmp_path: Path, fmt: bytes, before: bytes, length: int
) -> None:
    for file_length in LENGTHS.values():
        np.testing.assert_array_equal(heard(tmp_path, wav(file_length, length, before, fmt=fmt)), SOUND)


@pytest.mark.parametrize(
    "after",
    [PART, PART[:-3], ODD, bytes(999), b"\xff\xfejunk" * 99, b"LIST\xff\xff\0\0"],
    ids=["a part", "a part cut short", "an odd part", "zeros", "junk", "too long a part"],
)
@pytest.mark.parametrize("file_length", [None, SIZE + 36, 0, 0xFFFFFFFF])
def test_what_follows_the_sound_is_not_heard(tmp_path: Path, file_length: int | None, after: bytes) -> None:
    np.testing.assert_array_equal(heard(tmp_path, wav(file_length, after=after)), SOUND)


@pytest.mark.parametrize("missing", [1, 2, 1000, SIZE - 1])
@pytest.mark.parametrize("file_length", LENGTHS.values(), ids=LENGTHS)
def test_sound_that_is_cut_short_is_refused(tmp_path: Path, file_length: int | None, missing: int) -> None:
    with pytest.raises(InputError, match=rf"a\.wav is cut short: {missing} bytes are missing at its end"):
        heard(tmp_path, wav(file_length)[:-missing])


def test_a_file_is_left_as_it_is(tmp_path: Path) -> None:
    content = wav(0, 0)
    heard(tmp_path, content)
    assert (tmp_path / "a.wav").read_bytes() == content


@pytest.mark.parametrize("length", [0, 0xFFFFFFFF])
def test_an_open_length_with_nothing_behind_it_is_no_sound(tmp_path: Path, length: int) -> None:
    with pytest.raises(InputError, match=r"holds no sound|is no readable wav"):
        heard(tmp_path, wav(0, length)[:-SIZE])


@pytest.mark.parametrize("end", [12, 20, 40])
def test_a_header_that_is_cut_short_is_refused(tmp_path: Path, end: int) -> None:
    (tmp_path / "a.wav").write_bytes(wav()[:end])
    with pytest.raises(InputError, match=r"a\.wav (is no readable wav|is cut short)"):
        Fbank()(tmp_path / "a.wav")


def test_zeros_in_place_of_parts_end_the_walk(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(wav()[:12] + bytes(10**7))
    with pytest.raises(InputError, match="is no readable wav"):
        read_wav(tmp_path / "a.wav", RATE)
