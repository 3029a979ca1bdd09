"""Stores of arrays in memory: the same as of files, refused for the same reasons, whole or not there."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from trainables.multimodal.data import own_arrays
from trainables.multimodal.data.adapters import features
from trainables.multimodal.data.own_arrays import store_from_arrays
from trainables.multimodal.data.preparing import shards, writer
from trainables.multimodal.data.preparing.verify import verify
from trainables.multimodal.data.preparing.writer import unfinished, write_store
from trainables.multimodal.errors import InputError

pytestmark = pytest.mark.usefixtures("read_here")
COUNT = 60
DRAW = np.random.default_rng(0)
FACE = DRAW.normal(size=(COUNT, 6)).astype(np.float32)
SOUND = DRAW.normal(size=(COUNT, 4, 3))
LABELS = np.array(["a", "b", "c"])[np.arange(COUNT) // 6 % 3]
SPLIT = np.array(["train", "val", "test", "train", "train", "train"] * 10)
SPEAKER = np.arange(COUNT) // 5


@pytest.fixture
def digest(tmp_path: Path) -> str:
    """Of the store that is made of a file with these arrays."""
    columns = {"modality:face": FACE, "modality:sound": SOUND}
    np.savez(tmp_path / "t.npz", label=LABELS, split=SPLIT, group=SPEAKER, **columns)
    return write_store(features.read(tmp_path / "t.npz"), tmp_path / "of a file").digest


GIVEN: dict[str, Any] = {
    "arrays": ({"face": FACE, "sound": SOUND}, LABELS, SPLIT, SPEAKER),
    "tensors": (
        {"face": torch.tensor(FACE, requires_grad=True), "sound": list(torch.tensor(SOUND))},
        LABELS,
        SPLIT,
        torch.tensor(SPEAKER),
    ),
    "lists": ({"face": FACE.tolist(), "sound": SOUND.tolist()}, list(LABELS), list(SPLIT), SPEAKER.tolist()),
    "pandas": (
        {"face": pd.DataFrame(FACE), "sound": pd.Series(list(SOUND), index=range(COUNT, 0, -1))},
        pd.Series(LABELS, dtype="string"),
        pd.Categorical(SPLIT),
        pd.Series(SPEAKER, dtype="Int64"),
    ),
    "objects": (
        {"face": FACE.astype(object), "sound": list(SOUND)},
        LABELS.astype(object)[:, None],
        SPLIT.astype(object),
        list(torch.tensor(SPEAKER)),
    ),
}


@pytest.mark.parametrize(("modalities", "labels", "split", "group"), GIVEN.values(), ids=GIVEN.keys())
def test_the_store_is_that_of_a_file(
    tmp_path: Path, digest: str, modalities: Any, labels: Any, split: Any, group: Any
) -> None:
    store = store_from_arrays(tmp_path / "store", modalities, labels=labels, split=split, group=group)
    assert store.digest == verify(store.path).digest == digest
    assert store.parts("given")[:3] == ["train", "validation", "test"]
    assert not unfinished(store.path).exists()


def test_an_array_on_disk_is_read_in_blocks(
    tmp_path: Path, digest: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Sliced:
        """What h5py's data sets are like: read by slices."""

        shape, dtype = SOUND.shape, SOUND.dtype

        def __len__(self) -> int:
            return COUNT

        def __getitem__(self, rows: slice) -> np.ndarray:
            assert rows.stop - rows.start <= 7
            return SOUND[rows]

    monkeypatch.setattr(own_arrays, "MOST_BLOCK_BYTES", 7 * SOUND[0].nbytes)
    monkeypatch.setattr(shards, "MOST_SHARD_SAMPLES", 16)
    given = {"face": FACE, "sound": Sliced()}
    store = store_from_arrays(tmp_path / "store", given, labels=LABELS, split=SPLIT, group=SPEAKER)
    assert store.digest == digest


