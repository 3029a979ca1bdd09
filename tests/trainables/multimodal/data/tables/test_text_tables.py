"""Texts that others wrote are bounded and checked before they are read."""

import gzip
from pathlib import Path

import pytest

from trainables.multimodal.data.adapters import cremad, cremad_votes, mosi
from trainables.multimodal.data.tables import text_tables
from trainables.multimodal.errors import InputError


def test_what_is_packed_shows_in_the_file_not_in_its_name(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_bytes(gzip.compress(b"a\n"))
    (tmp_path / "t.txt.gz").write_bytes(b"a\n")
    assert (
        text_tables.read_lines(tmp_path / "t.txt") == text_tables.read_lines(tmp_path / "t.txt.gz") == ["a"]
    )


@pytest.mark.parametrize("name", ["t.txt", "t.txt.gz"])
def test_lines_are_read_plain_and_compressed_and_only_newlines_end_one(tmp_path: Path, name: str) -> None:
    content = "\ufeffa\u2028b\x85c\x1cd\r\ne \n".encode()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    assert text_tables.read_lines(tmp_path / name) == ["a\u2028b\x85c\x1cd", "e "]


BAD_TEXT = {
    "empty": ("t.txt", b"", "is empty"),
    "a mark alone": ("t.txt", b"\xef\xbb\xbf", "is empty"),
    "nothing packed": ("t.txt.gz", gzip.compress(b""), "is empty"),
    "not UTF-8": ("t.txt", b"caf\xe9\n", "is no text in UTF-8"),
    "NUL": ("t.txt", b"a\0\n", "has NUL characters"),
    "a long line": ("t.txt", b"ok\n" + b"x" * 12, "line 2 has 12 characters"),
    "cut short": ("t.txt.gz", gzip.compress(b"one" * 50)[:-9], "is no text in UTF-8"),
    "damaged": ("t.txt.gz", gzip.compress(b"one" * 50)[:12] + b"\xff" * 20, "is no text in UTF-8"),
}


@pytest.mark.parametrize(("name", "content", "complaint"), BAD_TEXT.values(), ids=BAD_TEXT.keys())
def test_a_text_that_cannot_be_read_is_named(
    tmp_path: Path, name: str, content: bytes, complaint: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=rf"t\.txt.* {complaint}"):
        text_tables.read_lines(tmp_path / name, longest=11)


def test_a_list_that_unpacks_to_more_than_the_limit_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_tables, "MOST_TEXT_BYTES", 1000)
    (tmp_path / "t.txt.gz").write_bytes(gzip.compress(b"a\n" * 501))
    with pytest.raises(InputError, match=r"t\.txt\.gz has more than 1000 bytes"):
        text_tables.read_lines(tmp_path / "t.txt.gz")


def test_rows_are_read_without_mark_and_blank_lines(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b'\xef\xbb\xbfa,"b,\n c"\r\n\r\nd,e')
    assert text_tables.read_rows(tmp_path / "t.csv") == [["a", "b,\n c"], ["d", "e"]]


BAD_CSV = {
    "a million columns": b"a," * 10**6,
    "a line without end": b"a" * 2**21,
    "NUL": b"a,\0\n",
    "not UTF-8": b"\xff\xfe\n",
    "a field without end": b'"' + b"a\n" * 10**5,
}


@pytest.mark.parametrize("content", BAD_CSV.values(), ids=BAD_CSV.keys())
def test_what_is_no_csv_is_refused_in_a_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(
        InputError, match=r"^t\.csv( cannot be read as csv \(|, line 1 has| has NUL| is no text)"
    ) as caught:
        text_tables.read_rows(tmp_path / "t.csv")
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "content", [*BAD_CSV.values(), b"", b"\xef\xbb\xbf", b"\n", b"name,label\n", b",A,D,F,H,N,S,fileName\n"]
)
def test_every_table_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    names = [*cremad.OFFICIAL[0].values(), cremad_votes.TABLE, mosi.TRANSCRIPTS]
    names += [name.format(part) for name in mosi.TABLES.values() for part in mosi.PART_OF]
    for name in names:
        (tmp_path / name).write_bytes(content)
    for read in (
        cremad_votes.read,
        mosi.read,
        lambda root: cremad.find_clips(root, {"1001_DFA_ANG_XX"}, "clips"),
    ):
        with pytest.raises(InputError) as caught:
            read(tmp_path)
        assert len(str(caught.value)) < 400


def test_a_csv_above_the_limit_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "t.csv").open("wb") as stream:
        stream.truncate(text_tables.MOST_TEXT_BYTES + 1)
    with pytest.raises(InputError, match="has more than 16777216 bytes"):
        text_tables.read_rows(tmp_path / "t.csv")
