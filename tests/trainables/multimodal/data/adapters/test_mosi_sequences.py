"""CMU-MOSI's sequences, in the layouts of the two pickles that users have."""

import contextlib
import pickle
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from trainables.multimodal.config import TrainerConfig
from trainables.multimodal.data.adapters import mosi_sequences
from trainables.multimodal.data.preparing.writer import write_store
from trainables.multimodal.data.store.feature_store import FeatureStore, Modality, Quantity
from trainables.multimodal.errors import InputError
from trainables.multimodal.trainer import Trainer

pytestmark = pytest.mark.usefixtures("read_here")
VIDEOS = {
    "train": ["2iD-tVS8NPw", "_dI--eQ6qVU", "03bSnISJMiM"],
    "valid": ["c7UH_rxdZv4"],
    "test": ["tStelxIAHjw"],
}
SIZES = {"text": 768, "audio": 5, "vision": 20}
LENGTHS = {"text": 50, "audio": 375, "vision": 500}
SHORT = 7
"""Steps of every utterance that are not padding."""


def utterances(part: str) -> list[tuple[str, int]]:
    return [(video, number) for video in VIDEOS[part] for number in range(4)]


def scores(part: str) -> np.ndarray:
    return np.resize(np.array([-1.8, 0.0, 2.4, -0.2], np.float32), len(utterances(part)))


def sequences(part: str, name: str, steps: int, size: int) -> np.ndarray:
    """Noise around the score, then padding of zeros."""
    draw = np.random.default_rng([len(part), len(name)])
    arrays = np.zeros((len(utterances(part)), steps, size), np.float32)
    shape = (len(arrays), SHORT, size)
    arrays[:, :SHORT] = scores(part)[:, None, None] + draw.normal(size=shape).astype(np.float32)
    return arrays


def mmsa(*, aligned: bool) -> dict[str, dict[str, Any]]:
    """The layout of aligned_50.pkl and unaligned_50.pkl."""
    data = {}
    for part in VIDEOS:
        steps = dict.fromkeys(SIZES, 50) if aligned else LENGTHS
        score = scores(part)
        data[part] = {
            "raw_text": np.array([f"SAID {number}, É" for _, number in utterances(part)]),
            **{name: sequences(part, name, steps[name], size) for name, size in SIZES.items()},
            "id": [f"{video}$_${number}" for video, number in utterances(part)],
            "text_bert": np.zeros((len(score), 3, 50)),
            "annotations": np.array(["Negative", "Neutral", "Positive"], dtype=object)[
                np.sign(score).astype(int) + 1
            ],
            "classification_labels": np.sign(score) + 1,
            "regression_labels": score,
        }
        if not aligned:
            data[part] |= {f"{name}_lengths": [SHORT] * len(score) for name in ("audio", "vision")}
    return data


def mult() -> dict[str, dict[str, np.ndarray]]:
    """The layout of mosi_data.pkl: an id is video, start and end."""
    sizes = {"text": 300, "audio": 5, "vision": 20}
    return {
        part: {
            **{name: sequences(part, name, 50, size).astype(np.float64) for name, size in sizes.items()},
            "labels": scores(part)[:, None, None],
            "id": np.array([[video, f"{number}.5", f"{number + 1}"] for video, number in utterances(part)]),
        }
        for part in VIDEOS
    }


Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def dump(data: object, name: str = "aligned_50.pkl", protocol: int = 4) -> Path:
        (tmp_path / name).write_bytes(pickle.dumps(data, protocol=protocol))
        return tmp_path

    return dump


@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_mmsas_aligned_file_is_read_as_it_is(write: Write, protocol: int) -> None:
    data = mmsa(aligned=True)
    source = mosi_sequences.read(write(data, protocol=protocol))
    row = source.ids.index("_dI--eQ6qVU$_$2")
    for name, size in SIZES.items():
        assert source.modalities[name] == Modality(name, (50, size), "float32")
        np.testing.assert_array_equal(source.load(row)[name], data["train"][name][6])
    assert source.recipe == {"name": "aligned"}
    assert source.note == ""


