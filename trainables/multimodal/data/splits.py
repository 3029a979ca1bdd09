"""Split policies: pure functions from ids, labels or groups to one part name per sample.

A policy assigns `train`, `validation`, `test` or `""` (in no part) to every sample. All policies a data set
offers are materialised when its store is prepared, so that a trial never draws a split of its own.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from trainables.multimodal.errors import InputError

Item = TypeVar("Item")
Rows = dict[str, NDArray[np.int64]]
"""Part -> row indices, ascending."""

PARTS = ("train", "validation", "test")
TRAIN, VALIDATION, TEST = PARTS

SHARES = (0.70, 0.15)
"""Shares of training and validation; the rest is test."""

FOLDS = 5
ACTORS_APART = "actor-disjoint"
STRATIFIED = "stratified"

HELD_OUT = 0.1
"""Share of the published training clips that becomes validation where none was published."""


def by_group(groups: Sequence[str], *, seed: int = 0) -> list[str]:
    """Whole groups (actors, speakers) go to one part: 70/15/15 percent of the shuffled groups."""
    names = sorted(set(groups))
    part_of = dict(zip(_shuffled(names, seed), _shares(len(names)), strict=True))
    return [part_of[group] for group in groups]


def by_actor(actors: Sequence[str]) -> dict[str, list[str]]:
    """Policies that keep actors apart: `actor-disjoint`, and its folds `actor-disjoint-1` to `-5`."""
    return {ACTORS_APART: by_group(actors), **by_fold(ACTORS_APART, actors)}


def folds_of(policy: str, offered: Collection[str]) -> list[str]:
    """Names of the folds of a policy that are among the `offered` ones, in order."""
    return [fold for number in range(FOLDS) if (fold := f"{policy}-{number + 1}") in offered]


def by_fold(policy: str, groups: Sequence[str], *, seed: int = 0) -> dict[str, list[str]]:
    """Policies `policy`-1 to `policy`-5, which test every group once, for the variance between groups.

    The shuffled groups are cut into folds; fold k is the test part of policy k, the next one validation, the
    others train. Nothing for fewer groups than folds.
    """
    order = _shuffled(sorted(set(groups)), seed)
    if len(order) < FOLDS:
        return {}
    fold_of = {group: FOLDS * place // len(order) for place, group in enumerate(order)}
    return _in_turn(policy, [fold_of[group] for group in groups])


def by_label(labels: NDArray[np.int64]) -> dict[str, list[str]]:
    """Policies for data without groups: `stratified`, and its folds `stratified-1` to `-5`."""
    return {STRATIFIED: stratified(labels), **by_stratified_fold(STRATIFIED, labels)}


def by_stratified_fold(policy: str, labels: NDArray[np.int64], *, seed: int = 0) -> dict[str, list[str]]:
    """As `by_fold`, for data without groups: every fold holds a fifth of the samples of every label.

    Seeds on one split say nothing of how far training and test samples happen to favour a method. Nothing
    where a label has fewer samples than there are folds.
    """
    folds = np.zeros(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        if len(rows) < FOLDS:
            return {}
        folds[_shuffled(rows, seed)] = FOLDS * np.arange(len(rows)) // len(rows)
    return _in_turn(policy, folds.tolist())


def _in_turn(policy: str, folds: Sequence[int]) -> dict[str, list[str]]:
    """Policies of which the k-th tests fold k of the samples and validates with the next one."""
    part_of = (TEST, VALIDATION, *[TRAIN] * (FOLDS - 2))
    return {
        f"{policy}-{number + 1}": [part_of[(fold - number) % FOLDS] for fold in folds]
        for number in range(FOLDS)
    }


def stratified(labels: NDArray[np.int64], *, seed: int = 0) -> list[str]:
    """70/15/15 percent of the samples of every label, for data without groups."""
    parts = np.full(len(labels), "", dtype=object)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        parts[_shuffled(rows, seed)] = _shares(len(rows))
    return [str(part) for part in parts]


def from_lists(ids: Sequence[str], lists: Mapping[str, Collection[str]]) -> list[str]:
    """Published lists of ids, by part; a sample in none of them is in no part.

    Raises InputError: an id stands in two lists, or in a list but not among `ids`.
    """
    part_of: dict[str, str] = {}
    for part, members in lists.items():
        if shared := part_of.keys() & set(members):
            raise InputError(f"{min(shared)} stands in two parts of a published split: correct the csv files")
        part_of.update(dict.fromkeys(members, part))
    if unknown := part_of.keys() - set(ids):
        raise InputError(f"{min(unknown)} stands in a published split but not in the data: check --source")
    return [part_of.get(sample, "") for sample in ids]


def hold_out(parts: Sequence[str], labels: NDArray[np.int64], *, seed: int = 0) -> list[str]:
    """Turn a stratified tenth of the training samples into validation (published splits without one)."""
    result = np.array(parts, dtype=object)
    training = result == TRAIN
    for label in np.unique(labels):
        rows = np.flatnonzero(training & (labels == label))
        result[_shuffled(rows, seed)[: round(HELD_OUT * len(rows))]] = VALIDATION
    return [str(part) for part in result]


def hold_out_groups(parts: Sequence[str], groups: Sequence[str], *, seed: int = 0) -> list[str]:
    """Turn a tenth of the groups that train into validation, each as a whole."""
    names = sorted({group for part, group in zip(parts, groups, strict=True) if part == TRAIN})
    held = set(_shuffled(names, seed)[: max(1, round(HELD_OUT * len(names)))])
    return [
        VALIDATION if part == TRAIN and group in held else part
        for part, group in zip(parts, groups, strict=True)
    ]


def held_out(labels: NDArray[np.int64], groups: Sequence[str] | None, *, seed: int = 0) -> NDArray[np.bool_]:
    """Which samples [N] are held out: a tenth of the groups, each as a whole, or of each label's samples.

    Where every group belongs to a single label, a tenth of each label's groups.
    """
    everyone = [TRAIN] * len(labels)
    if groups is None:
        parts = hold_out(everyone, labels, seed=seed)
    elif len(set(zip(groups, labels.tolist(), strict=True))) > len(set(groups)):
        parts = hold_out_groups(everyone, groups, seed=seed)
    else:
        names = np.asarray(groups, dtype=object)
        parts = each_class(
            labels,
            np.arange(len(labels)),
            lambda rows: hold_out_groups(everyone[: len(rows)], list(names[rows]), seed=seed),
        )
    return np.array([part == VALIDATION for part in parts])


def each_class(
    labels: NDArray[np.int64],
    rows: NDArray[np.int64],
    divide: Callable[[NDArray[np.int64]], Sequence[str]],
) -> list[str]:
    """Divide the given rows class by class: `divide` gives the parts of one class's rows; others are in none.

    For groups that belong to a single class, which would otherwise leave classes out of a part.
    """
    parts = np.full(len(labels), "", dtype=object)
    for label in np.unique(labels[rows]):
        members = rows[labels[rows] == label]
        parts[members] = divide(members)
    return [str(part) for part in parts]


def by_actor_number(actors: Sequence[int], *, train_to: int, validation_to: int) -> list[str]:
    """Actors numbered up to `train_to` train, up to `validation_to` validate, the others test."""
    return [TRAIN if a <= train_to else VALIDATION if a <= validation_to else TEST for a in actors]


def strata(labels: NDArray[Any]) -> NDArray[np.int64]:
    """What is spread evenly over parts: labels [N], or of [N, C] each sample's rarest one, C for none.

    Rare labels are the ones that a part could be left without (Sechidis et al., ECML 2011, begin with them).
    """
    if labels.ndim == 1:
        return labels.astype(np.int64, copy=False)
    rarest_first = np.argsort(labels.sum(axis=0), kind="stable")
    found = rarest_first[labels[:, rarest_first].argmax(axis=1)]
    return np.asarray(np.where(labels.any(axis=1), found, labels.shape[1]), dtype=np.int64)


def classes_in(labels: NDArray[Any]) -> set[int]:
    """Numbers of the classes that any of the samples has, from labels [N] or [N, C]."""
    return set((labels if labels.ndim == 1 else np.flatnonzero(labels.any(axis=0))).tolist())


def rows_by_part(
    policy: str, parts: Sequence[str], labels: NDArray[Any], classes: Sequence[str]
) -> dict[str, NDArray[np.int64]]:
    """Row indices of the three parts, each int64 and ascending.

    Raises InputError: a part is empty or lacks a class; the message names both.
    """
    column = np.asarray(parts, dtype=object)  # a long name in a store would stretch all of text
    rows = {part: np.flatnonzero(column == part).astype(np.int64) for part in PARTS}
    for part, members in rows.items():
        _require_every_class(policy, part, labels[members], classes)
    return rows


def held_back(rows: Rows) -> Rows:
    """The parts as they are: validation is held back from training."""
    return rows


def nothing_held_back(rows: Rows) -> Rows:
    """Validation joins training, and test stands in for it: releases without a validation part do so."""
    return {**rows, TRAIN: np.union1d(rows[TRAIN], rows[VALIDATION]), VALIDATION: rows[TEST]}


TRAINED_ON: Final[Mapping[str, Callable[[Rows], Rows]]] = {
    TRAIN: held_back,
    f"{TRAIN}+{VALIDATION}": nothing_held_back,
}
"""Rows of the parts as a run takes them, by the name that settings carry."""


def _require_every_class(policy: str, part: str, labels: NDArray[Any], classes: Sequence[str]) -> None:
    if not len(labels):
        raise InputError(
            f"split {policy}: its {part} part has no samples; choose another --split or add data"
        )
    present = classes_in(labels)
    missing = [name for label, name in enumerate(classes) if label not in present]
    if missing:
        raise InputError(
            f"split {policy}: its {part} part has no sample of class {', '.join(missing)}; "
            "choose another --split or add data"
        )


def _shares(count: int) -> list[str]:
    """`count` part names in the order train, validation, test; three or more leave none empty."""
    held = max(1, round(SHARES[1] * count)) if count > 1 else 0
    train = max(1, min(round(SHARES[0] * count), count - held - 1)) if count > 2 else min(1, count)
    return [TRAIN] * train + [VALIDATION] * held + [TEST] * (count - train - held)


def _shuffled(items: Iterable[Item], seed: int) -> list[Item]:
    """The items in an order that depends on nothing but their order and the seed."""
    pool = list(items)
    return [pool[index] for index in np.random.default_rng(seed).permutation(len(pool))]
