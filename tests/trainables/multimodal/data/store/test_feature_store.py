"""The feature store: what was written is what is read, and nothing else is accepted."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from trainables.multimodal.data.preparing import shards, verify
from trainables.multimodal.data.preparing.writer import write_store
from trainables.multimodal.data.source import Source
from trainables.multimodal.data.store import manifest as manifests
from trainables.multimodal.data.store.feature_store import TOGETHER, FeatureStore, Modality
from trainables.multimodal.data.store.manifest import FILE
from trainables.multimodal.errors import InputError

Sources = Callable[..., Source]


@pytest.fixture
def store(toy_source: Sources, tmp_path: Path) -> FeatureStore:
    return write_store(toy_source(), tmp_path / "store")


def test_what_was_written_is_what_is_read(store: FeatureStore) -> None:
    assert (store.name, store.classes, store.default_split, store.is_sample) == (
        "toy",
        ("no", "yes"),
        "toy",
        False,
    )
    assert store.ids[3] == "s3"
    assert store.groups is not None
    assert store.groups[5] == "g1"
    assert store.labels.tolist() == [0, 1] * 6
    assert store.recipe == {"name": "toy", "size": 2}


def test_rows_come_in_the_order_asked_for(store: FeatureStore) -> None:
    assert store.read("vector", [7, 2]).tolist() == [[7, 8, 9], [2, 3, 4]]


def test_rows_are_gathered_across_files(
    toy_source: Sources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "MOST_SHARD_BYTES", 5 * 16)  # five samples of 12 + 4 bytes
    store = write_store(toy_source(), tmp_path / "store")
    assert [file["name"] for file in store.manifest["files"]] == [
        f"samples-{n:07d}.arrow" for n in (0, 5, 10)
    ]
    assert store.read("image", [11, 0, 4, 5])[:, 0, 0, 0].tolist() == [11, 0, 4, 5]


def test_reading_gives_a_copy(store: FeatureStore) -> None:
    store.read("vector", [0])[:] = -1
    assert store.read("vector", [0]).tolist() == [[0, 1, 2]]


@pytest.mark.parametrize("row", [-1, 12])
def test_a_row_that_does_not_exist_is_an_error(store: FeatureStore, row: int) -> None:
    with pytest.raises(IndexError, match=r"0\.\.11"):
        store.read("vector", [row])


def test_a_modality_keeps_its_scale(toy_source: Sources, tmp_path: Path) -> None:
    scaled = Modality("image", (1, 2, 2), "uint8", (127.5,), (0.1,))
    source = toy_source(modalities={"image": scaled})
    assert write_store(source, tmp_path / "store").modalities == {"image": scaled}


def test_default_names_the_split_of_the_store(store: FeatureStore) -> None:
    assert store.split()["test"].tolist() == store.split("toy")["test"].tolist() == [9, 10, 11]


def test_an_unknown_split_is_named_with_the_known_ones(store: FeatureStore) -> None:
    with pytest.raises(InputError, match=r"unknown split official: .* offers toy"):
        store.split("official")


@pytest.mark.parametrize(
    "change",
    [
        {"recipe": {"name": "toy", "size": 3}},
        {"classes": ("nein", "ja")},
        {"ids": [f"t{row}" for row in range(12)]},
        {"labels": (np.arange(12) + 1) % 2},
        {"groups": None},
        {"splits": {"toy": ["test"] * 3 + ["train"] * 6 + ["validation"] * 3}},
        {"load": lambda row: {"vector": np.zeros(3, np.float32), "image": np.zeros((1, 2, 2), np.uint8)}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_digest_covers(
    change: dict[str, object], toy_source: Sources, store: FeatureStore, tmp_path: Path
) -> None:
    assert write_store(toy_source(**change), tmp_path / "other").digest != store.digest


def test_the_digest_does_not_cover_files_paths_and_names(
    toy_source: Sources, store: FeatureStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "MOST_SHARD_BYTES", 48)
    other = write_store(toy_source(name="twin"), tmp_path / "elsewhere" / "other")
    assert other.digest == store.digest


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no data folder"):
        FeatureStore.open(tmp_path / "nothing")


def test_a_file_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="there is no data folder"):
        FeatureStore.open(tmp_path / "file")


def test_a_folder_without_manifest_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no prepared store"):
        FeatureStore.open(tmp_path)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"format": 99}', b"\xff\xfe"])
def test_a_manifest_that_makes_no_sense_is_refused(store: FeatureStore, content: bytes) -> None:
    (store.path / FILE).write_bytes(content)
    with pytest.raises(InputError, match=r"manifest\.json"):
        FeatureStore.open(store.path)


def test_a_manifest_cannot_name_files_elsewhere(store: FeatureStore) -> None:
    store.manifest["files"][0]["name"] = "../store/samples-0000000.arrow"
    (store.path / FILE).write_text(json.dumps(store.manifest))
    with pytest.raises(InputError, match="outside its folder"):
        FeatureStore.open(store.path)


def test_a_file_of_another_time_is_noticed(store: FeatureStore) -> None:
    os.utime(store.path / "samples-0000000.arrow", ns=(1, 1))
    with pytest.raises(InputError, match=r"does not match its manifest.*study\.prepare --check"):
        FeatureStore.open(store.path)


def test_a_missing_file_is_named(store: FeatureStore) -> None:
    (store.path / "samples-0000000.arrow").unlink()
    with pytest.raises(InputError, match=r"lacks samples-0000000\.arrow"):
        FeatureStore.open(store.path)


def test_checking_a_copied_store_makes_it_usable(store: FeatureStore, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(store.path, tmp_path / "copy", copy_function=shutil.copyfile))
    os.utime(copy / "samples-0000000.arrow", ns=(1, 1))
    verify.verify(copy)
    assert FeatureStore.open(copy).digest == store.digest


def test_checking_finds_one_changed_byte(store: FeatureStore) -> None:
    change_a_byte(store.path / "samples-0000000.arrow", store.read("vector", [7]))
    with pytest.raises(InputError, match=r"is damaged \(samples-0000000\.arrow\)"):
        verify.verify(store.path)


def change_a_byte(file: Path, array: NDArray[Any]) -> None:
    """Change a stored array in its file, and neither size nor time of that."""
    content, status = bytearray(file.read_bytes()), file.stat()
    content[content.index(array.tobytes())] ^= 1
    file.write_bytes(content)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_the_first_reading_of_a_file_finds_a_byte_that_size_and_time_do_not_tell(
    toy_source: Sources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "MOST_SHARD_BYTES", 5 * 16)
    path = write_store(toy_source(), tmp_path / "store").path
    change_a_byte(path / "samples-0000005.arrow", np.arange(5, 8, dtype=np.float32))
    store = FeatureStore.open(path)
    assert store.read("vector", [4]).tolist() == [[4, 5, 6]]
    for modality, row in (("vector", 5), ("image", 9)):
        with pytest.raises(InputError, match=r"samples-0000005\.arrow on .* is damaged .*: restore it"):
            store.read(modality, [0, row])


def test_a_file_is_compared_with_its_checksum_once(
    store: FeatureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.read("vector", [0])
    monkeypatch.setattr(manifests, "crc32", None)
    for again in (store, FeatureStore.open(store.path)):
        assert again.read("vector", [1]).tolist() == [[1, 2, 3]]
        assert again.read("image", [1])[0, 0, 0, 0] == 1


@pytest.mark.parametrize(
    "change",
    [{"digest": "0" * 64}, {"dataset": "twin"}, {"samples": 11}, {"crc32": ""}, {"note": float("nan")}],
)
def test_a_changed_manifest_is_noticed_at_once(store: FeatureStore, change: dict[str, object]) -> None:
    written = json.loads((store.path / FILE).read_text())
    (store.path / FILE).write_text(json.dumps({**written, **change}))
    with pytest.raises(InputError, match=r"manifest\.json was changed or is damaged"):
        FeatureStore.open(store.path)


def test_a_manifest_without_a_checksum_is_read_as_before(store: FeatureStore) -> None:
    (store.path / FILE).write_text(json.dumps(store.manifest))
    assert FeatureStore.open(store.path).digest == store.digest


def test_a_manifest_of_another_count_is_refused(store: FeatureStore) -> None:
    manifests.write(store.path, {**store.manifest, "samples": 11})
    with pytest.raises(InputError, match="12 samples in place of the 11 of its manifest"):
        FeatureStore.open(store.path)


def test_checking_finds_a_changed_manifest(store: FeatureStore) -> None:
    store.manifest["classes"] = ["yes", "no"]
    (store.path / FILE).write_text(json.dumps(store.manifest))
    with pytest.raises(InputError, match="its digest is not that of the data"):
        verify.verify(store.path)


def test_a_manifest_of_other_columns_is_refused(store: FeatureStore) -> None:
    store.manifest["splits"].append("official")
    (store.path / FILE).write_text(json.dumps(store.manifest))
    with pytest.raises(InputError, match="is damaged"):
        FeatureStore.open(store.path)


def test_a_manifest_of_other_shapes_is_refused(store: FeatureStore) -> None:
    store.manifest["modalities"]["vector"]["shape"] = [6]
    (store.path / FILE).write_text(json.dumps(store.manifest))
    with pytest.raises(InputError, match="is damaged"):
        FeatureStore.open(store.path)


def test_a_note_on_the_data_is_kept_and_changes_no_digest(toy_source: Sources, tmp_path: Path) -> None:
    noted = write_store(toy_source(note="Mind the gap."), tmp_path / "noted")
    plain = write_store(toy_source(), tmp_path / "plain")
    assert (noted.note, plain.note) == ("Mind the gap.", "")
    assert noted.digest == plain.digest


def test_ceilings_are_kept_and_change_no_digest(toy_source: Sources, tmp_path: Path) -> None:
    known = write_store(toy_source(ceilings={"vector": 0.5, TOGETHER: 0.75}), tmp_path / "known")
    plain = write_store(toy_source(), tmp_path / "plain")
    assert (known.ceilings, plain.ceilings) == ({"vector": 0.5, "together": 0.75}, {})
    assert known.digest == plain.digest
