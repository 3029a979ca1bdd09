"""The generic adapter: npz and Parquet files of a user's own features."""

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from trainables.multimodal.data import source as sources
from trainables.multimodal.data.adapters import features
from trainables.multimodal.data.preparing.writer import write_store
from trainables.multimodal.data.tables import npz
from trainables.multimodal.errors import InputError

pytestmark = pytest.mark.usefixtures("read_here")
COUNT = 40


def arrays(**changes: Any) -> dict[str, Any]:
    draw = np.random.default_rng(0)
    table = {
        "modality:text": draw.normal(size=(COUNT, 5)),
        "modality:sound": draw.normal(size=(COUNT, 4, 3)).astype(np.float32),
        "label": np.array(["yes", "no"] * (COUNT // 2)),
    }
    return {name: array for name, array in {**table, **changes}.items() if array is not None}


def save(root: Path, **changes: Any) -> Path:
    np.savez(root / "table.npz", **arrays(**changes))
    return root


@pytest.mark.parametrize(
    "changes",
    [{"label": np.full(COUNT, 0.5)}, {"modality:text": np.full((COUNT, 2), "x")}, {"id": np.zeros(COUNT)}],
)
def test_every_refusal_names_the_file(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"table\.npz: (label|modality:text|duplicate)"):
        features.read(save(tmp_path, **changes))


def test_npz_arrays_become_modalities(tmp_path: Path) -> None:
    store = write_store(features.read(save(tmp_path)), tmp_path / "store")
    assert {name: m.shape for name, m in store.modalities.items()} == {"text": (5,), "sound": (4, 3)}
    np.testing.assert_array_equal(
        store.read("text", range(COUNT)), arrays()["modality:text"].astype(np.float32)
    )


def test_parquet_columns_become_the_same_modalities(tmp_path: Path) -> None:
    table = arrays(id=np.array([f"clip {row}" for row in range(COUNT)]))
    columns = {name: pa.array(array.tolist()) for name, array in table.items()}
    pq.write_table(pa.table(columns), tmp_path / "table.parquet")
    source = features.read(tmp_path / "table.parquet")
    assert source.ids[7] == "clip 7"
    np.testing.assert_allclose(source.load(7)["sound"], table["modality:sound"][7])
    np.testing.assert_allclose(source.load(7)["text"], table["modality:text"][7].astype(np.float32))


def test_classes_are_the_sorted_labels(tmp_path: Path) -> None:
    source = features.read(save(tmp_path))
    assert (source.classes, source.labels[:2].tolist()) == (("no", "yes"), [1, 0])


def test_numbers_as_labels_keep_their_order(tmp_path: Path) -> None:
    source = features.read(save(tmp_path, label=np.array([10, 9] * (COUNT // 2))))
    assert source.classes == ("9", "10")


@pytest.mark.parametrize("kind", ["S", "U", "parquet"])
def test_a_long_label_is_refused_and_stretches_no_other(tmp_path: Path, kind: str) -> None:
    labels = ["yes", "no"] * COUNT
    labels[5] = "n" * (1_000_000 if kind == "parquet" else 256)
    if kind == "parquet":
        table = {"label": labels, "modality:x": np.ones((len(labels), 1)).tolist()}
        pq.write_table(pa.table(table), tmp_path / "table.parquet")
    else:
        one = np.ones((len(labels), 1))
        np.savez(tmp_path / "table.npz", **{"label": np.array(labels, dtype=kind), "modality:x": one})
    tracemalloc.start()
    with pytest.raises(InputError, match=r"table\.\w+: label of row 5 has \d+ characters, and 255 are"):
        features.read(tmp_path)
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


def test_labels_of_bytes_are_text(tmp_path: Path) -> None:
    source = features.read(save(tmp_path, label=np.array([b"yes", b"no"] * (COUNT // 2))))
    assert (source.classes, source.labels[:2].tolist()) == (("no", "yes"), [1, 0])
    with pytest.raises(InputError, match=r"table\.npz: label holds bytes that are no text"):
        features.read(save(tmp_path, label=np.array([b"yes", b"\xff"] * (COUNT // 2))))


def test_groups_are_kept_apart(tmp_path: Path) -> None:
    groups = np.arange(COUNT) // 4
    source = features.read(save(tmp_path, group=groups))
    assert source.default_split == "actor-disjoint"
    assert len(set(zip(groups, source.splits["actor-disjoint"], strict=True))) == 10


FOLDS = range(1, 6)


def test_without_groups_the_split_is_stratified_and_so_are_its_folds(tmp_path: Path) -> None:
    splits = features.read(save(tmp_path)).splits
    assert list(splits) == ["stratified", *(f"stratified-{number}" for number in FOLDS)]


def test_groups_have_folds_where_each_part_holds_every_class(tmp_path: Path) -> None:
    groups = np.arange(COUNT) // 4
    splits = features.read(save(tmp_path, group=groups)).splits
    assert list(splits) == ["actor-disjoint", *(f"actor-disjoint-{number}" for number in FOLDS)]
    of_one_class = features.read(save(tmp_path, group=groups, label=groups % 2)).splits
    assert list(of_one_class) == ["actor-disjoint"]


TEN = np.arange(COUNT) // 4
SEVERAL = {"label:a": np.arange(COUNT) > 3, "label:b": np.arange(COUNT) > 20, "label": None}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"group": TEN, "label": TEN % 2}, "5 folds of the groups would leave a part without class 0, so "),
        ({"group": np.arange(COUNT) % 4}, "4 groups are too few for 5 folds, so there are none, and one "),
        ({"label": np.arange(COUNT) < 4}, "4 samples of class True are too few for 5 folds, so there are "),
        (SEVERAL, "4 samples without a class are too few for 5 folds"),
        ({**SEVERAL, "label:c": np.arange(COUNT) < 4}, "4 samples whose rarest is class c are too few for "),
    ],
)
def test_data_without_folds_say_why(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    source = features.read(save(tmp_path, **change))
    assert len(source.splits) == 1
    assert source.note.startswith(said)


@pytest.mark.parametrize(
    "change", [{}, {"group": TEN}, {"group": TEN, "split": np.array(["train", "val", "test", "train"] * 10)}]
)
def test_data_with_folds_or_a_given_split_say_nothing_of_them(tmp_path: Path, change: dict[str, Any]) -> None:
    assert "folds" not in features.read(save(tmp_path, **change)).note


def test_a_given_split_is_not_replaced_by_folds_of_groups(tmp_path: Path) -> None:
    parts = np.array(["train", "val", "test", "train"] * (COUNT // 4))
    splits = features.read(save(tmp_path, group=np.arange(COUNT) // 4, split=parts)).splits
    assert list(splits) == ["given", "actor-disjoint"]


@pytest.mark.parametrize("dtype", ["uint8", "float16", "float32"])
def test_small_types_are_kept(tmp_path: Path, dtype: str) -> None:
    source = features.read(save(tmp_path, **{"modality:text": np.ones((COUNT, 2), dtype)}))
    assert source.modalities["text"].dtype == dtype


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"label": None}, "needs `label`"),
        ({"modality:text": None, "modality:sound": None}, "at least one `modality:<name>`"),
        ({"modality:text": np.zeros((COUNT - 1, 5))}, r"modality:text has shape \(39, 5\)"),
        ({"modality:text": np.zeros(COUNT)}, r"modality:text has shape \(40,\): expected"),
        ({"modality:text": np.zeros((COUNT, 0))}, r"modality:text has shape \(40, 0\): expected"),
        ({"modality:text": np.array([["a"]] * COUNT)}, "modality:text holds <U1, not numbers"),
        ({"label": np.eye(2)[np.arange(COUNT) % 2]}, r"label has shape \(40, 2\): .*argmax"),
        ({"label": np.zeros((COUNT, 1, 1))}, r"label has shape \(40, 1, 1\)"),
        ({"label": np.float64(3)}, r"label has shape \(\)"),
        ({"id": np.array("a")}, r"id has shape \(\)"),
        ({"group": np.zeros((COUNT, 2))}, r"group has shape \(40, 2\): save one entry per sample"),
        ({"modality:text": np.array(1.0)}, r"modality:text has shape \(\)"),
        ({"id": np.arange(COUNT + 1)}, r"id has shape \(41,\), which does not fit the 40 rows of label"),
        ({"group": np.zeros(3)}, r"group has shape \(3,\)"),
        ({"label": np.where(np.arange(COUNT) == 3, np.nan, 1)}, "label of row 3 is nan"),
        ({"label": np.where(np.arange(COUNT) == 3, np.inf, 1)}, "label of row 3 is inf"),
        ({"label": np.where(np.arange(COUNT) == 3, "", "a")}, "label of row 3 is empty"),
        ({"group": np.where(np.arange(COUNT) == 3, np.nan, 1)}, "group of row 3 is NaN"),
        (
            {"split": np.array(["train", "later"] * (COUNT // 2))},
            "split of row 1 is 'later': it must",
        ),
        ({"value": np.where(np.arange(COUNT) == 3, np.nan, 1)}, "value of row 3 is nan"),
        ({"value": np.array(["a"] * COUNT)}, "value holds <U1: expected numbers"),
        ({"value": np.arange(COUNT) + 1}, r"value lies in 1\.\.40, and zero must lie inside"),
        ({"label": np.linspace(0, 1, COUNT)}, "expected whole numbers or text"),
        ({"id": np.array(["same"] * COUNT)}, "duplicate id: same"),
        ({"id": np.array(["../../x", *map(str, range(COUNT - 1))])}, "leaves its folder"),
    ],
)
def test_a_table_that_cannot_be_right_is_refused(
    tmp_path: Path, change: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint):
        features.read(save(tmp_path, **change))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"label": np.array(["once"] + ["often"] * (COUNT - 1))}, "no sample of class once"),
    ],
)
def test_a_table_that_cannot_be_split_is_refused_unless_another_split_is_asked_for(
    tmp_path: Path, change: dict[str, Any], complaint: str
) -> None:
    source = features.read(save(tmp_path, **change))
    with pytest.raises(InputError, match=complaint):
        source.with_default_split(source.default_split)


def test_zero_rows_are_refused(tmp_path: Path) -> None:
    empty = {"modality:text": np.zeros((0, 5)), "modality:sound": None, "label": np.zeros(0, np.int64)}
    with pytest.raises(InputError, match="holds no samples"):
        features.read(save(tmp_path, **empty))


def test_features_that_are_not_finite_are_named_by_id(tmp_path: Path) -> None:
    text = arrays()["modality:text"]
    text[[3, 8], 1] = np.nan, np.inf
    with pytest.raises(InputError, match=r"(?s)2 of 40 samples .*3: text holds NaN.*8: text holds NaN"):
        write_store(features.read(save(tmp_path, **{"modality:text": text})), tmp_path / "store")


def test_pickled_objects_are_never_loaded(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="label holds Python objects"):
        features.read(save(tmp_path, label=np.array([{"a": 1}] * COUNT, dtype=object)))


@pytest.mark.parametrize("name", ["id", "label", "group", "split", "modality:text", "present:text"])
def test_text_as_objects_is_named_with_what_to_do(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=rf"{name} holds Python .* as text: array\.astype\(str\)"):
        features.read(save(tmp_path, **{name: np.array(["a"] * COUNT, dtype=object)}))


@pytest.mark.parametrize("name", ["table.npz", "table.parquet"])
@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04 cut short", b"version https://git-lfs.github.com/spec/v1\n"]
)
def test_a_broken_file_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=r"is empty|cut short|cannot be read|git lfs pull"):
        features.read(tmp_path)


def test_a_damaged_member_is_refused(tmp_path: Path) -> None:
    save(tmp_path)
    content = bytearray((tmp_path / "table.npz").read_bytes())
    content[400] ^= 0xFF
    (tmp_path / "table.npz").write_bytes(content)
    with pytest.raises(InputError, match="cannot be read as npz"):
        features.read(tmp_path)


def test_lists_of_different_lengths_are_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"modality:a": [[1.0], [1.0, 2.0]], "label": [0, 1]}), tmp_path / "t.parquet")
    with pytest.raises(InputError, match="column modality:a has lists of 2 different lengths"):
        features.read(tmp_path)


def test_empty_cells_are_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"modality:a": [[1.0], [None]], "label": [0, 1]}), tmp_path / "t.parquet")
    with pytest.raises(InputError, match="column modality:a has 1 empty cells"):
        features.read(tmp_path)


HELD = np.arange(COUNT) % 5 > 0


def write_parquet(root: Path, **changes: Any) -> Path:
    columns = {name: pa.array(array.tolist()) for name, array in arrays().items()}
    pq.write_table(pa.table({**columns, **changes}), root / "table.parquet")
    return root


def test_a_modality_may_be_absent_from_some_samples(tmp_path: Path) -> None:
    store = write_store(features.read(save(tmp_path, **{"present:text": HELD})), tmp_path / "store")
    assert store.present.keys() == {"text"}
    np.testing.assert_array_equal(store.present["text"], HELD)
    assert not store.read("text", np.flatnonzero(~HELD)).any()
    assert store.read("text", np.flatnonzero(HELD)).all()


def test_an_empty_parquet_cell_says_that_the_sample_lacks_the_modality(tmp_path: Path) -> None:
    cells = [
        cell if held else None for cell, held in zip(arrays()["modality:sound"].tolist(), HELD, strict=True)
    ]
    source = features.read(write_parquet(tmp_path, **{"modality:sound": pa.array(cells)}))
    np.testing.assert_array_equal(source.present["sound"], HELD)
    np.testing.assert_allclose(source.load(7)["sound"], arrays()["modality:sound"][7])


def test_npz_and_parquet_with_the_same_gaps_are_the_same_data(tmp_path: Path) -> None:
    cells = [
        cell if held else None for cell, held in zip(arrays()["modality:sound"].tolist(), HELD, strict=True)
    ]
    for name in ("npz", "parquet"):
        (tmp_path / name).mkdir()
    gaps = save(tmp_path / "npz", **{"present:sound": HELD})
    cut = write_parquet(
        tmp_path / "parquet", **{"modality:sound": pa.array(cells, pa.list_(pa.list_(pa.float32())))}
    )
    one, two = (write_store(features.read(root), root / "store") for root in (gaps, cut))
    assert one.digest == two.digest


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"present:text": np.ones(COUNT)}, r"present:text is float64 \[40\]: it must say true or false"),
        ({"present:text": np.ones(COUNT - 1, bool)}, r"present:text is bool \[39\]"),
        ({"present:smell": np.ones(COUNT, bool)}, "holds present:smell, but no modality:smell"),
    ],
)
def test_a_mask_that_cannot_be_right_is_refused(
    tmp_path: Path, change: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint):
        features.read(save(tmp_path, **change))