def test_mmsas_unaligned_file_keeps_the_lengths_of_its_modalities(write: Write) -> None:
    source = mosi_sequences.read(write(mmsa(aligned=False), "unaligned_50.pkl"))
    assert {name: modality.shape[0] for name, modality in source.modalities.items()} == LENGTHS
    assert source.recipe == {"name": "unaligned"}


@pytest.mark.parametrize("kind", ["U", "S", "O"])
def test_mults_file_is_read_as_it_is(write: Write, kind: str) -> None:
    data = mult()
    for part in data.values():
        part["id"] = part["id"].astype(kind)
    source = mosi_sequences.read(write(data, "mosi_data.pkl", protocol=2))
    row = source.ids.index("c7UH_rxdZv4_2.5_3")
    assert source.groups is not None
    assert source.groups[row] == "c7UH_rxdZv4"
    np.testing.assert_array_equal(source.load(row)["text"], data["valid"]["text"][2].astype(np.float32))


@pytest.mark.parametrize("make", [lambda: mmsa(aligned=True), mult])
def test_the_score_is_the_value_its_sign_the_label_and_the_parts_are_the_published_ones(
    write: Write, make: Callable[[], object]
) -> None:
    source = mosi_sequences.read(write(make()))
    expected = np.concatenate([scores(part) for part in VIDEOS])
    assert source.values is not None
    assert source.values.tolist() == expected.tolist()
    assert source.quantity == Quantity("sentiment", -3, 3)
    assert source.labels.tolist() == (expected >= 0).astype(int).tolist()
    parts = ["train"] * 12 + ["validation"] * 4 + ["test"] * 4
    assert (source.default_split, source.splits["official"]) == ("official", parts)
    assert source.groups == [video for part in VIDEOS for video, _ in utterances(part)]


def test_numbers_that_are_not_finite_become_zero_and_are_counted_in_the_note(write: Write) -> None:
    data = mult()
    data["train"]["audio"][0, 0, :3] = [-np.inf, np.nan, 1e300]
    data["test"]["vision"][1, 2, 0] = np.inf
    source = mosi_sequences.read(write(data, "mosi_data.pkl"))
    assert source.load(0)["audio"][0, :3].tolist() == [0, 0, 0]
    assert source.note.endswith("numbers 3 of audio, 1 of vision.")


def test_steps_of_zeros_are_padding_to_the_encoder(write: Write, tmp_path: Path) -> None:
    store = write_store(mosi_sequences.read(write(mmsa(aligned=True))), tmp_path / "store")
    config = TrainerConfig(
        str(store.path),
        1,
        "regression",
        encoders=dict.fromkeys(SIZES, "transformer"),
        d_model=8,
        device="cpu",
    )
    trainer = Trainer(config)
    trainer.run_epoch()
    raw = {name: torch.from_numpy(store.read(name, [0, 1])) for name in SIZES}
    shorter = {name: steps[:, :SHORT] for name, steps in raw.items()}
    trainer.model.eval()
    for name, features in trainer.model.encode(raw).items():
        torch.testing.assert_close(features, trainer.model.encode(shorter)[name])


@pytest.mark.parametrize("called", ["dev", "val", "validation"])
def test_the_part_that_validates_may_be_called_otherwise(write: Write, called: str) -> None:
    data = mmsa(aligned=True)
    source = mosi_sequences.read(write({"train": data["train"], called: data["valid"], "test": data["test"]}))
    assert source.splits["official"] == ["train"] * 12 + ["validation"] * 4 + ["test"] * 4


@pytest.mark.parametrize(
    "number",
    [
        np.arange,
        lambda n: np.arange(n)[:, None],
        lambda n: [str(i) for i in range(n)],
        lambda n: np.arange(n) * 1.0,
    ],
    ids=["row", "column", "text", "floats"],
)
def test_ids_that_begin_anew_in_each_part_get_its_name(write: Write, number: Callable[[int], Any]) -> None:
    data = mmsa(aligned=True)
    for part in data.values():
        part["id"] = number(len(part["id"]))
    source = mosi_sequences.read(write(data))
    assert [name.removesuffix(".0") for name in source.ids[10:14]] == [
        "train-10",
        "train-11",
        "valid-0",
        "valid-1",
    ]
    assert (source.groups, list(source.splits)) == (None, ["official"])
    assert "nobody knows which of them share a video" in source.note


