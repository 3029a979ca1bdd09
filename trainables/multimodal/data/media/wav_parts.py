"""Where the sound of a wav file lies, whatever its header makes of the lengths.

A wav file is a row of parts, one of which is the sound. Recorders count the length of the whole file in
several ways, and parts that players skip may follow the sound. So only the length of the sound tells whether
a file is whole.
"""

from dataclasses import dataclass
from typing import BinaryIO, Final

HEAD: Final = 8
"""Bytes of a part's name and length."""
FIRST: Final = 12
"""Byte at which the first part begins."""
STREAMED: Final = 0x7FFFF000
"""Bytes of sound from which on a length is none, but what streaming recorders write, which cannot come back
to correct it: no clip has 2 GiB of sound. Others of them write 0."""


@dataclass(frozen=True)
class SoundPart:
    """The sound of a wav file."""

    start: int
    """Byte at which it begins, right after its length."""
    length: int
    """Bytes, as the header says."""

    def end(self, size: int) -> int:
        """The byte after its last one in a file of `size` bytes; past the file's end where it was cut short.

        Where a recorder left the length open, all that follows is sound.
        """
        return self.start + self.length if 0 < self.length < STREAMED else max(size, self.start)


def find_sound(stream: BinaryIO) -> SoundPart | None:
    """The sound of an open wav file; None where it has no such part, or is no wav file."""
    head = stream.read(FIRST)
    place = FIRST if (head[:4], head[8:]) == (b"RIFF", b"WAVE") else 0
    while place:
        stream.seek(place)
        head = stream.read(HEAD)
        if len(head) < HEAD or b"\0" in head[:4]:  # zeros that a failed copy left would be walked for ever
            break
        length = int.from_bytes(head[4:], "little")
        if head.startswith(b"data"):
            return SoundPart(place + HEAD, length)
        place += HEAD + length + length % 2
    return None
