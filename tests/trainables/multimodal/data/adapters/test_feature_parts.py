"""Own features in several files, in blocks, and with what people write beside them."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from trainables.multimodal.data.adapters import features
from trainables.multimodal.data.adapters.feature_labels import part_named
from trainables.multimodal.data.preparing import shards, writer
from trainables.multimodal.data.preparing.verify import verify
from trainables.multimodal.data.preparing.writer import write_store
from trainables.multimodal.data.store.feature_store import FeatureStore, Quantity
from trainables.multimodal.data.tables import npz, parquet
from trainables.multimodal.errors import InputError

pytestmark = pytest.mark.usefixtures("read_here")
COUNT = 60
HELD = np.arange(COUNT) % 5 > 0
Write = Callable[..., Path]


def arrays(rows: slice = slice(None), **changes: Any) -> dict[str, Any]:
    draw = np.random.default_rng(0)
    table = {
        "modality:a": draw.normal(size=(COUNT, 6)).astype("f4"),
        "modality:b": draw.integers(0, 255, size=(COUNT, 2, 3), dtype="u1"),
        "label": np.arange(COUNT) % 3,
        "id": np.array([f"s{row}" for row in range(COUNT)]),
    }
    return {name: array[rows] for name, array in {**table, **changes}.items() if array is not None}


def save(file: Path, table: dict[str, Any]) -> None:
    file.parent.mkdir(exist_ok=True)
    if file.suffix == ".npz":
        np.savez_compressed(file, **table)
    else:
        columns = {name: pa.array(array.tolist()) for name, array in table.items()}
        columns["modality:b"] = columns["modality:b"].cast(pa.list_(pa.list_(pa.uint8())))
        columns["modality:a"] = columns["modality:a"].cast(pa.list_(pa.float32()))
        pq.write_table(pa.table(columns), file, row_group_size=17)


@pytest.fixture(params=["npz", "parquet"])
def suffix(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of a store end in the middle of blocks, and blocks in the middle of parts."""
    for module in (npz, parquet):
        monkeypatch.setattr(module, "MOST_BLOCK_BYTES", 7 * 24)
    monkeypatch.setattr(shards, "MOST_SHARD_SAMPLES", 16)


@pytest.mark.usefixtures("blocks")
def test_parts_make_the_store_that_one_file_makes(tmp_path: Path, suffix: str) -> None:
    save(tmp_path / "one" / f"all.{suffix}", arrays())
    for number, rows in enumerate((slice(0, 25), slice(25, 26), slice(26, COUNT))):
        save(tmp_path / "many" / f"part-{number}.{suffix}", arrays(rows))
    (tmp_path / "many" / f"._part-0.{suffix}").write_bytes(b"what macOS leaves behind")
    one, many = (
        write_store(features.read(tmp_path / name), tmp_path / f"{name}-store") for name in ("one", "many")
    )
    assert one.digest == many.digest
    assert list(many.manifest["sources"]) == [f"part-{number}.{suffix}" for number in range(3)]
    np.testing.assert_array_equal(many.read("b", range(COUNT)), arrays()["modality:b"])


def test_without_ids_rows_are_numbered_over_all_parts(tmp_path: Path, suffix: str) -> None:
    save(tmp_path / f"b.{suffix}", arrays(slice(40, None), id=None))
    save(tmp_path / f"a.{suffix}", arrays(slice(40), id=None))
    source = features.read(tmp_path)
    assert source.ids == [str(row) for row in range(COUNT)]
    assert source.labels.tolist() == (np.arange(COUNT) % 3).tolist()


def test_an_empty_part_adds_nothing(tmp_path: Path, suffix: str) -> None:
    save(tmp_path / f"a.{suffix}", arrays())
    if suffix == "npz":
        save(tmp_path / "b.npz", arrays(slice(0)))
    else:
        pq.write_table(pq.read_table(tmp_path / "a.parquet")[:0], tmp_path / "b.parquet")
    assert len(features.read(tmp_path).ids) == COUNT


