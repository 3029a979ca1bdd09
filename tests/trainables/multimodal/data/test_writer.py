"""Writing a store: whole or not at all, and every unusable sample named."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from trainables.multimodal.data.source import Source
from trainables.multimodal.data.store import Arrays
from trainables.multimodal.data.writer import write_store
from trainables.multimodal.errors import InputError

Sources = Callable[..., Source]
Load = Callable[[int], Arrays]


def test_every_unusable_sample_is_named(toy_source: Sources, tmp_path: Path) -> None:
    def load(row: int) -> Arrays:
        raise InputError(f"file {row} is broken")

    with pytest.raises(InputError) as caught:
        write_store(toy_source(load=load), tmp_path / "store")
    assert all(f"s{row}: file {row} is broken" in str(caught.value) for row in range(12))


def test_the_refusal_says_how_to_leave_samples_out(
    toy_source: Sources, broken_load: Load, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"1 of 12 samples .* --skip-up-to 0\.084"):
        write_store(toy_source(load=broken_load), tmp_path / "store")


def test_skipped_samples_are_counted_in_the_manifest(
    toy_source: Sources, broken_load: Load, tmp_path: Path
) -> None:
    store = write_store(toy_source(load=broken_load), tmp_path / "store", skip_up_to=0.084)
    assert store.manifest["skipped"] == {"s5": "its file is broken"}
    assert "s5" not in store.ids
    assert store.groups == [f"g{row // 4}" for row in range(12) if row != 5]
    assert store.read("vector", [5])[0, 0] == 6


def test_no_more_than_the_stated_share_is_skipped(
    toy_source: Sources, broken_load: Load, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="cannot be used"):
        write_store(toy_source(load=broken_load), tmp_path / "store", skip_up_to=0.08)


def test_skipping_may_not_empty_a_part(toy_source: Sources, tmp_path: Path) -> None:
    def load(row: int) -> Arrays:
        if row > 8:
            raise InputError("gone")
        return {"vector": np.zeros(3, np.float32), "image": np.zeros((1, 2, 2), np.uint8)}

    with pytest.raises(InputError, match="split toy: its test part has no samples"):
        write_store(toy_source(load=load), tmp_path / "store", skip_up_to=1.0)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_refused(toy_source: Sources, tmp_path: Path, value: float) -> None:
    def load(row: int) -> Arrays:
        return {"vector": np.full(3, value, np.float32), "image": np.zeros((1, 2, 2), np.uint8)}

    with pytest.raises(InputError, match="s0: vector holds NaN or infinite numbers"):
        write_store(toy_source(load=load), tmp_path / "store")


def test_an_array_of_another_shape_is_refused(toy_source: Sources, tmp_path: Path) -> None:
    def load(row: int) -> Arrays:
        return {"vector": np.zeros(4, np.float32), "image": np.zeros((1, 2, 2), np.uint8)}

    with pytest.raises(InputError, match=r"vector is \[4\] float32 instead of \[3\] float32"):
        write_store(toy_source(load=load), tmp_path / "store")


@pytest.mark.parametrize("error", [InputError("broken"), KeyboardInterrupt(), RuntimeError("out of memory")])
def test_a_failure_leaves_nothing_behind(toy_source: Sources, tmp_path: Path, error: BaseException) -> None:
    def load(row: int) -> Arrays:
        raise error

    with pytest.raises(type(error)):
        write_store(toy_source(load=load), tmp_path / "out" / "store")
    assert list((tmp_path / "out").iterdir()) == []


def test_an_existing_folder_is_never_touched(toy_source: Sources, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    with pytest.raises(InputError, match="exists already"):
        write_store(toy_source(), tmp_path)
    assert (tmp_path / "precious").read_text() == "mine"


def test_source_files_are_in_the_manifest_with_their_checksum(toy_source: Sources, tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    file.write_bytes(b"")
    store = write_store(toy_source(files=[file]), tmp_path / "store")
    assert store.manifest["sources"] == {
        "table.csv": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    }


def test_progress_is_told_after_every_sample(toy_source: Sources, tmp_path: Path) -> None:
    calls: list[None] = []
    write_store(toy_source(), tmp_path / "store", advance=lambda: calls.append(None))
    assert len(calls) == 12


@pytest.mark.parametrize("name", ["../../x", "/etc/passwd", "a/../../b", "..\\x", "", "a\nb"])
def test_ids_that_leave_a_folder_are_refused(toy_source: Sources, name: str) -> None:
    with pytest.raises(InputError, match="rename the sample"):
        toy_source(ids=[name, *(f"s{row}" for row in range(1, 12))])


def test_duplicate_ids_are_named(toy_source: Sources) -> None:
    with pytest.raises(InputError, match="duplicate id: s3"):
        toy_source(ids=[f"s{min(row, 3)}" for row in range(12)])


def test_zero_samples_are_refused(toy_source: Sources) -> None:
    with pytest.raises(InputError, match="holds no samples of toy"):
        toy_source(ids=[], labels=np.zeros(0, np.int64), groups=[], splits={"toy": []})


def test_a_default_split_without_one_class_is_refused(toy_source: Sources) -> None:
    with pytest.raises(InputError, match="split toy: its validation part has no sample of class yes"):
        toy_source(labels=np.array([0, 1, 0, 1, 0, 1, 0, 0, 0, 0, 1, 0]))


def test_an_unknown_default_split_is_refused(toy_source: Sources) -> None:
    with pytest.raises(InputError, match="unknown split dnr: toy offers toy"):
        toy_source().with_default_split("dnr")
