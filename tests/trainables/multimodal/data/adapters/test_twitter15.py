"""Twitter15 from its raw layout, good and bad."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import raw_tweets

from trainables.multimodal.data.adapters import twitter15
from trainables.multimodal.data.preparing.writer import write_store
from trainables.multimodal.data.recipes import Recipe
from trainables.multimodal.errors import InputError

RECIPE = twitter15.RECIPES["hashed-ngrams"].changed({"image_size": "16", "text_features": "64"})


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    return raw_tweets.write_twitter15(tmp_path / "raw")


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def test_the_parts_are_the_published_ones(raw: Path) -> None:
    source = twitter15.read(raw, RECIPE)
    parts = source.splits["official"]
    assert [parts.count(part) for part in ("train", "validation", "test")] == [24, 12, 12]
    assert (source.ids[0], source.ids[24], source.ids[-1]) == ("train-1", "dev-1", "test-12")
    assert source.default_split == "official"


def test_a_row_becomes_its_picture_and_its_text_with_the_target(raw: Path) -> None:
    source = twitter15.read(raw, RECIPE)
    row = source.ids.index("dev-4")
    arrays = source.load(row)
    picture = raw / "twitter2015_images" / "204.jpg"
    np.testing.assert_array_equal(arrays["image"], RECIPE.parts["image"](picture))
    np.testing.assert_array_equal(arrays["text"], RECIPE.parts["text"]("what a plain day in $t$ ! town 4"))
    assert source.classes[source.labels[row]] == "neutral"


def test_tweets_with_one_picture_are_a_group(raw: Path) -> None:
    source = twitter15.read(raw, RECIPE)
    groups = dict(zip(source.ids, source.groups or [], strict=True))
    assert groups["train-1"] == groups["train-2"] != groups["train-3"]
    assert source.note == ""


def test_a_picture_in_two_parts_is_told_and_another_split_is_offered(raw: Path) -> None:
    change(raw / "twitter2015" / "test.tsv", "312.jpg", "124.jpg")
    change(raw / "twitter2015" / "dev.tsv", "212.jpg", "124.jpg")
    source = twitter15.read(raw, RECIPE)
    assert source.note.startswith("the published split shows 1 of 43 pictures in several parts (2 samples")
    pairs = set(zip(source.groups or [], source.splits["image-disjoint"], strict=True))
    assert len(pairs) == len(set(source.groups or []))


def test_quotes_are_letters_like_others(raw: Path) -> None:
    change(raw / "twitter2015" / "test.tsv", "What a plain", '"What a plain')
    assert len(twitter15.read(raw, RECIPE).ids) == 48


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("index\t", "number\t", r"test\.tsv does not begin with index, #1 Label"),
        ("12\t0\t", "12\t3\t", r"test\.tsv, line 13 is not `number, label 0 to 2"),
        ("12\t0\t", "x\t0\t", r"test\.tsv, line 13 is not"),
        ("12\t0\t312.jpg", "12\t0\t", r"test\.tsv, line 13 is not"),
        ("\tTown 12", "", r"test\.tsv, line 13 is not"),
        ("\tTown 12", "\tTown\t12", r"test\.tsv, line 13 is not"),
        ("\n12\t0", "\n11\t0", "duplicate id: test-11"),
        ("312.jpg", "../../312.jpg", "leaves the source folder"),
    ],
)
def test_a_table_that_cannot_be_right_is_refused(raw: Path, old: str, new: str, complaint: str) -> None:
    change(raw / "twitter2015" / "test.tsv", old, new)
    with pytest.raises(InputError, match=complaint):
        twitter15.read(raw, RECIPE)


def test_a_table_of_a_mark_alone_is_named(raw: Path) -> None:
    (raw / "twitter2015" / "dev.tsv").write_bytes(b"\xef\xbb\xbf")
    with pytest.raises(InputError, match=r"dev\.tsv is empty"):
        twitter15.read(raw, RECIPE)


def test_a_missing_table_is_named(raw: Path) -> None:
    (raw / "twitter2015" / "dev.tsv").unlink()
    with pytest.raises(InputError, match=r"twitter2015/dev\.tsv is missing"):
        twitter15.read(raw, RECIPE)


def test_pictures_that_were_never_fetched_are_named_at_once(raw: Path) -> None:
    (raw / "twitter2015_images" / "103.jpg").write_text("version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(InputError, match=r"103\.jpg is a Git-LFS pointer"):
        twitter15.read(raw, RECIPE)


@pytest.fixture
def spoilt(raw: Path) -> Path:
    """Five rows that are no samples, each for another reason."""
    images, table = raw / "twitter2015_images", raw / "twitter2015" / "train.tsv"
    (images / "103.jpg").unlink()
    (images / "104.jpg").write_bytes((images / "104.jpg").read_bytes()[:700])
    (images / "105.jpg").write_bytes(b"")
    change(table, "What a awful day in $T$ !\tTown 6", "\tTown 6")
    change(table, "108.jpg", "111.jpg")
    change(table, "Town 8", "Town 11")
    return raw


REASONS = {
    "train-3": "103.jpg is missing",
    "train-4": "104.jpg is no readable picture (image file is truncated",
    "train-5": "105.jpg is empty",
    "train-6": "its text is empty",
    "train-11": "it repeats picture and text of train-8",
}


def test_every_row_that_is_no_sample_is_named(spoilt: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="5 of 48 samples cannot be used") as caught:
        write_store(twitter15.read(spoilt, RECIPE), tmp_path / "store", skip_up_to=0.05)
    assert [name for name, reason in REASONS.items() if reason not in str(caught.value)] == []


def test_they_are_left_out_on_request_and_counted(spoilt: Path, tmp_path: Path) -> None:
    store = write_store(twitter15.read(spoilt, RECIPE), tmp_path / "store", skip_up_to=0.11)
    assert (len(store), set(store.manifest["skipped"])) == (43, set(REASONS))


def test_a_recipe_without_its_model_is_refused_before_any_work(raw: Path) -> None:
    frozen: Recipe = twitter15.RECIPES["frozen-text"]
    with pytest.raises(InputError, match="--recipe-set text_model=DIR"):
        twitter15.read(raw, frozen)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_all_methods_run_on_raw_files(raw: Path, require_comparison: Callable[..., None]) -> None:
    require_comparison("twitter15", raw, "--image-size", "32")