MISFITS: dict[str, tuple[dict[str, Any], str]] = {
    "an array too few": ({"modality:b": None}, r"two\.npz lacks modality:b, which one\.npz has"),
    "an array too many": ({"group": np.arange(COUNT)}, r"one\.npz lacks group, which two\.npz has"),
    "another shape": (
        {"modality:a": np.ones((COUNT, 5))},
        r"modality:a .* \[5\] in two\.npz, and of \[6\] in one",
    ),
    "another axis": ({"modality:a": np.ones((COUNT, 6, 1))}, r"\[6, 1\] in two\.npz"),
    "the same ids": ({"id": np.arange(COUNT).astype("U")}, r"id 7 stands in one\.npz and in two\.npz"),
    "labels of text": (
        {"label": np.array(["a", "b", "c"] * 20)},
        r"label holds text in two\.npz, and numbers in one",
    ),
    "a bad label": ({"label": np.full(COUNT, 0.5)}, r"two\.npz: label of row 0 is 0\.5"),
    "lengths": ({"label": np.arange(COUNT - 1)}, r"two\.npz: id has shape \(60,\), .* 59 rows of label"),
}


@pytest.mark.parametrize(("changes", "told"), MISFITS.values(), ids=MISFITS.keys())
def test_parts_that_do_not_fit_are_refused_and_the_culprit_is_named(
    tmp_path: Path, changes: dict[str, Any], told: str
) -> None:
    one = {"id": np.array([f"{row}" if row == 7 else f"one{row}" for row in range(COUNT)])}
    save(tmp_path / "one.npz", arrays(**one))
    save(tmp_path / "two.npz", arrays(**{"id": np.array([f"two{row}" for row in range(COUNT)]), **changes}))
    with pytest.raises(InputError, match=told):
        features.read(tmp_path)


def test_files_of_both_kinds_may_be_the_same_data(tmp_path: Path) -> None:
    save(tmp_path / "a.npz", arrays())
    save(tmp_path / "a.parquet", arrays())
    with pytest.raises(InputError, match="npz and Parquet files, which may be the same data twice: name one"):
        features.read(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no npz or Parquet files"):
        features.read(tmp_path / "empty")


@pytest.mark.parametrize("types", [("f4", "f8"), ("u1", "f4"), ("f8", "f8")])
def test_parts_of_several_types_become_float32(tmp_path: Path, types: tuple[str, str]) -> None:
    for name, kind, rows in zip("ab", types, (slice(30), slice(30, None)), strict=True):
        save(tmp_path / f"{name}.npz", arrays(rows, **{"modality:a": np.ones((COUNT, 2), kind)}))
    assert features.read(tmp_path).modalities["a"].dtype == "float32"


def test_a_modality_that_a_part_lacks_altogether(tmp_path: Path) -> None:
    for name, rows in (("a", slice(30)), ("b", slice(30, None))):
        table = {name: pa.array(array.tolist()) for name, array in arrays(rows).items()}
        if name == "b":
            table["modality:a"] = pa.array([None] * 30, pa.list_(pa.float32()))
        pq.write_table(pa.table(table), tmp_path / f"{name}.parquet")
    store = write_store(features.read(tmp_path), tmp_path / "store")
    assert store.present["a"].tolist() == [True] * 30 + [False] * 30


def test_rows_are_found_in_any_order_and_in_another_process(tmp_path: Path, suffix: str) -> None:
    save(tmp_path / f"a.{suffix}", arrays(slice(20)))
    save(tmp_path / f"b.{suffix}", arrays(slice(20, None)))
    load = pickle.loads(pickle.dumps(features.read(tmp_path).load))
    for row in (59, 0, 20, 19, 19):
        np.testing.assert_array_equal(load(row)["a"], arrays()["modality:a"][row])


def test_an_array_stored_by_columns_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    turned = np.asfortranarray(arrays()["modality:a"])
    save(tmp_path / "t.npz", arrays(**{"modality:a": turned}))
    np.testing.assert_array_equal(features.read(tmp_path).load(7)["a"], turned[7])
    monkeypatch.setattr(npz, "MOST_ARCHIVE_BYTES", 1000)
    with pytest.raises(InputError, match=r"modality:a is held in memory.*np\.ascontiguousarray"):
        features.read(tmp_path)


def test_what_the_disk_cannot_hold_is_refused_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path / "t.npz", arrays(**{"modality:a": np.zeros((COUNT, 2**14))}))
    source = features.read(tmp_path)
    usage = writer.shutil.disk_usage(tmp_path)._replace(free=2**21)
    monkeypatch.setattr(writer.shutil, "disk_usage", lambda place: usage)
    with pytest.raises(InputError, match=r"the store needs 4 MiB, and .* has 2 MiB of room: choose another"):
        write_store(source, tmp_path / "deep" / "store")
    assert [file.name for file in tmp_path.iterdir()] == ["t.npz"]


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize("packing", [npz.zipfile.ZIP_STORED, npz.zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.999])
def test_damage_in_any_block_is_found_before_any_work(tmp_path: Path, packing: int, share: float) -> None:
    with npz.zipfile.ZipFile(tmp_path / "t.npz", "w", packing) as archive:
        for name, array in arrays().items():
            with archive.open(f"{name}.npy", "w") as stream:
                np.save(stream, array)
        member = archive.getinfo("modality:a.npy")
    content = bytearray((tmp_path / "t.npz").read_bytes())
    first = member.header_offset + 30 + len(member.filename) + 130  # behind the headers of zip and npy
    last = member.header_offset + 30 + len(member.filename) + member.compress_size - 1
    content[int(first + share * (last - first))] ^= 0x10
    (tmp_path / "t.npz").write_bytes(content)
    with pytest.raises(InputError, match=r"t\.npz cannot be read as npz"):
        features.read(tmp_path)