def test_a_sample_may_lack_a_modality(tmp_path: Path) -> None:
    held = np.arange(COUNT) % 4 > 0
    rows = [row if there else None for row, there in zip(FACE, held, strict=True)]
    one = store_from_arrays(tmp_path / "one", {"face": rows, "sound": SOUND}, labels=LABELS)
    masked = {"face": np.where(held[:, None], FACE, np.nan), "sound": SOUND}
    two = store_from_arrays(tmp_path / "two", masked, labels=LABELS, present={"face": held.tolist()})
    assert one.digest == two.digest
    np.testing.assert_array_equal(one.present["face"], held)


def test_values_are_what_a_regression_predicts(tmp_path: Path) -> None:
    store = store_from_arrays(tmp_path / "store", {"face": FACE}, values=np.linspace(-2, 3, COUNT))
    assert (store.classes, store.quantity.highest) == (("negative", "positive"), 3)  # type: ignore[union-attr]


SETS = np.array([[0, 0], [1, 0], [1, 1]])[np.arange(COUNT) // 6 % 3]


@pytest.mark.parametrize("labels", [SETS, torch.tensor(SETS), SETS.tolist(), list(torch.tensor(SETS) > 0)])
def test_a_sample_may_have_several_labels(tmp_path: Path, labels: Any) -> None:
    store = store_from_arrays(tmp_path / "store", {"face": FACE}, labels=labels)
    np.testing.assert_array_equal(store.labels, SETS.astype(bool))


def test_a_frame_names_several_labels(tmp_path: Path) -> None:
    store = store_from_arrays(tmp_path / "s", {"face": FACE}, labels=pd.DataFrame(SETS, columns=["b", "a"]))
    assert store.classes == ("a", "b")
    np.testing.assert_array_equal(store.labels, SETS[:, ::-1].astype(bool))
    one = store_from_arrays(tmp_path / "one", {"face": FACE}, labels=pd.DataFrame({"kind": LABELS}))
    assert one.classes == ("a", "b", "c")


def test_samples_that_are_not_finite_are_counted_named_and_may_be_left_out(tmp_path: Path) -> None:
    face = FACE.astype(np.float64)
    face[[3, 8], 1] = np.nan, 1e300
    with pytest.raises(InputError, match=r"(?s)2 of 60 samples .*3: face holds NaN.*8: face holds") as caught:
        store_from_arrays(tmp_path / "store", {"face": list(face)}, labels=LABELS)
    assert "same command" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["store.unusable.txt"]
    store = store_from_arrays(tmp_path / "store", {"face": list(face)}, labels=LABELS, skip_up_to=0.05)
    assert len(store) == 58


def changed(rows: Any, row: int, value: Any) -> list[Any]:
    return [value if place == row else entry for place, entry in enumerate(rows)]


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "lengths": ({"labels": LABELS[1:]}, r"modality:face has shape \(60, 6\), which does not fit the 59 rows"),
    "no classes": ({"labels": None}, "it needs `label` or, for a regression, `value`"),
    "no modality": ({"modalities": {}}, r"at least one `modality:<name>`"),
    "nothing": ({"modalities": {"face": FACE[:0]}, "labels": LABELS[:0]}, "holds no samples"),
    "a label is missing": ({"labels": changed(LABELS, 3, None)}, "label of sample 3 is empty: fill it in"),
    "a label is NaN": ({"labels": pd.Series(changed(LABELS, 3, np.nan))}, "label has 1 empty cells"),
    "labels of two kinds": ({"labels": changed(LABELS, 3, 1)}, "label needs a number or a text for each"),
    "one-hot labels": ({"labels": np.eye(3)[np.arange(COUNT) % 3]}, r"label has shape .*argmax"),
    "one-hot lists": ({"labels": [[1, 0]] * COUNT}, r"label has shape .*argmax"),
    "several labels": ({"labels": 2 * torch.ones(COUNT, 2)}, "label has shape .* not 0 and 1 alone"),
    "several groups": ({"group": list(torch.ones(COUNT, 2))}, r"group has shape \(60, 2\): save one entry"),
    "a part": ({"split": changed(SPLIT, 3, "later")}, "split of row 3 is 'later': it must be train"),
    "no test part": ({"split": ["train"] * COUNT}, "split given: its test part has no samples"),
    "ids": ({"ids": ["x"] * COUNT}, "duplicate id: x"),
    "a modality's name": ({"modalities": {"training": FACE}}, "cannot be called 'training'"),
    "text": ({"modalities": {"face": LABELS[:, None]}}, "modality:face holds <U1, not numbers"),
    "listed text": ({"modalities": {"face": [["a"]] * COUNT}}, "face of sample 0 holds <U1, not numbers"),
    "text for lists": ({"modalities": {"face": ["a"] * COUNT}}, "face of sample 0 is of type str: give an"),
    "numbers for lists": ({"modalities": {"face": [1.0] * COUNT}}, "face of sample 0 is of type float"),
    "a number": ({"modalities": {"face": np.array(1.0)}}, r"modality:face has shape \(\): expected"),
    "ragged": ({"modalities": {"face": changed(FACE, 3, FACE[3, :5])}}, r"face of sample 3 is \[5\] float32"),
    "ragged inside": ({"modalities": {"face": [[[1], [1, 2]]] * COUNT}}, "face of sample 0 is no array"),
    "types": (
        {"modalities": {"face": changed(FACE, 3, FACE[3].astype("u1"))}},
        r"face of sample 3 is \[6\] uint8, and before it came \[6\] float32: make them the same",
    ),
    "no features": ({"modalities": {"face": [[]] * COUNT}}, r"face of sample 0 has shape \[0\]: give one"),
    "nobody has it": ({"modalities": {"face": [None] * COUNT}}, "face has nothing but empty cells"),
    "a mask": ({"present": {"face": np.ones(COUNT)}}, "present:face is float64"),
    "a mask of nothing": ({"present": {"voice": np.ones(COUNT, bool)}}, "present:voice, but no modality:voi"),
}


