"""Parquet files are bounded and checked, and a process of its own reads them first."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from trainables.multimodal.data.adapters import features
from trainables.multimodal.data.tables import bounded_reading, parquet
from trainables.multimodal.errors import InputError


@pytest.mark.parametrize(("limit", "value"), [("MOST_COLUMNS", 1), ("MOST_SAMPLES", 39)])
def test_a_parquet_file_above_a_limit_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    pq.write_table(pa.table({"label": [0, 1] * 20, "modality:x": [[1.0]] * 40}), tmp_path / "t.parquet")
    monkeypatch.setattr(parquet, limit, value)
    monkeypatch.setattr(parquet, "_columns", None)
    assert parquet.read_all(tmp_path / "t.parquet").nbytes == 0
    with pytest.raises(InputError, match="has 40 rows of 2 columns, and"):
        parquet.parquet_table(tmp_path / "t.parquet")


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
    parquet.parquet_table(repeated)
    monkeypatch.setattr(parquet, "MOST_PARQUET_BYTES", 2**25)
    with pytest.raises(InputError, match=r"t\.parquet unpacks to more than 33554432 bytes: divide it"):
        parquet.parquet_table(repeated)


def test_the_attempt_to_read_a_parquet_file_has_little_memory(
    repeated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "MOST_READER_BYTES", -2 * parquet.MOST_PARQUET_BYTES + 2**20)
    with pytest.raises(InputError, match=r"t\.parquet unpacks to more than"):
        parquet.parquet_table(repeated)


def test_the_attempt_to_read_a_parquet_file_ends(repeated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_reading, "MOST_READING_SECONDS", 0.01)
    with pytest.raises(InputError, match=r"t\.parquet cannot be read as Parquet in 0\.01 s: divide it"):
        parquet.parquet_table(repeated)


def test_a_parquet_file_without_rows_is_refused(tmp_path: Path) -> None:
    schema = pa.schema({"label": pa.int64(), "modality:x": pa.list_(pa.float32())})
    pq.write_table(schema.empty_table(), tmp_path / "t.parquet")
    with pytest.raises(InputError, match=r"has shape|holds no samples"):
        features.read(tmp_path / "t.parquet")


def test_columns_of_the_same_name_are_refused(tmp_path: Path) -> None:
    table = pa.table([pa.array([0]), pa.array([1])], names=["label", "label"])
    pq.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        parquet.parquet_table(tmp_path / "t.parquet")
