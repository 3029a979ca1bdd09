"""Split policies: what goes where, and that nothing leaks."""

import numpy as np
import pytest

from trainables.multimodal.data import splits
from trainables.multimodal.errors import InputError

NAMES = tuple("ab")


def test_no_group_is_in_two_parts() -> None:
    groups = [str(row % 12) for row in range(240)]
    parts = splits.by_group(groups)
    assert len(set(zip(groups, parts, strict=True))) == 12


@pytest.mark.parametrize(
    ("groups", "expected"), [(91, [64, 14, 13]), (24, [17, 4, 3]), (12, [8, 2, 2]), (3, [1, 1, 1])]
)
def test_groups_are_shared_70_15_15(groups: int, expected: list[int]) -> None:
    parts = splits.by_group([f"{group:02d}" for group in range(groups)])
    assert [parts.count(part) for part in splits.PARTS] == expected


def test_a_group_split_depends_on_neither_order_nor_number_of_samples() -> None:
    few = ["c", "a", "b", "d"]
    many = ["d", "d", "a", "c", "b", "b"]
    by_name = dict(zip(few, splits.by_group(few), strict=True))
    assert splits.by_group(many) == [by_name[group] for group in many]


def test_groups_are_shuffled_before_they_are_shared() -> None:
    groups = [f"{group:02d}" for group in range(24)]
    assert splits.by_group(groups) != sorted(splits.by_group(groups), key=splits.PARTS.index)


def test_stratified_gives_every_label_the_same_shares() -> None:
    labels = np.repeat([0, 1], [100, 20])
    parts = np.array(splits.stratified(labels))
    counts = [[int((parts[labels == label] == part).sum()) for part in splits.PARTS] for label in (0, 1)]
    assert counts == [[70, 15, 15], [14, 3, 3]]


def test_held_out_validation_is_a_tenth_of_training_and_leaves_test_alone() -> None:
    labels = np.arange(100) % 2
    held = splits.hold_out(["train"] * 80 + ["test"] * 20, labels)
    assert [held.count(part) for part in splits.PARTS] == [72, 8, 20]
    assert held[80:] == ["test"] * 20


def test_actor_numbers_split_ravdess() -> None:
    parts = splits.by_actor_number([1, 16, 17, 20, 21, 24], train_to=16, validation_to=20)
    assert parts == ["train", "train", "validation", "validation", "test", "test"]


def test_published_lists_leave_other_samples_out() -> None:
    assert splits.from_lists(["x", "y", "z"], {"train": ["z"], "test": ["x"]}) == ["test", "", "train"]


@pytest.mark.parametrize(
    ("lists", "named"),
    [
        ({"train": ["x"], "test": ["x"]}, "x stands in two parts"),
        ({"train": ["q"]}, "q stands in a published split but"),
    ],
)
def test_published_lists_that_cannot_be_right_are_refused(lists: dict[str, list[str]], named: str) -> None:
    with pytest.raises(InputError, match=named):
        splits.from_lists(["x", "y"], lists)


def test_rows_are_disjoint_and_ascending() -> None:
    parts = ["test", "train", "", "validation", "train", "test", "validation"]
    rows = splits.rows_by_part("p", parts, np.array([0, 0, 1, 0, 1, 1, 1]), NAMES)
    assert {part: list(members) for part, members in rows.items()} == {
        "train": [1, 4], "validation": [3, 6], "test": [0, 5]
    }  # fmt: skip


def test_an_empty_part_is_named() -> None:
    with pytest.raises(InputError, match="split p: its validation part has no samples"):
        splits.rows_by_part("p", ["train", "train", "test", "test"], np.array([0, 1, 0, 1]), NAMES)


def test_a_missing_class_is_named_with_its_part() -> None:
    parts = ["train", "train", "validation", "validation", "test"]
    with pytest.raises(InputError, match="split p: its test part has no sample of class b"):
        splits.rows_by_part("p", parts, np.array([0, 1, 0, 1, 0]), NAMES)


def test_a_class_with_one_sample_is_named() -> None:
    labels = np.array([0] * 20 + [1])
    with pytest.raises(InputError, match="has no sample of class b"):
        splits.rows_by_part("stratified", splits.stratified(labels), labels, NAMES)


def test_groups_of_one_class_are_divided_class_by_class() -> None:
    """A division of the groups of all 30 classes together leaves some class out of a part."""
    groups = [f"{row:03d}" for row in range(150)]
    labels = np.arange(150) // 5
    parts = splits.each_class(labels, np.arange(150), lambda rows: splits.by_group([groups[r] for r in rows]))
    splits.rows_by_part("toy", parts, labels, [str(label) for label in range(30)])
    with pytest.raises(InputError, match="has no sample of class"):
        splits.rows_by_part("toy", splits.by_group(groups), labels, [str(label) for label in range(30)])


def test_rows_that_are_not_divided_are_in_no_part() -> None:
    parts = splits.each_class(np.array([0, 1, 0, 1]), np.array([1, 2]), lambda rows: ["test"] * len(rows))
    assert parts == ["", "test", "test", ""]
