"""What own features say of each sample beside its arrays: labels, values and parts, as people write them."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from trainables.multimodal.data.limits import MOST_ID_CHARACTERS, MOST_SHOWN_CHARACTERS
from trainables.multimodal.data.splits import (
    FOLDS,
    PARTS,
    TEST,
    TRAIN,
    VALIDATION,
    by_actor,
    by_label,
    classes_in,
    folds_of,
    hold_out,
    hold_out_groups,
    strata,
)
from trainables.multimodal.data.store.feature_store import Quantity
from trainables.multimodal.errors import InputError

PART_OF: Final = {
    "train": TRAIN, "training": TRAIN,
    "validation": VALIDATION, "valid": VALIDATION, "val": VALIDATION, "dev": VALIDATION,
    "test": TEST, "testing": TEST,
}  # fmt: skip
"""Names of parts in `split`, in small letters -> part."""
GIVEN: Final = "given"
"""The policy that `split` gives."""
FEWEST_GROUPS: Final = 3
"""One for each part."""


def label_entries(values: NDArray[Any]) -> NDArray[Any]:
    """Labels [N] as whole numbers, truth values or objects of text; InputError for anything else.

    Of several labels per sample [N, C], each 0 or 1, truth values.
    """
    if values.ndim == 2:
        return flags_of("label", values)
    if values.dtype.kind == "f":
        return _whole(values)
    if values.dtype.kind not in "biuUSO":
        raise InputError(f"label holds {values.dtype}: expected whole numbers or text")
    return np.array(texts("label", values), dtype=object) if values.dtype.kind in "USO" else values


def flags_of(name: str, values: NDArray[Any]) -> NDArray[np.bool_]:
    """Which labels samples have, of truth values or zeros and ones [N] or [N, C]; InputError for others."""
    if values.dtype.kind not in "biuf" or not np.isin(values, (0, 1)).all():
        raise InputError(
            f"{name} has shape {values.shape} and not 0 and 1 alone: save one label per sample, [N], or of "
            "several labels whether it has them, [N, C]"
        )
    return values.astype(np.bool_)


def classes_of(
    values: NDArray[Any], names: Sequence[str] = ()
) -> tuple[tuple[str, ...], NDArray[np.int64] | NDArray[np.bool_]]:
    """Class names in sorted order, and each sample's index into them.

    Of several labels per sample [N, C] their `names`, or else their numbers, and the labels as they are.
    """
    if values.ndim == 2:
        if not names and (values.sum(axis=1) == 1).all():
            raise InputError(f"label has shape {values.shape}: of one-hot labels save array.argmax(axis=1)")
        return tuple(names) or tuple(map(str, range(values.shape[1]))), values
    in_order, rows, labels = np.unique(values, return_index=True, return_inverse=True)
    names = [str(name) for name in in_order]
    for name, row in zip(names, rows, strict=True):
        if not name:
            raise InputError(f"label of row {row} is empty: name it, or leave the row out")
        if len(name) > MOST_ID_CHARACTERS:
            raise InputError(
                f"label of row {row} has {len(name)} characters, and {MOST_ID_CHARACTERS} are the limit: "
                "shorten it"
            )
    return tuple(names), labels.astype(np.int64)


def names_of(name: str, values: NDArray[Any]) -> list[str]:
    """Ids or groups as text; InputError where one is NaN."""
    if values.dtype.kind == "f" and len(wrong := np.flatnonzero(np.isnan(values))):
        raise InputError(f"{name} of row {wrong[0]} is NaN: name it")
    return [str(value) for value in values]


def texts(name: str, values: NDArray[Any]) -> list[str]:
    """Entries of an array as text, bytes too: a long text would stretch all others of an array of text."""
    try:
        return [
            value.decode("ascii") if isinstance(value, bytes) else str(value) for value in values.tolist()
        ]
    except UnicodeDecodeError as error:
        raise InputError(f"{name} holds bytes that are no text in ASCII ({error}): write text") from error


def parts_of(values: NDArray[Any]) -> list[str]:
    """The part of each sample that a column `split` [N] names; InputError for another name."""
    names = texts("split", values)
    parts = [PART_OF.get(name.strip().lower(), "") for name in names]
    if "" in parts:
        row = parts.index("")
        raise InputError(
            f"split of row {row} is {_shown(names[row])!r}: it must be train, validation (or "
            "valid, val, dev) or test"
        )
    return parts


def part_named(stem: str) -> str:
    """The part that a file's name tells, as in `train-00000-of-00002`; empty for none, or several."""
    words = re.split(r"[^a-z]+", stem.lower())
    parts = {PART_OF[word] for word in words if word in PART_OF}
    return parts.pop() if len(parts) == 1 else ""


def numbers_of(values: NDArray[Any]) -> NDArray[np.float32]:
    """The number of each sample that a column `value` [N] holds; InputError for what is no finite number."""
    if values.dtype.kind not in "biuf":
        raise InputError(f"value holds {values.dtype}: expected numbers")
    numbers = values.astype(np.float32)
    if len(wrong := np.flatnonzero(~np.isfinite(numbers))):
        raise InputError(
            f"value of row {wrong[0]} is {numbers[wrong[0]]}: write a number, or leave the row out"
        )
    return numbers


def signs_of(numbers: NDArray[np.float32]) -> NDArray[Any]:
    """Labels [N] of values without any: their signs, zero counted as positive."""
    return np.where(numbers < 0, "negative", "positive").astype(object)


