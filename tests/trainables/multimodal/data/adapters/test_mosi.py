"""CMU-MOSI's utterance-level csv files."""

import csv
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from trainables.multimodal.data.adapters import mosi
from trainables.multimodal.data.source import Source
from trainables.multimodal.data.store.feature_store import Quantity
from trainables.multimodal.errors import InputError

VIDEOS = {"train": [f"t{n}" for n in range(10)], "test": ["x0", "x1"]}


def write(file: Path, rows: list[list[object]]) -> None:
    with file.open("w", newline="") as stream:
        csv.writer(stream, quoting=csv.QUOTE_ALL).writerows(rows)


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Twelve videos of four utterances each; every feature tells its row in the transcripts."""
    names = [(part, f"{video}_{n}") for part, videos in VIDEOS.items() for video in videos for n in range(4)]
    write(tmp_path / "transcripts.csv", [[name, "SAID, SO", 1, n % 2] for n, (_, name) in enumerate(names)])
    for part in VIDEOS:
        rows = [n for n, (own, _) in enumerate(names) if own == part][::-1]  # another order than the ids
        write(tmp_path / f"text_{part}.csv", [[n, *[n] * 100] for n in rows])
        write(tmp_path / f"audio_{part}0.csv", [[*[n + 0.5] * 73, n % 2] for n in rows])
        write(tmp_path / f"video_{part}0.csv", [[*[-n] * 100, n % 2] for n in rows])
    return tmp_path


def test_every_utterance_has_its_own_features(raw: Path) -> None:
    source = mosi.read(raw)
    row = source.ids.index("t3_1")
    arrays = source.load(row)
    assert {name: float(array[0]) for name, array in arrays.items()} == {
        "text": row, "audio": row + 0.5, "vision": -row
    }  # fmt: skip
    assert {name: array.shape for name, array in arrays.items()} == {
        "text": (100,), "audio": (73,), "vision": (100,)
    }  # fmt: skip
    assert source.classes[source.labels[row]] == "positive"


def test_parts_share_no_video_and_test_is_the_published_one(raw: Path) -> None:
    source = mosi.read(raw)
    parts: dict[str, set[str]] = {}
    for part, video in zip(source.splits["poria"], source.groups or [], strict=True):
        parts.setdefault(part, set()).add(video)
    assert parts["test"] == set(VIDEOS["test"])
    assert len(parts["validation"]) == 1
    assert parts["validation"].isdisjoint(parts["train"])
    assert parts["validation"] | parts["train"] == set(VIDEOS["train"])


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("file", "old", "new", "complaint"),
    [
        ("transcripts.csv", '"SAID, SO","1","1"', '"SAID, SO","1","2"', "line 2 is not"),
        ("text_test.csv", '"47",', '"46",', "do not name every row"),
        ("text_test.csv", '"47",', '"480",', "do not name every row"),
        ("text_train.csv", '"39","39"', '"39","x"', "something else than numbers"),
        ("audio_test0.csv", '"47.5",', "", "line 1 has 73 columns instead of 74"),
        ("audio_test0.csv", '"47.5","1"', '"47.5","0"', "its labels are not those"),
        ("video_train0.csv", "\n", "\x00\n", "has NUL characters|something else than numbers"),
    ],
)
def test_files_that_do_not_belong_together_are_refused(
    raw: Path, file: str, old: str, new: str, complaint: str
) -> None:
    change(raw / file, old, new)
    with pytest.raises(InputError, match=complaint):
        mosi.read(raw)


def test_a_missing_file_is_named(raw: Path) -> None:
    (raw / "video_test0.csv").unlink()
    with pytest.raises(InputError, match=r"video_test0\.csv is missing"):
        mosi.read(raw)


def score(raw: Path, changes: dict[str, object] | None = None) -> None:
    """Write the sentiment of every utterance, in another order than the transcripts."""
    with (raw / "transcripts.csv").open(newline="") as stream:
        labels = {row[0]: int(row[3]) for row in csv.reader(stream)}
    scores = {name: 1.5 * label if label else -0.2 for name, label in labels.items()} | (changes or {})
    rows = [[name, "train", value] for name, value in reversed(scores.items()) if value is not None]
    write(raw / "sentiment_recovered.csv", [["utterance", "std_split", "sentiment"], *rows])


def test_without_sentiment_scores_there_are_no_values(raw: Path) -> None:
    source = mosi.read(raw)
    assert (source.values, source.quantity) == (None, None)


def test_sentiment_scores_are_the_values_of_their_utterances(raw: Path) -> None:
    score(raw, {"t3_1": 0, "x1_2": -3})
    source = mosi.read(raw)
    assert source.values is not None
    rows = [source.ids.index(name) for name in ("t3_1", "x1_2", "t3_3")]
    assert source.values[rows].tolist() == [0, -3, 1.5]
    assert source.quantity == Quantity("sentiment", -3, 3)
    assert raw / "sentiment_recovered.csv" in source.files


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"t3_1": -0.1}, "t3_1 has -0.1, and its label is positive"),
        ({"t3_0": 0}, "t3_0 has 0, and its label is negative"),
        ({"t3_1": "good"}, "t3_1 has 'good' for a number"),
        ({"t3_0": "nan"}, "sentiment of t3_0 is nan"),
        ({"t3_1": 3.5}, "sentiment of t3_1 is 3.5"),
        ({"t3_1": None}, "lacks t3_1"),
    ],
)
def test_sentiment_scores_that_do_not_fit_are_refused(
    raw: Path, changes: dict[str, object], complaint: str
) -> None:
    score(raw, changes)
    with pytest.raises(InputError, match=complaint):
        mosi.read(raw)


def test_a_table_of_other_columns_is_refused(raw: Path) -> None:
    write(raw / "sentiment_recovered.csv", [["utterance", "mood"], ["t3_1", 1]])
    with pytest.raises(InputError, match="no table with columns `utterance` and `sentiment`"):
        mosi.read(raw)


@pytest.fixture(scope="module")
def real(real_data: Path) -> Source:
    return mosi.read(real_data / "mosi_utterance")


def test_the_real_files_are_complete(real: Source) -> None:
    parts = real.splits["poria"]
    assert (len(real.ids), len(set(real.groups or [])), parts.count("test")) == (2199, 93, 752)


def test_the_signs_of_the_real_scores_are_the_labels(real: Source) -> None:
    assert real.values is not None
    assert ((real.values >= 0) == real.labels).all()


def test_ridge_regression_reaches_what_is_known(real: Source) -> None:
    features = np.array([np.concatenate(list(real.load(row).values())) for row in range(len(real.ids))])
    test = np.array(real.splits["poria"]) == "test"
    assert real.values is not None
    model = make_pipeline(StandardScaler(), Ridge(1000.0)).fit(features[~test], real.values[~test])
    error = np.abs(model.predict(features[test]) - real.values[test]).mean()
    assert error == pytest.approx(0.946, abs=0.05)


@pytest.mark.parametrize(
    ("modalities", "expected"), [(["text"], 0.757), (["audio"], 0.55), (["text", "audio", "vision"], 0.767)]
)
def test_plain_logistic_regression_reaches_what_is_known(
    real: Source, modalities: list[str], expected: float
) -> None:
    features = np.array(
        [np.concatenate([real.load(row)[name] for name in modalities]) for row in range(len(real.ids))]
    )
    test = np.array(real.splits["poria"]) == "test"
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000, C=0.01))
    model.fit(features[~test], real.labels[~test])
    assert model.score(features[test], real.labels[test]) == pytest.approx(expected, abs=0.03)