def test_an_utterance_in_two_parts_is_still_refused(write: Write) -> None:
    data = mmsa(aligned=True)
    data["test"]["id"][0] = data["train"]["id"][0]
    with pytest.raises(InputError, match="duplicate id"):
        mosi_sequences.read(write(data))


@pytest.mark.parametrize("scale", [1 / 3, 1 / 2.4, 0.0])
def test_the_scale_of_another_data_set_is_refused(write: Write, scale: float) -> None:
    data = mmsa(aligned=True)
    for part in data.values():
        part["regression_labels"] = part["regression_labels"] * scale
    with pytest.raises(InputError, match=r"sentiment goes to (0|0\.8|1) at most, .* such as CH-SIMS"):
        mosi_sequences.read(write(data))


def without(data: Any, part: str, key: str) -> Any:
    del data[part][key]
    return data


def changed(data: Any, key: str, change: Callable[[Any], Any]) -> Any:
    data["valid"][key] = change(data["valid"][key])
    return data


ALIGNED = {
    "has parts called valid and dev": lambda data: {**data, "dev": data["valid"]},
    "lacks the part valid": lambda data: {"train": data["train"], "test": data["test"]},
    "test lacks vision": lambda data: without(data, "test", "vision"),
    "train lacks id": lambda data: without(data, "train", "id"),
    "train lacks regression_labels": lambda data: without(data, "train", "regression_labels"),
    "holds no names with entries": lambda data: list(data),
    "audio has 3 rows and regression_labels 4": lambda data: changed(data, "audio", lambda a: a[:3]),
    r"audio must be \[N, T, D\] in every part": lambda data: changed(data, "audio", lambda a: a[:, :40]),
    r"text must be \[N, T, D\]": lambda data: changed(data, "text", lambda a: a[:, 0]),
    "text holds <U1": lambda data: changed(data, "text", lambda a: np.full(a.shape, "x")),
    "vision is no array": lambda data: changed(data, "vision", lambda a: "gone"),
    "id is no array": lambda data: changed(data, "id", lambda a: [(1, 2)] * len(a)),
    "names no video": lambda data: changed(data, "id", lambda a: ["[1]"] * len(a)),
    "duplicate id": lambda data: changed(data, "id", lambda a: [a[0]] * len(a)),
    "sentiment of .* is 4": lambda data: changed(data, "regression_labels", lambda a: a + 4),
    "sentiment of .* is nan": lambda data: changed(data, "regression_labels", lambda a: a * np.nan),
}


@pytest.mark.parametrize("complaint", ALIGNED)
def test_files_that_do_not_fit_are_refused(write: Write, complaint: str) -> None:
    folder = write(ALIGNED[complaint](mmsa(aligned=True)))
    with pytest.raises(InputError, match=complaint):
        mosi_sequences.read(folder)


NESTED: list[Any] = []
for _ in range(16):
    NESTED = [NESTED, NESTED]


@pytest.mark.parametrize(
    "entry", [NESTED, (NESTED,), None, 10**5000], ids=["list", "tuple", "none", "digits"]
)
def test_an_id_is_text_or_numbers(write: Write, entry: object) -> None:
    def named(ids: list[str]) -> np.ndarray:
        rows = np.empty((len(ids), 2), dtype=object)
        rows[:, 0], rows[0, 1] = ids, entry
        return rows

    folder = write(changed(mmsa(aligned=True), "id", named))
    with pytest.raises(InputError, match=r"aligned_50\.pkl: an id holds (list|tuple|NoneType|int), and may"):
        mosi_sequences.read(folder)


def test_a_long_text_does_not_stretch_the_others(write: Write) -> None:
    folder = write(changed(mmsa(aligned=True), "id", lambda ids: ["x" * 1_000_000, *ids[1:]]))
    tracemalloc.start()
    with pytest.raises(InputError, match="more than 255 characters"):
        mosi_sequences.read(folder)
    assert tracemalloc.get_traced_memory()[1] < 2**24
    tracemalloc.stop()