def test_a_method_of_packing_that_numpy_does_not_know_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "t.npz", arrays())
    with npz.zipfile.ZipFile(tmp_path / "t.npz") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with npz.zipfile.ZipFile(tmp_path / "t.npz", "w", npz.zipfile.ZIP_BZIP2) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(InputError, match="save it anew"):
        features.read(tmp_path)


LABELS: dict[str, np.ndarray] = {
    "a column": (np.arange(COUNT) % 3)[:, None],
    "whole floats": (np.arange(COUNT) % 3) * 1.0,
    "whole halves": ((np.arange(COUNT) % 3) * 1.0).astype("f2"),
    "unsigned": (np.arange(COUNT) % 3).astype("u1"),
    "text": np.array(["0", "1", "2"] * 20),
    "bytes": np.array([b"0", b"1", b"2"] * 20),
    "a column of text": np.array(["0", "1", "2"] * 20)[:, None],
}


@pytest.mark.parametrize("label", LABELS.values(), ids=LABELS.keys())
def test_labels_are_the_same_however_they_are_written(tmp_path: Path, label: np.ndarray, suffix: str) -> None:
    if suffix == "parquet" and label.dtype == np.float16:
        pytest.skip("pyarrow makes no column of such a list")
    save(tmp_path / f"t.{suffix}", arrays(label=label))
    source = features.read(tmp_path)
    assert (source.classes, source.labels.tolist()) == (("0", "1", "2"), (np.arange(COUNT) % 3).tolist())


def test_negative_labels_are_classes(tmp_path: Path) -> None:
    save(tmp_path / "t.npz", arrays(label=np.where(np.arange(COUNT) % 2, 1.0, -1.0)))
    assert features.read(tmp_path).classes == ("-1", "1")


@pytest.mark.parametrize("groups", [1, 2])
def test_too_few_groups_are_refused_unless_a_split_is_given(tmp_path: Path, groups: int) -> None:
    few = {"group": np.arange(COUNT) % groups}
    save(tmp_path / "t.npz", arrays(**few))
    with pytest.raises(InputError, match=rf"{groups} groups?, and a split needs 3: leave `group` out or add"):
        features.read(tmp_path)
    save(tmp_path / "t.npz", arrays(**few, split=np.array(["train", "val", "test"] * 20)))
    assert list(features.read(tmp_path).splits) == ["given"]


