"""Whether wav files and clips are as long as they say: decoders read a file that was cut without an error.

Files in these containers are rows of parts that tell their lengths, so one that ends within a part was cut
there; in a wav file only the sound counts. What does not look like a part, such as bytes that somebody
appended, ends the row and says nothing. Nothing tells the length of a whole MPEG program, or how many tags
and fragments there are: see `video.py` for signs of files that were cut between two parts.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from trainables.multimodal.data.media.wav_parts import find_sound
from trainables.multimodal.errors import InputError

HEAD: Final = 16
"""Bytes that hold any part's length."""
UNKNOWN_LENGTH: Final = 0xFFFFFFFF
"""What streaming programs write where the length of a RIFF file belongs."""
FLV_HEADER: Final = 9
FLV_TAGS: Final = (8, 9, 18)
"""Sound, pictures, and facts."""
BOXES: Final = (
    b"ftyp", b"styp", b"free", b"skip", b"wide", b"uuid", b"meta", b"moov", b"moof", b"mdat", b"mfra",
    b"sidx", b"ssix", b"prft", b"emsg", b"pdin",
)  # fmt: skip
"""Parts of the outermost level of mp4 files."""
EBML: Final = b"\x1a\x45\xdf\xa3"
SEGMENT: Final = b"\x18\x53\x80\x67"
"""The two parts of Matroska and WebM files."""
MPEG_PACK: Final = b"\x00\x00\x01\xba"


def require_whole(file: Path) -> None:
    """Raise InputError where a wav, avi, flv, mp4, mkv, webm or mpg file ends within one of its parts."""
    size = file.stat().st_size
    with file.open("rb") as stream:
        sound = find_sound(stream)
        missing = (sound.end(size) if sound else _end(stream, size)) - size
    if missing > 0:
        raise InputError(
            f"{file.parent.name}/{file.name} is cut short: {missing} bytes are missing at its end; "
            "fetch it again"
        )


def _end(stream: Any, size: int) -> int:
    """The byte where the parts end that can be told, which may be past the end of the file."""
    stream.seek(0)
    place, length = _parts(stream.read(HEAD))
    while place < size:
        stream.seek(place)
        step = length(stream.read(HEAD).ljust(HEAD, b"\0"))
        if not step:
            break
        place += step
    return place


def _parts(head: bytes) -> tuple[int, Callable[[bytes], int]]:
    """Where the first part of a file begins, and what gives the length of a part, 0 where none begins."""
    if head.startswith(b"FLV"):
        return FLV_HEADER, _tag
    if head[4:8] == b"ftyp":
        return 0, _box
    signs = {b"RIFF": _riff, EBML: _element, MPEG_PACK: _packet}
    return 0, signs.get(head[:4], _nothing)


def _nothing(head: bytes) -> int:
    return 0


def _riff(head: bytes) -> int:
    """A file of RIFF; long avi files are several."""
    length = int.from_bytes(head[4:8], "little")
    return 8 + length if head[:4] == b"RIFF" and length != UNKNOWN_LENGTH else 0


def _tag(head: bytes) -> int:
    """A tag of Flash after the length of the one before it; what follows the last tag may be missing."""
    return 15 + int.from_bytes(head[5:8], "big") if head[4] in FLV_TAGS else 0


def _box(head: bytes) -> int:
    """A box of ISO media; a length of 0 goes to the end of the file, 1 means that a longer one follows."""
    short = int.from_bytes(head[:4], "big")
    length = int.from_bytes(head[8:16], "big") if short == 1 else short
    return length if head[4:8] in BOXES and length >= 8 else 0


def _element(head: bytes) -> int:
    """An element of Matroska; a length of ones only is unknown."""
    width = 9 - head[4].bit_length()
    if head[:4] not in (EBML, SEGMENT) or width > 8:
        return 0
    ones = 2 ** (7 * width) - 1
    length = int.from_bytes(head[4 : 4 + width], "big") & ones
    return 4 + width + length if length < ones else 0


def _packet(head: bytes) -> int:
    """A pack header of MPEG-1 or MPEG-2, the end of a program, or a packet."""
    if head[:3] != MPEG_PACK[:3] or head[3] < 0xB9:
        return 0
    if head[3] == MPEG_PACK[3]:
        return 12 if head[4] >> 4 == 2 else 14 + (head[13] & 7)
    return 4 if head[3] == 0xB9 else 6 + int.from_bytes(head[4:6], "big")