@pytest.mark.parametrize(
    "repeated", [["x" * 200] * 200, ["x"] * 100_000, [b"x" * 100_000] * 3], ids=["texts", "many", "bytes"]
)
def test_texts_repeated_in_every_id_are_not_joined(write: Write, repeated: list[str | bytes]) -> None:
    def named(ids: list[str]) -> np.ndarray:
        rows = np.empty(len(ids), dtype=object)
        rows[:] = [repeated] * len(ids)
        return rows

    folder = write(changed(mmsa(aligned=True), "id", named))
    with pytest.raises(
        InputError, match=r"aligned_50\.pkl: the id .* has more than 255 characters"
    ) as caught:
        mosi_sequences.read(folder)
    assert len(str(caught.value)) < 300


def test_a_part_without_a_class_is_refused(write: Write) -> None:
    source = mosi_sequences.read(write(changed(mmsa(aligned=True), "regression_labels", np.abs)))
    with pytest.raises(InputError, match="no sample of class negative"):
        source.with_default_split(source.default_split)


def test_a_folder_of_two_files_wants_one_named(write: Write) -> None:
    write(mult(), "mosi_data.pkl")
    folder = write(mmsa(aligned=True))
    with pytest.raises(InputError, match=r"holds 2 of .* name one file"):
        mosi_sequences.read(folder)
    assert mosi_sequences.read(folder / "mosi_data.pkl").modalities["text"].shape == (50, 300)


def test_flipped_bits_end_with_a_sentence_or_give_other_data(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # another process reads first: a flipped bit may ask for any memory
    data = mult()
    small = {
        part: {k: v[..., :2] if v.shape[1] == 50 else v for k, v in own.items()} for part, own in data.items()
    }
    file = write(small) / "aligned_50.pkl"
    content, draw = file.read_bytes(), np.random.default_rng(0)
    names = [position for position in range(len(content)) if content[position] != 0]
    for position in draw.choice(names, 6):
        flipped = bytearray(content)
        flipped[position] ^= 1 << int(draw.integers(8))
        file.write_bytes(flipped)
        with contextlib.suppress(InputError):  # anything else would end the test
            mosi_sequences.read(file)


def test_sequences_of_real_utterances_survive(write: Write, real_data: Path, tmp_path: Path) -> None:
    with np.load(real_data / "mosi_utterance" / "word_aligned_dev229.npz") as table:
        real = {name: table[name] for name in table}
    ends = np.cumsum(real["length"])
    padded = {name: np.zeros((229, 50, real[key].shape[1]), np.float32) for name, key in REAL.items()}
    for row, (end, length) in enumerate(zip(ends, real["length"], strict=True)):
        for name, key in REAL.items():
            padded[name][row, 50 - length :] = real[key][end - length : end]  # padding in front
    data = {
        part: {
            **{name: array[rows] for name, array in padded.items()},
            "text": padded["audio"][rows, :, :8],
            "id": real["segment"][rows],
            "labels": real["sentiment"][rows, None, None],
        }
        for part, rows in {"train": slice(150), "valid": slice(150, 190), "test": slice(190, 229)}.items()
    }
    store = write_store(mosi_sequences.read(write(data, "mosi_data.pkl", 2)), tmp_path / "store")
    assert len(set(store.groups or [])) == 10
    assert FeatureStore.open(store.path).values is not None
    np.testing.assert_array_equal(store.values, real["sentiment"])
    np.testing.assert_array_equal(store.read("vision", [3])[0, -1], real["visual"][ends[3] - 1])


REAL = {"audio": "acoustic", "vision": "visual"}


def test_a_pickle_is_held_once(write: Write) -> None:
    folder = write(mmsa(aligned=False))
    size = sum(file.stat().st_size for file in folder.iterdir())
    tracemalloc.start()
    source = mosi_sequences.read(folder)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.2 * size
    assert source.in_memory


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_all_methods_run_on_raw_files(write: Write, require_comparison: Callable[..., None]) -> None:
    require_comparison("mosi-sequences", write(mmsa(aligned=True)))
