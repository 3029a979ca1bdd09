"""Stores of samples that come one by one: as of arrays, with one sample in memory, whole or not there."""

import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset

from trainables.multimodal.data import source as sources
from trainables.multimodal.data.own_arrays import store_from_arrays
from trainables.multimodal.data.own_samples import store_from_samples
from trainables.multimodal.data.preparing import shards
from trainables.multimodal.errors import InputError

pytestmark = pytest.mark.usefixtures("read_here")
COUNT = 60
DRAW = np.random.default_rng(0)
FACE = DRAW.normal(size=(COUNT, 6)).astype(np.float32)
SOUND = DRAW.integers(0, 255, size=(COUNT, 4, 3), dtype=np.uint8)
LABELS = [f"class {row // 6 % 3}" for row in range(COUNT)]
SPLIT = ["train", "val", "test", "train", "train", "train"] * 10
SPEAKER = [f"s{row // 5}" for row in range(COUNT)]


def sample(row: int) -> dict[str, Any]:
    return {"face": FACE[row], "sound": SOUND[row], "label": LABELS[row], "part": SPLIT[row]}


def generated(**changes: Any) -> Iterator[dict[str, Any]]:
    for row in range(COUNT):
        yield sample(row) | {name: change(row) for name, change in changes.items()}


class Listed(Dataset[dict[str, Any]]):
    """A torch Dataset, which nothing but its length ends."""

    def __len__(self) -> int:
        return COUNT

    def __getitem__(self, row: int) -> dict[str, Any]:
        row %= COUNT
        return sample(row) | {"sound": torch.from_numpy(SOUND[row])}


class Columns:
    """What a data set of Hugging Face is like: rows are dicts of plain lists, in an order of their own."""

    column_names = ("part", "face", "sound", "label")

    def __len__(self) -> int:
        return COUNT

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for row in range(COUNT):
            whole = sample(row)
            yield {
                name: whole[name].tolist() if name == "face" else whole[name] for name in self.column_names
            }

    def __getitem__(self, key: int | str) -> Any:
        raise AssertionError("columns would be held in memory")


@pytest.fixture
def digest(tmp_path: Path) -> str:
    """Of the store that is made of arrays."""
    modalities = {"face": FACE, "sound": SOUND}
    return store_from_arrays(tmp_path / "arrays", modalities, labels=LABELS, split=SPLIT).digest