def test_a_mask_beside_empty_cells_is_refused(tmp_path: Path) -> None:
    cells = [[0.0], *[None] * (COUNT - 1)]
    write_parquet(tmp_path, **{"modality:a": pa.array(cells), "present:a": pa.array([True] * COUNT)})
    with pytest.raises(InputError, match="modality:a has empty cells, and there is a column present:a"):
        features.read(tmp_path)


def test_a_sample_that_lacks_every_modality_is_named(tmp_path: Path) -> None:
    held = np.arange(COUNT) != 3
    source = features.read(save(tmp_path, **{"present:text": held, "present:sound": held}))
    with pytest.raises(InputError, match=r"(?s)1 of 40 samples .*3: it has none of the modalities"):
        write_store(source, tmp_path / "store")


def test_what_copying_leaves_is_no_second_file(tmp_path: Path) -> None:
    save(tmp_path)
    for name in ("._table.npz", "table (1).npz", "table - Copy.npz", ".~lock.table.npz", "table.npz.part"):
        (tmp_path / name).write_bytes(b"")
    assert features.read(tmp_path).files == [tmp_path / "table.npz"]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no npz or Parquet file or folder"):
        features.read(tmp_path / "nowhere")


@pytest.mark.parametrize("dtype", ["float64", "int8"])
def test_a_table_is_not_held_whatever_its_type(
    tmp_path: Path, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(npz, "MOST_BLOCK_BYTES", 2**16)
    table = np.ones((64, 2**14), dtype)
    np.savez(tmp_path / "t.npz", label=np.arange(64) % 2, **{"modality:x": table})
    tracemalloc.start()
    source = features.read(tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < table.nbytes / 4 + 2**20
    assert source.in_memory
    assert (source.load(3)["x"].dtype, source.modalities["x"].dtype) == (np.float32, "float32")


def test_too_many_rows_are_refused_before_their_labels_are_sorted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "MOST_SAMPLES", 39)
    monkeypatch.setattr(features, "classes_of", None)
    np.savez(tmp_path / "t.npz", label=np.arange(40) % 2, **{"modality:x": np.ones((40, 2))})
    with pytest.raises(InputError, match=r"t\.npz holds 40 samples, and 39 are the limit"):
        features.read(tmp_path)
