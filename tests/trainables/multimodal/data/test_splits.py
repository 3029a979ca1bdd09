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


GROUPS = [f"{row % 23:02d}" for row in range(230)]


def members(parts: list[str], part: str) -> set[str]:
    return {group for group, own in zip(GROUPS, parts, strict=True) if own == part}


def test_every_group_is_tested_in_one_fold_and_validates_in_another() -> None:
    folds = list(splits.by_fold("p", GROUPS).values())
    for part in ("test", "validation"):
        assert sorted(group for parts in folds for group in members(parts, part)) == sorted(set(GROUPS))


def test_folds_are_of_one_size_and_keep_groups_apart() -> None:
    for parts in splits.by_fold("p", GROUPS).values():
        assert len(members(parts, "test")) in (4, 5)
        assert sum(len(members(parts, part)) for part in splits.PARTS) == 23


def test_the_next_fold_validates() -> None:
    folds = splits.by_fold("p", GROUPS)
    assert list(folds) == ["p-1", "p-2", "p-3", "p-4", "p-5"]
    assert members(folds["p-5"], "validation") == members(folds["p-1"], "test")
    assert members(folds["p-1"], "validation") == members(folds["p-2"], "test")


def test_folds_depend_on_neither_order_nor_number_of_samples() -> None:
    once = sorted(set(GROUPS), reverse=True)
    by_name = dict(zip(once, splits.by_fold("p", once)["p-3"], strict=True))
    assert splits.by_fold("p", GROUPS)["p-3"] == [by_name[group] for group in GROUPS]


def test_groups_are_shuffled_before_they_are_folded() -> None:
    assert members(splits.by_fold("p", GROUPS)["p-1"], "test") != set(sorted(set(GROUPS))[:5])


def test_fewer_groups_than_folds_have_none() -> None:
    assert splits.by_fold("p", list("abcd")) == {}
    assert len(splits.by_fold("p", list("abcde"))) == 5


def test_folds_leave_the_default_policy_as_it_is() -> None:
    policies = splits.by_actor(GROUPS)
    assert policies["actor-disjoint"] == splits.by_group(GROUPS)
    assert len(policies) == 6


def test_stratified_gives_every_label_the_same_shares() -> None:
    labels = np.repeat([0, 1], [100, 20])
    parts = np.array(splits.stratified(labels))
    counts = [[int((parts[labels == label] == part).sum()) for part in splits.PARTS] for label in (0, 1)]
    assert counts == [[70, 15, 15], [14, 3, 3]]


def test_stratified_folds_test_every_sample_once_and_every_label_alike() -> None:
    labels = np.repeat([0, 1], [100, 20])
    policies = splits.by_label(labels)
    assert list(policies) == ["stratified", *(f"stratified-{number}" for number in range(1, 6))]
    folds = np.array(list(policies.values())[1:])
    assert ((folds == "test").sum(axis=0) == 1).all()
    assert ((folds == "validation").sum(axis=0) == 1).all()
    for parts in folds:
        counts = [[int((parts[labels == label] == part).sum()) for part in splits.PARTS] for label in (0, 1)]
        assert counts == [[60, 20, 20], [12, 4, 4]]


def test_a_label_with_fewer_samples_than_folds_gives_no_folds() -> None:
    assert list(splits.by_label(np.repeat([0, 1], [100, 4]))) == ["stratified"]


def test_held_out_validation_is_a_tenth_of_training_and_leaves_test_alone() -> None:
    labels = np.arange(100) % 2
    held = splits.hold_out(["train"] * 80 + ["test"] * 20, labels)
    assert [held.count(part) for part in splits.PARTS] == [72, 8, 20]
    assert held[80:] == ["test"] * 20


def test_a_tenth_of_each_labels_samples_is_held_out_where_there_are_no_groups() -> None:
    labels = np.repeat([0, 1], [80, 20])
    held = splits.held_out(labels, None)
    assert [int(held[labels == label].sum()) for label in (0, 1)] == [8, 2]
    assert (held != splits.held_out(labels, None, seed=1)).any()


def test_a_tenth_of_the_groups_is_held_out_and_each_as_a_whole() -> None:
    groups, labels = [f"actor {number % 20}" for number in range(100)], np.arange(100) // 20 % 2
    held = splits.held_out(labels, groups)
    outside = {group for group, out in zip(groups, held, strict=True) if out}
    assert len(outside) == 2
    assert [group in outside for group in groups] == held.tolist()


def test_groups_of_one_label_each_are_held_out_label_by_label() -> None:
    labels = np.repeat([0, 1, 2], 40)
    groups = [f"{label}-{place % 20}" for label in range(3) for place in range(40)]
    held = splits.held_out(labels, groups)
    assert [int(held[labels == label].sum()) for label in range(3)] == [4, 4, 4]
    outside = {group for group, out in zip(groups, held, strict=True) if out}
    assert [group in outside for group in groups] == held.tolist()


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


def test_several_labels_are_spread_by_the_rarest_of_each_sample():
    labels = np.array([[1, 1, 0], [1, 0, 0], [1, 0, 1], [0, 0, 0], [1, 1, 1], [1, 0, 0]], np.bool_)
    assert splits.strata(labels).tolist() == [1, 0, 2, 3, 1, 0]
    single = np.array([2, 0, 1])
    np.testing.assert_array_equal(splits.strata(single), single)


def test_a_part_without_a_sample_of_a_label_is_refused():
    labels = np.array([[1, 1], [1, 0], [1, 1]], np.bool_)
    with pytest.raises(InputError, match="split p: its validation part has no sample of class y"):
        splits.rows_by_part("p", list(splits.PARTS), labels, ["x", "y"])


def test_what_is_not_held_back_trains_and_test_stands_in_for_it():
    rows = {"train": np.array([0, 3]), "validation": np.array([1, 4]), "test": np.array([2, 5])}
    parts = splits.TRAINED_ON["train+validation"](rows)
    assert {part: members.tolist() for part, members in parts.items()} == {
        "train": [0, 1, 3, 4],
        "validation": [2, 5],
        "test": [2, 5],
    }
    assert splits.TRAINED_ON["train"](rows) == rows