@pytest.mark.parametrize(("changes", "told"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_right_is_refused_and_nothing_is_left(
    tmp_path: Path, changes: dict[str, Any], told: str
) -> None:
    given = {"modalities": {"face": FACE}, "labels": LABELS, **changes}
    with pytest.raises(InputError, match=told):
        store_from_arrays(tmp_path / "store", given.pop("modalities"), **given)
    assert not list(tmp_path.iterdir())


def test_what_is_there_is_never_overwritten(tmp_path: Path) -> None:
    store_from_arrays(tmp_path / "store", {"face": FACE}, labels=LABELS)
    with pytest.raises(InputError, match="store exists already: remove it, or choose another folder"):
        store_from_arrays(tmp_path / "store", {"face": FACE}, labels=LABELS)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_an_early_end_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def stop(*given: Any) -> None:
        raise error

    monkeypatch.setattr(writer, "_publish", stop)
    with pytest.raises((InputError, KeyboardInterrupt)) as caught:
        store_from_arrays(tmp_path / "store", {"face": FACE}, labels=LABELS)
    assert caught.type is KeyboardInterrupt or "cannot be written (No space left" in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_nothing_is_kept_of_a_start_that_was_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(writer.shutil, "rmtree", lambda *given, **named: None)
        patched.setattr(writer, "_publish", lambda *given: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            store_from_arrays(tmp_path / "store", {"face": FACE}, labels=LABELS)
    assert list(unfinished(tmp_path / "store").glob("*.arrow"))
    store = store_from_arrays(tmp_path / "store", {"face": 2 * FACE}, labels=LABELS)
    np.testing.assert_array_equal(store.read("face", range(COUNT)), 2 * FACE)
