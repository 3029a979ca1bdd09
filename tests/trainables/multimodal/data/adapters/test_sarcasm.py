"""Sarcasm from its raw layout, good and bad."""

from pathlib import Path

import numpy as np
import pytest
import raw_tweets

from trainables.multimodal.data.adapters import sarcasm
from trainables.multimodal.data.preparing.writer import write_store
from trainables.multimodal.errors import InputError

RECIPE = sarcasm.RECIPES["hashed-ngrams"].changed({"image_size": "16", "text_features": "64"})


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    return raw_tweets.write_sarcasm(tmp_path / "raw")


def first_line(file: Path, new: str) -> None:
    """Put another line in the place of the first."""
    file.write_text("\n".join([new, *file.read_text().split("\n")[1:]]))


def test_the_parts_are_the_published_ones(raw: Path) -> None:
    source = sarcasm.read(raw, RECIPE)
    parts = source.splits["official"]
    assert [parts.count(part) for part in ("train", "validation", "test")] == [24, 12, 12]
    assert (source.groups, list(source.splits)) == (None, ["official"])


def test_tables_under_plain_names_are_the_same(raw: Path) -> None:
    found = sarcasm.read(raw, RECIPE)
    for name in ("valid", "test"):
        (raw / "text" / f"{name}2.txt").rename(raw / "text" / f"{name}.txt")
    renamed = sarcasm.read(raw, RECIPE)
    assert (renamed.ids, renamed.splits) == (found.ids, found.splits)


def test_a_row_becomes_its_picture_and_its_text(raw: Path) -> None:
    source = sarcasm.read(raw, RECIPE)
    row = source.ids.index("90000000000000003")
    arrays = source.load(row)
    picture = raw / "dataset_image" / "90000000000000003.jpg"
    np.testing.assert_array_equal(arrays["image"], RECIPE.parts["image"](picture))
    text = "what a lovely day , it 's raining # 3"
    np.testing.assert_array_equal(arrays["text"], RECIPE.parts["text"](text))
    assert source.classes[source.labels[row]] == "sarcastic"


def test_of_two_labels_the_last_one_counts(raw: Path) -> None:
    first_line(raw / "text" / "valid2.txt", "['91000000000000000', 'what a day', 0, 1]")
    source = sarcasm.read(raw, RECIPE)
    assert source.labels[source.ids.index("91000000000000000")] == 1


def test_rows_that_give_their_label_away_are_left_out_and_counted(raw: Path) -> None:
    source = sarcasm.read(raw, RECIPE)
    assert not any(sample.startswith("8") for sample in source.ids)
    assert source.note == "rows left out, as by the authors' loader, for words that give the label away: 3."


@pytest.mark.parametrize("word", sorted(sarcasm.GIVEAWAYS))
def test_each_of_those_words_counts_as_a_whole_word_only(raw: Path, word: str) -> None:
    first_line(raw / "text" / "train.txt", repr(["90000000000000000", f"such {word} !", 1]))
    assert "90000000000000000" not in sarcasm.read(raw, RECIPE).ids
    first_line(raw / "text" / "train.txt", repr(["90000000000000000", f"such un{word} !", 1]))
    assert "90000000000000000" in sarcasm.read(raw, RECIPE).ids


@pytest.mark.parametrize(
    "line",
    [
        "",
        "['91000000000000000', 'what a day'",
        "['91000000000000000', 'what a day']",
        "['91000000000000000', 'what a day', 2]",
        "['91000000000000000', 'what a day', True]",
        "['91000000000000000', 'what a day', 0, 1, 1]",
        "['../91', 'what a day', 0, 1]",
        "[91000000000000000, 'what a day', 0, 1]",
        "['91000000000000000', b'what a day', 0, 1]",
        "__import__('os').mkdir('made')",
        "[" * 5000,
        "-" * 9000 + "1",
        "{[]: 0}",
        "'\\x00",
        "9" * 9000,
    ],
)
def test_a_line_that_is_no_row_is_named_and_never_run(
    raw: Path, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(raw)
    first_line(raw / "text" / "valid2.txt", line)
    with pytest.raises(InputError, match=r"valid2\.txt, line 1 is not \['number', 'text', label 0 or 1\]"):
        sarcasm.read(raw, RECIPE)
    assert not (raw / "made").exists()


def test_a_line_without_end_is_refused(raw: Path) -> None:
    first_line(raw / "text" / "valid2.txt", "['91', '" + "x" * 20_000 + "', 0, 1]")
    with pytest.raises(InputError, match=r"valid2\.txt, line 1 has 2\d{4} characters"):
        sarcasm.read(raw, RECIPE)


def test_an_id_in_two_tables_is_named(raw: Path) -> None:
    first_line(raw / "text" / "valid2.txt", "['90000000000000003', 'what a day', 0, 1]")
    with pytest.raises(InputError, match="duplicate id: 90000000000000003"):
        sarcasm.read(raw, RECIPE)


def test_a_missing_table_is_named(raw: Path) -> None:
    (raw / "text" / "test2.txt").unlink()
    with pytest.raises(InputError, match=r"text/test2\.txt is missing"):
        sarcasm.read(raw, RECIPE)


def test_rows_without_text_or_picture_are_left_out_on_request(raw: Path, tmp_path: Path) -> None:
    first_line(raw / "text" / "train.txt", "['90000000000000000', ' ', 0]")
    (raw / "dataset_image" / "90000000000000001.jpg").unlink()
    store = write_store(sarcasm.read(raw, RECIPE), tmp_path / "store", skip_up_to=0.05)
    assert store.manifest["skipped"] == {
        "90000000000000000": "its text is empty",
        "90000000000000001": "dataset_image/90000000000000001.jpg is missing",
    }