@pytest.mark.parametrize("samples", [generated(), Listed(), Columns()], ids=["generator", "torch", "columns"])
def test_the_store_is_that_of_arrays(tmp_path: Path, digest: str, samples: Any) -> None:
    store = store_from_samples(tmp_path / "store", samples, ["face", "sound"], split="part")
    assert (store.digest, store.default_split, store.note) == (digest, "given", "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["arrays", "store"]


def test_keys_have_the_names_of_files_unless_others_are_given(tmp_path: Path) -> None:
    named = generated(
        split=SPLIT.__getitem__, group=SPEAKER.__getitem__, id=torch.tensor, kind=lambda row: row // 6 % 2
    )
    store = store_from_samples(tmp_path / "store", named, ["face"], labels="kind")
    assert store.classes == ("0", "1")
    assert (store.groups, store.ids[:2]) == (SPEAKER, ["0", "1"])
    assert store.default_split == "given"
    assert "keys of the samples that are not used: label, part, sound." in store.note


def test_a_sample_may_have_several_labels(tmp_path: Path) -> None:
    sets = torch.tensor([[0, 0], [1, 0], [1, 1]])
    several = generated(label=lambda row: sets[row // 6 % 3])
    store = store_from_samples(tmp_path / "store", several, ["face"], split="part")
    np.testing.assert_array_equal(store.labels, sets[np.arange(COUNT) // 6 % 3].bool())


@pytest.mark.parametrize("first", [0, 1])
def test_none_says_that_a_sample_lacks_a_modality(tmp_path: Path, first: int) -> None:
    held = (np.arange(COUNT) + first) % 4 > 0
    samples = generated(sound=lambda row: SOUND[row] if held[row] else None)
    store = store_from_samples(tmp_path / "store", samples, ["face", "sound"])
    rows = [row if there else None for row, there in zip(SOUND, held, strict=True)]
    arrays = store_from_arrays(tmp_path / "arrays", {"face": FACE, "sound": rows}, labels=LABELS)
    assert store.digest == arrays.digest
    np.testing.assert_array_equal(store.present["sound"], held)


def test_samples_are_not_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "MOST_SHARD_SAMPLES", 16)
    size = 2**16
    large = ({"x": np.full(size, row, np.float32), "label": row % 2} for row in range(200))
    tracemalloc.start()
    store = store_from_samples(tmp_path / "store", large, ["x"])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200 * size * 4 / 2
    assert store.read("x", [150]).mean() == 150


def later(row: int, usual: Any, unusual: Any) -> Any:
    return unusual if row == 7 else usual


REFUSED: dict[str, tuple[Any, str]] = {
    "nothing": ([], "there are no samples: give mappings"),
    "pairs": ([(FACE[0], 1)], "samples are of type tuple: give mappings"),
    "a dict of columns": ({"face": FACE}, "samples are of type str: give mappings"),
    "no label": ([{"face": FACE[0], "part": "train"}], "samples need label or value, and .* have face, part"),
    "no such part": (
        ({"face": FACE[0], "label": 1} for _ in "ab"),
        "sample 0 lacks part, it has face, label",
    ),
    "spelling": (generated(Group=SPEAKER.__getitem__), "it holds Group, and no group: rename it to group"),
    "shapes": (
        generated(face=lambda row: FACE[row, : later(row, 6, 5)]),
        r"face of sample 7 is \[5\] float32, and before it came \[6\] float32",
    ),
    "text": (generated(face=lambda row: later(row, FACE[row], "a b")), "face of sample 7 is of type str"),
    "a number": (generated(face=lambda row: 1.5), "face of sample 0 is of type float"),
    "nobody has it": (generated(face=lambda row: None), "no sample has face: leave it out"),
    "a batch": (generated(label=lambda row: torch.arange(4)), r"label has shape \(60, 4\) and not 0 and 1"),
    "no class": (generated(label=lambda row: later(row, 1, None)), "label of sample 7 is empty"),
    "a class of another kind": (
        generated(label=lambda row: later(row, "a", 1)),
        "label needs a number or a t",
    ),
    "ids": (generated(id=lambda row: later(row, row, 3)), "duplicate id: 3"),
    "a part": (
        generated(part=lambda row: later(row, "train", "x")),
        "split of row 7 is 'x': it must be train",
    ),
    "NaN": (generated(face=lambda row: FACE[row] * later(row, 1, np.nan)), r"7: face holds NaN or infinite"),
}


@pytest.mark.parametrize(("samples", "told"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_right_is_refused_and_nothing_is_left(tmp_path: Path, samples: Any, told: str) -> None:
    with pytest.raises(InputError, match=told):
        store_from_samples(tmp_path / "store", samples, ["face"], split="part")
    assert {path.name for path in tmp_path.iterdir()} <= {"store.unusable.txt"}


def test_a_key_that_comes_later_is_not_passed_over(tmp_path: Path) -> None:
    samples = [{"face": FACE[0], "label": 0}, {"face": FACE[1], "label": 1, "split": "test"}]
    with pytest.raises(InputError, match="sample 1 has split, and the first sample has not"):
        store_from_samples(tmp_path / "store", samples, ["face"])


def test_a_stream_without_an_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MOST_SAMPLES", 100)
    endless = ({"face": FACE[0], "label": 1} for _ in iter(int, 1))
    with pytest.raises(InputError, match="the data set holds 101 samples, and 100 are the limit"):
        store_from_samples(tmp_path / "store", endless, ["face"])
    assert not list(tmp_path.iterdir())


def test_what_a_data_set_raises_goes_on_and_nothing_is_left(tmp_path: Path) -> None:
    broken = ({"face": FACE[row], "label": 1 // (5 - row)} for row in range(9))
    with pytest.raises(ZeroDivisionError):
        store_from_samples(tmp_path / "store", broken, ["face"])
    assert not list(tmp_path.iterdir())


def test_a_bad_name_of_a_modality_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be called 'training'"):
        store_from_samples(tmp_path / "store", iter(int, 1), ["training"])
