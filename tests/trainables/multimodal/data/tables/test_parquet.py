"""Texts and tables that others wrote are bounded and checked before they are read."""

import gzip
import io
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from trainables.multimodal.data.adapters import cremad, cremad_votes, features, mosi
from trainables.multimodal.data.tables import parquet
from trainables.multimodal.errors import InputError


def header(shape: tuple[int, ...], descr: str = "<f4") -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": descr, "fortran_order": False, "shape": shape})
    return stream.getvalue()


def save(file: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file


@pytest.mark.parametrize("name", ["t.txt", "t.txt.gz"])
def test_lines_are_read_plain_and_compressed_and_only_newlines_end_one(tmp_path: Path, name: str) -> None:
    content = "\ufeffa\u2028b\x85c\x1cd\r\ne \n".encode()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    assert parquet.read_lines(tmp_path / name) == ["a\u2028b\x85c\x1cd", "e "]


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
        parquet.read_lines(tmp_path / name, longest=11)


def test_a_list_that_unpacks_to_more_than_the_limit_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "MOST_TEXT_BYTES", 1000)
    (tmp_path / "t.txt.gz").write_bytes(gzip.compress(b"a\n" * 501))
    with pytest.raises(InputError, match=r"t\.txt\.gz has more than 1000 bytes"):
        parquet.read_lines(tmp_path / "t.txt.gz")


def test_rows_are_read_without_mark_and_blank_lines(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b'\xef\xbb\xbfa,"b,\n c"\r\n\r\nd,e')
    assert parquet.read_rows(tmp_path / "t.csv") == [["a", "b,\n c"], ["d", "e"]]


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
        parquet.read_rows(tmp_path / "t.csv")
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "content", [*BAD_CSV.values(), b"", b"\xef\xbb\xbf", b"\n", b"name,label\n", b",A,D,F,H,N,S,fileName\n"]
)
def test_every_table_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    names = [*cremad.OFFICIAL[0].values(), cremad_votes.TABLE, mosi.TRANSCRIPTS]
    names += [name.format(part) for name in mosi.TABLES.values() for part in mosi.PARTS]
    for name in names:
        (tmp_path / name).write_bytes(content)
    for read in (cremad_votes.read, mosi.read, lambda root: cremad.find_clips(root, ["1001_DFA_ANG_XX"])):
        with pytest.raises(InputError) as caught:
            read(tmp_path)
        assert len(str(caught.value)) < 400


def test_a_csv_above_the_limit_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "t.csv").open("wb") as stream:
        stream.truncate(parquet.MOST_TEXT_BYTES + 1)
    with pytest.raises(InputError, match="has more than 16777216 bytes"):
        parquet.read_rows(tmp_path / "t.csv")


def test_an_npz_that_unpacks_to_more_than_the_limit_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = save(tmp_path / "t.npz", {"label.npy": header((2**22,)) + bytes(2**24)})
    monkeypatch.setattr(parquet, "MOST_ARCHIVE_BYTES", 2**24)
    tracemalloc.start()
    with pytest.raises(InputError, match="unpacks to 16777344 bytes, and 16777216 are the limit"):
        features.read_npz(file)
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("member", "complaint"),
    [
        (header((2**40,)) + bytes(16), "label.npy is not as long as its header says"),
        (header((2**62, 2**62)) + bytes(16), "label.npy is not as long as its header says"),
        (header((2,)) + bytes(9), "label.npy is not as long as its header says"),
        (header((1,), "|O") + b"cos\nsystem\n(S'false'\ntR.", "pickled objects are never loaded"),
        (b"no array at all", "magic string"),
        (b"", "magic string"),
        (b"\x93NUMPY\x01\x00\x10\x27" + b"(" * 10_000, "cannot be read as npz"),
    ],
)
def test_an_array_that_is_not_what_it_says_is_refused(tmp_path: Path, member: bytes, complaint: str) -> None:
    file = save(tmp_path / "t.npz", {"label.npy": member})
    with pytest.raises(InputError, match=complaint):
        features.read_npz(file)


@pytest.mark.parametrize("name", ["../../escaped.npy", "/tmp/escaped.npy", "..\\escaped.npy", "C:\\x.npy"])
def test_names_in_an_archive_lead_nowhere(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    file = save(folder / "t.npz", {name: header((1,)) + bytes(4)})
    assert features.read_npz(file)[name.removesuffix(".npy")].tolist() == [0]
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [file]


@pytest.mark.parametrize(
    ("limit", "value"), [("MOST_COLUMNS", 1), ("MOST_SAMPLES", 39), ("MOST_PARQUET_BYTES", 319)]
)
def test_a_parquet_file_above_a_limit_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    pq.write_table(pa.table({"label": [0, 1] * 20, "modality:x": [[1.0]] * 40}), tmp_path / "t.parquet")
    monkeypatch.setattr(parquet, limit, value)
    monkeypatch.setattr(pq, "read_table", None)
    with pytest.raises(InputError, match="has 40 rows of 2 columns in"):
        features.read_parquet(tmp_path / "t.parquet")


@pytest.fixture
def repeated(tmp_path: Path) -> Path:
    """A column of 48 texts of 1 MiB in a file that holds the text once."""
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * 48, pa.int32()), pa.array(["x" * 2**20]))
    file = tmp_path / "t.parquet"
    pq.write_table(pa.table({"label": [0] * 48, "group": texts}), file, store_schema=False)
    return file


def test_a_text_that_is_stored_once_counts_as_often_as_it_stands_there(
    repeated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert repeated.stat().st_size < 2**20
    parquet.require_modest_parquet(repeated)
    monkeypatch.setattr(parquet, "MOST_PARQUET_BYTES", 2**25)
    with pytest.raises(InputError, match=r"t\.parquet unpacks to more than 33554432 bytes: divide it"):
        parquet.require_modest_parquet(repeated)


def test_the_attempt_to_read_a_parquet_file_has_little_memory(
    repeated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "MOST_READER_BYTES", -2 * parquet.MOST_PARQUET_BYTES + 2**20)
    with pytest.raises(InputError, match=r"t\.parquet unpacks to more than"):
        parquet.require_modest_parquet(repeated)


def test_the_attempt_to_read_a_parquet_file_ends(repeated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "MOST_READING_SECONDS", 0.01)
    with pytest.raises(InputError, match=r"t\.parquet cannot be read as Parquet in 0\.01 s: divide it"):
        parquet.require_modest_parquet(repeated)


def test_a_parquet_file_without_rows_is_refused(tmp_path: Path) -> None:
    schema = pa.schema({"label": pa.int64(), "modality:x": pa.list_(pa.float32())})
    pq.write_table(schema.empty_table(), tmp_path / "t.parquet")
    with pytest.raises(InputError, match=r"has shape|holds no samples"):
        features.read(tmp_path / "t.parquet")


def test_columns_of_the_same_name_are_refused(tmp_path: Path) -> None:
    table = pa.table([pa.array([0]), pa.array([1])], names=["label", "label"])
    pq.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        features.read_parquet(tmp_path / "t.parquet")
