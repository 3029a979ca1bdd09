"""What files begin with that are not what their names say: the usual broken downloads."""

import re
from pathlib import Path
from typing import Final

HEAD_BYTES: Final = 1024
LFS_POINTER: Final = b"version https://git-lfs"
POINTERS: Final = {
    LFS_POINTER: "is a Git-LFS pointer, not the file itself: run `git lfs pull` in its repository",
    b"/annex/objects/": "is a git-annex pointer, not the file itself: run `git annex get` in its repository",
}
"""Texts that stand for a file which was never fetched."""
BLANK: Final = b"\xef\xbb\xbf\xff\xfe\t\n\v\f\r "
"""Bytes that may come before the text of a web page: byte order marks and white space."""
PAGE: Final = re.compile(rb"<(!doctype( html)?|html|head|body|script|\?xml|!--)", re.IGNORECASE)
PACKED: Final = {
    "gzip": re.compile(rb"\x1f\x8b\x08"),
    "bzip2": re.compile(rb"BZh[1-9](1AY&SY|\x17rE8P\x90)"),
    "xz": re.compile(rb"\xfd7zXZ\0"),
    "zstd": re.compile(rb"\x28\xb5\x2f\xfd"),
    "zip": re.compile(rb"PK(\x03\x04|\x05\x06)"),
    "7-Zip": re.compile(rb"7z\xbc\xaf\x27\x1c"),
    "RAR": re.compile(rb"Rar!\x1a\x07"),
}


def head(file: Path) -> bytes:
    """The first bytes of a file."""
    with file.open("rb") as stream:
        return stream.read(HEAD_BYTES)


def packing(first: bytes) -> str:
    """The format in which a file is packed that begins so; empty for none."""
    return next((name for name, sign in PACKED.items() if sign.match(first)), "")


def unfetched(first: bytes) -> str:
    """What stands for the content of a file that begins so, and how to get that; empty for nothing."""
    return next((told for pointer, told in POINTERS.items() if first.startswith(pointer)), "")


def broken_download(first: bytes) -> str:
    """What is wrong with a table that begins so, and what to do about it; empty for nothing."""
    if not first.strip(b"\0"):
        return "holds only zeros where it begins: a broken download, so download it again"
    if page := PAGE.match(first.replace(b"\0", b"").lstrip(BLANK)):  # UTF-16 has a zero in every character
        return f"begins with '{page[0].decode()}': a web page, not the file: download it again"
    return ""
