"""Broken downloads are told by what they begin with, whatever table they should be."""

import bz2
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from trainables.multimodal.data.adapters import cremad_votes, features, mosi_sequences, ravdess
from trainables.multimodal.data.media.file_checks import require_table
from trainables.multimodal.data.tables.text_tables import read_lines
from trainables.multimodal.errors import InputError

PAGES = {
    "doctype": b"<!DOCTYPE html><html><head><title>Virus scan warning</title></head></html>",
    "lower case": b"<!doctype html>\n<p>",
    "no doctype": b"<html lang=en>",
    "capitals": b"<HTML><BODY>",
    "head alone": b"<head><script>",
    "blank lines before": b"\n \r\n\t<html>",
    "mark before": b"\xef\xbb\xbf<!DOCTYPE html>",
    "mark and blank before": b"\xef\xbb\xbf \n<html>",
    "comment before": b"<!-- page --><html>",
    "error of a bucket": b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>',
    "UTF-16": "\ufeff<html>".encode("utf-16-le"),
}
POINTERS = {
    "lfs": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
    "annex": b"/annex/objects/SHA256E-s9--0.npz\n",
}
ZEROS = {"few": bytes(3), "many": bytes(70_000)}


def zipped() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("a", "b")
    return content.getvalue()


PACKED = {"bzip2": bz2.compress(b"a"), "xz": lzma.compress(b"a"), "zip": zipped()}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        *(
            (content, r"begins with '<.+': a web page, not the file: download it again")
            for content in PAGES.values()
        ),
        *((content, r"pointer, not the file itself: run `git \w+") for content in POINTERS.values()),
        *((content, "holds only zeros") for content in ZEROS.values()),
        *((content, f"cannot be read: it is packed with {name}") for name, content in PACKED.items()),
        (gzip.compress(b"a"), "is packed with gzip, so unpack it first"),
        (b"", "is empty"),
    ],
    ids=[*PAGES, *POINTERS, *ZEROS, *PACKED, "gzip", "nothing"],
)
def test_a_broken_download_is_told(tmp_path: Path, content: bytes, told: str) -> None:
    file = tmp_path / "t.bin"
    file.write_bytes(content)
    with pytest.raises(InputError, match=rf"t\.bin .*{told}"):
        require_table(file)


@pytest.mark.parametrize(
    "content", [b"a", b"<a,b\n", b"\0\0a", b"BZhang,1\n", b"PK\n", b"\x1f", b"(dp0", b"<>"]
)
def test_what_only_resembles_one_is_not(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "t.bin"
    file.write_bytes(content)
    require_table(file)


READERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "npz": ("t.npz", features.read),
    "parquet": ("t.parquet", features.read),
    "pickle": ("aligned_50.pkl", mosi_sequences.read),
    "published npz": (ravdess.TABLE, lambda file: ravdess.read(file.parent)),
    "csv": (cremad_votes.TABLE, lambda file: cremad_votes.read(file.parent)),
    "tsv": ("t.tsv", read_lines),
}


@pytest.mark.parametrize(("name", "read"), READERS.values(), ids=READERS.keys())
@pytest.mark.parametrize(
    ("content", "told"),
    [(PAGES["doctype"], "a web page"), (POINTERS["lfs"], "git lfs pull"), (ZEROS["few"], "only zeros")],
    ids=["page", "pointer", "zeros"],
)
def test_every_reader_tells_them(
    tmp_path: Path, name: str, read: Callable[[Path], object], content: bytes, told: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=told):
        read(tmp_path / name)