def test_three_groups_are_enough(tmp_path: Path) -> None:
    save(tmp_path / "t.npz", arrays(group=np.arange(COUNT) // 20))
    source = features.read(tmp_path)
    source.require_split(source.default_split)


NAMES = [
    ("train", "validation"),
    ("TRAIN", "valid"),
    (" Train", "val"),
    ("training", "dev"),
    (b"train", b"dev"),
]


@pytest.mark.parametrize(("train", "validation"), NAMES)
def test_the_given_split_is_the_default(tmp_path: Path, train: Any, validation: Any, suffix: str) -> None:
    test = b"test" if isinstance(train, bytes) else "test"
    save(tmp_path / f"t.{suffix}", arrays(split=np.repeat([train, validation, test], 20)))
    store = write_store(features.read(tmp_path), tmp_path / "store")
    assert store.default_split == "given"
    assert store.parts("given") == ["train"] * 20 + ["validation"] * 20 + ["test"] * 20
    assert store.policies == ("given", "stratified")


@pytest.mark.parametrize("group", [None, np.arange(COUNT) // 2])
def test_a_given_split_without_validation_gets_one_from_training(tmp_path: Path, group: Any) -> None:
    save(tmp_path / "t.npz", arrays(split=np.array(["train"] * 48 + ["test"] * 12), group=group))
    parts = features.read(tmp_path).splits["given"]
    assert 3 <= parts[:48].count("validation") <= 6
    assert parts[48:] == ["test"] * 12


def test_what_was_decided_about_a_given_split_is_told(tmp_path: Path) -> None:
    parts = np.array(["train"] * 40 + ["test"] * 20)
    save(tmp_path / "t.npz", arrays(split=parts, group=np.array([f"g{row // 8}" for row in range(COUNT)])))
    assert features.read(tmp_path).note == (
        "the given split has no validation part: a tenth of the groups that train is taken for it."
    )
    save(tmp_path / "t.npz", arrays(split=parts, group=np.array([f"g{row // 7}" for row in range(COUNT)])))
    assert "has 1 of 9 groups in more than one part, such as g5: what is" in features.read(tmp_path).note
    save(tmp_path / "t.npz", arrays(split=np.repeat(["train", "val", "test"], 20), group=np.arange(COUNT)))
    assert features.read(tmp_path).note == ""


@pytest.mark.parametrize(("kept", "lacking"), [(("train", "val"), "test"), (("val", "test"), "train")])
def test_a_given_split_without_a_part_is_refused(tmp_path: Path, kept: Any, lacking: str) -> None:
    save(tmp_path / "t.npz", arrays(split=np.repeat(kept, 30)))
    with pytest.raises(InputError, match=f"split given: its {lacking} part has no samples; choose another"):
        write_store(features.read(tmp_path), tmp_path / "store")


def save_parts(folder: Path, suffix: str, **rows: slice) -> None:
    for name, part in rows.items():
        save(folder / f"{name}.{suffix}", arrays(part))


IN_ORDER = {"test": slice(0, 12), "train": slice(12, 48), "valid": slice(48, 60)}
"""As files are read: by their names."""


def test_files_that_are_named_after_parts_are_the_split(tmp_path: Path, suffix: str) -> None:
    save_parts(tmp_path, suffix, **IN_ORDER)
    store = write_store(features.read(tmp_path), tmp_path / "store")
    assert store.default_split == "given"
    assert store.parts("given") == ["test"] * 12 + ["train"] * 36 + ["validation"] * 12
    assert store.ids == [f"s{row}" for row in range(COUNT)]


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("train-00000-of-00002", "train"),
        ("My_Dev_set", "validation"),
        ("x.test.2", "test"),
        ("latest", ""),
        ("trainings", ""),
        ("train_and_test", ""),
        ("part-1", ""),
    ],
)
def test_a_part_is_a_whole_word_of_a_name(name: str, part: str) -> None:
    assert part_named(name) == part


def test_names_tell_no_split_where_all_are_shards_of_one_part(tmp_path: Path) -> None:
    save_parts(tmp_path / "shards", "npz", **{"train-0": slice(0, 30), "train-1": slice(30, 60)})
    assert features.read(tmp_path / "shards").default_split == "stratified"
    save(tmp_path / "alone" / "test.npz", arrays())
    assert features.read(tmp_path / "alone").default_split == "stratified"


def test_an_array_goes_before_names(tmp_path: Path) -> None:
    parts = np.repeat(["train", "val", "test"], 20)
    for name, rows in IN_ORDER.items():
        save(tmp_path / f"{name}.npz", arrays(rows, split=parts))
    assert features.read(tmp_path).splits["given"][:20] == ["train"] * 20


def test_a_file_beside_named_parts_that_tells_no_part_is_refused(tmp_path: Path) -> None:
    save_parts(tmp_path, "npz", test=slice(0, 30), more=slice(30, 60))
    with pytest.raises(InputError, match=r"test\.npz is named after a part of a split, and more\.npz is not"):
        features.read(tmp_path)


def test_what_lies_beside_the_tables_is_named(tmp_path: Path, suffix: str) -> None:
    save(tmp_path / f"t.{suffix}", arrays())
    for other in ("labels.csv", ".hidden", ".DS_Store", f"t (1).{suffix}"):
        (tmp_path / other).write_text("x")
    (tmp_path / "more").mkdir()
    told = "beside the tables in the source lie, and are not read: labels.csv, more."
    assert features.read(tmp_path).note == told
    assert features.read(tmp_path / f"t.{suffix}").note == ""


def test_without_labels_the_signs_of_values_are_the_classes(tmp_path: Path, suffix: str) -> None:
    save(tmp_path / f"t.{suffix}", arrays(label=None, value=np.linspace(-1, 1, COUNT + 1)[1:]))
    source = features.read(tmp_path)
    assert source.classes == ("negative", "positive")
    assert source.labels.tolist() == [0] * 29 + [1] * 31


def test_without_labels_values_tell_how_many_samples_there_are(tmp_path: Path) -> None:
    save(tmp_path / "t.npz", arrays(label=None, value=np.linspace(-1, 1, COUNT - 1)))
    with pytest.raises(InputError, match="does not fit the 59 rows of value"):
        features.read(tmp_path)


def test_a_value_is_what_a_regression_predicts(tmp_path: Path, suffix: str) -> None:
    value = np.linspace(-2.5, 1.5, COUNT)
    save(tmp_path / f"t.{suffix}", arrays(value=value))
    store = write_store(features.read(tmp_path), tmp_path / "store")
    assert store.quantity == Quantity("value", -3, 2)
    np.testing.assert_allclose(store.values, value, rtol=1e-6)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["Split", "splits", "GROUP", " id"])
def test_another_spelling_of_what_is_read_is_refused(tmp_path: Path, name: str) -> None:
    meant = name.strip().lower().removesuffix("s")
    save(tmp_path / "t.npz", arrays(**{"id": None, name: np.arange(COUNT)}))
    with pytest.raises(InputError, match=rf"t\.npz: it holds {name}, and no {meant}: rename it to {meant}"):
        features.read(tmp_path)


def test_arrays_that_are_not_used_are_named(tmp_path: Path, suffix: str) -> None:
    extra = {"lable": np.arange(COUNT), "modalty:x": np.ones(COUNT)}
    save(tmp_path / f"t.{suffix}", arrays(**extra))
    assert "not used: lable, modalty:x." in features.read(tmp_path).note
    plain = arrays()
    save(tmp_path / f"t.{suffix}", plain)
    assert features.read(tmp_path).note == ""


KEPT_DIGEST = "7b32ea9707253d20fd4e38aa9f9aaa61bca3a3cc9592f8b09b615fc4bcdf4ee4"
"""Digest of these arrays: as long as it is kept, a study goes on with a store that is prepared again."""


def test_the_digest_of_one_file_is_what_it_was(tmp_path: Path, suffix: str) -> None:
    save(
        tmp_path / f"t.{suffix}",
        arrays(**{"present:a": np.arange(COUNT) % 5 > 0}, group=np.arange(COUNT) // 5),
    )
    store = write_store(features.read(tmp_path), tmp_path / "store")
    assert FeatureStore.open(store.path).digest == KEPT_DIGEST


SETS = np.array([[0, 0, 0], [1, 0, 1], [1, 1, 0]])[np.arange(COUNT) % 3]
"""Several labels of each sample, or none."""


@pytest.mark.parametrize("kind", ["i8", "f4", "?"])
def test_a_sample_may_have_several_labels(tmp_path: Path, suffix: str, kind: str) -> None:
    save(tmp_path / f"t.{suffix}", arrays(label=SETS.astype(kind)))
    store = verify(write_store(features.read(tmp_path), tmp_path / "store").path)
    assert store.multilabel
    assert (store.classes, store.default_split) == (("0", "1", "2"), "stratified")
    np.testing.assert_array_equal(store.labels, SETS.astype(bool))
    for rows in store.split().values():
        assert store.labels[rows].any(axis=0).all()


def test_several_labels_may_have_names(tmp_path: Path, suffix: str) -> None:
    named = {f"label:{name}": column.astype(bool) for name, column in zip("zxy", SETS.T, strict=True)}
    save(tmp_path / f"t.{suffix}", arrays(label=None, **named))
    store = write_store(features.read(tmp_path), tmp_path / "store")
    assert (store.classes, store.note) == (("x", "y", "z"), "")
    np.testing.assert_array_equal(store.labels, SETS[:, [1, 2, 0]].astype(bool))


@pytest.mark.usefixtures("blocks")
def test_several_labels_stand_in_parts_too(tmp_path: Path, suffix: str) -> None:
    save(tmp_path / "one" / f"all.{suffix}", arrays(label=SETS))
    save(tmp_path / "two" / f"a.{suffix}", arrays(slice(0, 1), label=SETS[1:2].repeat(COUNT, axis=0)))
    save(tmp_path / "two" / f"b.{suffix}", arrays(slice(1, COUNT), label=SETS))
    one, two = (features.read(tmp_path / name) for name in ("one", "two"))
    np.testing.assert_array_equal(two.labels[1:], one.labels[1:])
    assert two.labels[0].tolist() == [True, False, True]


def test_folds_are_offered_where_each_part_has_every_label(tmp_path: Path) -> None:
    save(tmp_path / "t.npz", arrays(label=SETS))
    assert "stratified-5" in features.read(tmp_path).splits
    rare = np.column_stack([np.arange(COUNT) < 4, np.arange(COUNT) < 30])
    save(tmp_path / "t.npz", arrays(label=rare))
    assert list(features.read(tmp_path).splits) == ["stratified"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"label": 2 * SETS}, r"label has shape \(60, 3\) and not 0 and 1 alone: save one label per sample"),
        ({"label": np.eye(3)[np.arange(COUNT) % 3]}, r"of one-hot labels save array\.argmax\(axis=1\)"),
        ({"label:x": SETS[:, 0]}, "holds label:x: name all labels so, and leave `label` out"),
        (
            {"label": None, "label:x": SETS[:, 0], "label:y": SETS[:9, 1]},
            "label:y has 9 rows, and label:x 60",
        ),
        ({"label": None, "label:x": np.arange(COUNT)}, r"label:x has shape \(60,\) and not 0 and 1 alone"),
        ({"label": None, "label:x": SETS[1:, 0]}, "does not fit the 59 rows of label:x"),
    ],
)
def test_several_labels_that_cannot_be_right_are_refused(
    tmp_path: Path, changes: dict[str, Any], told: str
) -> None:
    save(tmp_path / "t.npz", arrays(**changes))
    with pytest.raises(InputError, match=told):
        features.read(tmp_path)


def test_parts_with_several_labels_and_one_are_no_set(tmp_path: Path) -> None:
    for name, rows, label in (("a", slice(0, 30), SETS), ("b", slice(30, 60), SETS[:, 0])):
        save(tmp_path / f"{name}.npz", arrays(rows, label=label))
    with pytest.raises(InputError, match=r"label holds numbers in b\.npz, and 3 labels per sample in a\.npz"):
        features.read(tmp_path)