def quantity_of(numbers: NDArray[np.float32]) -> Quantity:
    """The scale of values [N]: from the whole number below them to the one above."""
    lowest, highest = int(np.floor(numbers.min())), int(np.ceil(numbers.max()))
    if not lowest < 0 < highest:
        raise InputError(
            f"value lies in {lowest}..{highest}, and zero must lie inside, since signs are scored: subtract "
            "what divides low from high, such as the mean"
        )
    return Quantity("value", lowest, highest)


def splits_of(
    labels: NDArray[Any], groups: Sequence[str] | None, given: Sequence[str] | None
) -> dict[str, list[str]]:
    """All policies, the default first: the given one, and one that is drawn, which keeps groups apart.

    The drawn one has five folds, unless a split is given: confirm then keeps to its test part. It has none
    where a part of a fold would lack a class, or where there are fewer groups or samples of a class than
    folds.

    A given split without validation gets a tenth of its training samples, or of their groups, for it.
    Raises InputError where there are too few groups to draw any, and no split is given.
    """
    few = groups is not None and len(set(groups)) < FEWEST_GROUPS
    if few and given is None:
        raise InputError(
            f"{len(set(groups or []))} groups, and a split needs {FEWEST_GROUPS}: leave `group` out or "
            "add data"
        )
    splits: dict[str, list[str]] = {}
    if given is not None and VALIDATION in given:
        splits[GIVEN] = list(given)
    elif given is not None:
        splits[GIVEN] = hold_out(given, strata(labels)) if groups is None else hold_out_groups(given, groups)
    drawn = {} if few else _drawn(labels, groups)
    without = given is not None or _lacking(drawn, labels)
    return splits | (dict(list(drawn.items())[:1]) if without else drawn)


def remarks_on(
    splits: Mapping[str, Sequence[str]], groups: Sequence[str] | None, given: Sequence[str] | None
) -> list[str]:
    """Sentences on a given split: where its validation part comes from, and which groups it divides."""
    if given is None:
        return []
    kind = "samples" if groups is None else "groups"
    taken = f"the given split has no validation part: a tenth of the {kind} that train is taken for it."
    remarks = [] if VALIDATION in given else [taken]
    of_group: dict[str, set[str]] = {}
    for group, part in zip(groups or [], splits[GIVEN], strict=False):
        of_group.setdefault(group, set()).add(part)
    divided = [group for group, parts in of_group.items() if len(parts) > 1]
    if divided:
        remarks.append(
            f"the given split has {len(divided)} of {len(of_group)} groups in more than one part, such as "
            f"{_shown(divided[0])}: what is tested may have been trained on."
        )
    return remarks


def remarks_without_folds(
    splits: Mapping[str, Sequence[str]],
    labels: NDArray[Any],
    classes: Sequence[str],
    groups: Sequence[str] | None,
) -> list[str]:
    """A sentence on why a drawn default split has no folds, so that all seeds share one test set."""
    default = next(iter(splits))
    if default == GIVEN or folds_of(default, splits):
        return []
    lacking = _lacking(_drawn(labels, groups), labels)
    if lacking:
        kind = "samples" if groups is None else "groups"
        said = f"would leave a part without class {_shown(classes[min(lacking)])}"
        return [f"{FOLDS} folds of the {kind} {said}, so there are none, and one test set."]
    few = _fewest_samples(labels, classes) if groups is None else f"{len(set(groups))} groups"
    return [f"{few} are too few for {FOLDS} folds, so there are none, and one test set."]


def _drawn(labels: NDArray[Any], groups: Sequence[str] | None) -> dict[str, list[str]]:
    """The policy that is drawn, and its folds if there are enough groups, or samples of every class."""
    return by_label(strata(labels)) if groups is None else by_actor(groups)


def _lacking(drawn: Mapping[str, list[str]], labels: NDArray[Any]) -> set[int]:
    """Numbers of the classes that some part of some fold is without."""
    folds = [np.array(drawn[fold]) for fold in folds_of(next(iter(drawn), ""), drawn)]
    there = [classes_in(labels[fold == part]) for fold in folds for part in PARTS]
    return {label for label in classes_in(labels) for held in there if label not in held}


def _fewest_samples(labels: NDArray[Any], classes: Sequence[str]) -> str:
    """How many samples the smallest stratum has, and of what."""
    found, counts = np.unique(strata(labels), return_counts=True)
    smallest = int(found[counts.argmin()])
    if smallest == len(classes):
        return f"{counts.min()} samples without a class"
    which = "of" if labels.ndim == 1 else "whose rarest is"
    return f"{counts.min()} samples {which} class {_shown(classes[smallest])}"


def _shown(name: str) -> str:
    return name[:MOST_SHOWN_CHARACTERS]


def _whole(values: NDArray[Any]) -> NDArray[np.int64]:
    """Floats that are whole numbers; pandas makes such of a column with empty cells."""
    numbers = values.astype(np.float64)
    wrong = np.flatnonzero(~((numbers == np.round(numbers)) & (np.abs(numbers) < 2**53)))
    if len(wrong):
        raise InputError(
            f"label of row {wrong[0]} is {values[wrong[0]]}: expected whole numbers or text, and a number to "
            "predict is called `value`"
        )
    return numbers.astype(np.int64)
