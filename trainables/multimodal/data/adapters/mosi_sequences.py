"""CMU-MOSI, word level: sequences of text, audio and vision features of 2,199 opinions in 93 videos.

Users have these as one pickle, in either of two layouts: that of MMSA (`aligned_50.pkl` or
`unaligned_50.pkl`) or that of MulT (`mosi_data.pkl` or `mosi_data_noalign.pkl`). Both hold `train`, `valid`
and `test`, the standard split of the data, whose parts share no video.
"""

import re
import reprlib
from collections.abc import Iterable, Mapping, Sequence, Sized
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from trainables.multimodal.data.adapters.mosi import CLASSES, SENTIMENT_SCALE
from trainables.multimodal.data.limits import MOST_ID_CHARACTERS
from trainables.multimodal.data.media.file_checks import inside
from trainables.multimodal.data.source import Source
from trainables.multimodal.data.splits import TEST, TRAIN, VALIDATION, by_group
from trainables.multimodal.data.store.feature_store import Arrays, Modality
from trainables.multimodal.data.tables.safe_pickle import Stored, read_pickle
from trainables.multimodal.errors import InputError

FILES: Final = ("aligned_50.pkl", "unaligned_50.pkl", "mosi_data.pkl", "mosi_data_noalign.pkl")
PART_OF: Final = {"train": TRAIN, "valid": VALIDATION, "test": TEST}
VALIDATIONS: Final = ("valid", "dev", "val", "validation")
"""Names of the part that validates, the published one first."""
NARROW: Final = 1.0
"""Scores of another data set, CH-SIMS, never leave -1..1; those of CMU-MOSI reach -3 and 3."""
MODALITIES: Final = ("text", "audio", "vision")
SCORES: Final = ("regression_labels", "labels")
"""Names of the sentiment, MMSA's and MulT's."""
SPLIT: Final = "official"
NUMBERED: Final = "the file numbers its utterances, so that nobody knows which of them share a video."
NUMBER: Final = re.compile(r"\d+(\.0)?", re.ASCII)
VIDEO: Final = re.compile(r"\$_\$\d+$|\[\d+\]$|_\d+$")
"""What follows the video in the id of an utterance: `video$_$3`, `video[3]` or `video_3`."""
MOST_LISTED: Final = 10
"""Parts that a refusal lists."""
MOST_NUMBER: Final = 2**63
"""Whole numbers from here on take long to write out."""

Part = dict[str, NDArray[Any]]


def read(path: Path) -> Source:
    """The utterances in `path`, a pickle or a folder with exactly one of FILES.

    Modalities: `text`, `audio` and `vision`, float32 [T, D] as they are in the file; a step of zeros is
    padding, in front or behind. The value is the sentiment, the label whether it is positive (zero counts
    as that). Where ids are numbers that begin anew in each part, as MultiBench has them, they get the name of
    their part, and the videos are unknown.

    Raises InputError: no such file, not a pickle of arrays, or arrays that are missing or do not fit.
    """
    file = _only_file(path)
    content = _entries(read_pickle(file), file.name)
    parts = {name: _part(content, name, file.name) for name in PART_OF}
    _require_scale(parts, file.name)
    shapes = {name: _shape(parts, name, file.name) for name in MODALITIES}
    replaced = {name: _count_unknown(parts.values(), name) for name in MODALITIES}
    scores = np.concatenate([part["score"] for part in parts.values()])
    names = {name: [_name(row, file.name) for row in part["id"].tolist()] for name, part in parts.items()}
    anew = _begin_anew(names)
    official = {SPLIT: [PART_OF[name] for name, part in parts.items() for _ in part["score"]]}
    videos = None if anew else [video for of_part in names.values() for _, video in of_part]
    return Source(
        name="mosi-sequences",
        root=file.parent,
        files=[file],
        recipe={"name": "unaligned" if len({steps for steps, _ in shapes.values()}) > 1 else "aligned"},
        classes=CLASSES,
        modalities={name: Modality(name, shape, "float32") for name, shape in shapes.items()},
        ids=[f"{part}-{name}" if anew else name for part, of_part in names.items() for name, _ in of_part],
        labels=(scores >= 0).astype(np.int64),
        groups=videos,
        splits=official if videos is None else {**official, "video-disjoint": by_group(videos)},
        default_split=SPLIT,
        load=partial(_load, [(part, row) for part in parts.values() for row in range(len(part["score"]))]),
        in_memory=True,
        note=" ".join(filter(None, [_note(replaced), NUMBERED if anew else ""])),
        values=scores,
        quantity=SENTIMENT_SCALE,
    )


def _load(places: Sequence[tuple[Part, int]], number: int) -> Arrays:
    """One utterance; parts stay as they are in the file, since another copy of them could fill the memory."""
    part, row = places[number]
    return {name: _known(part[name][row]) for name in MODALITIES}


def _only_file(path: Path) -> Path:
    if path.is_file():
        return path
    names = [name for name in FILES if (path / name).is_file()]
    if len(names) != 1:
        raise InputError(f"{path} holds {len(names)} of {', '.join(FILES)}: name one file with --source")
    return inside(path, names[0])


def _entries(content: object, where: str) -> Mapping[str, Any]:
    if not isinstance(content, Mapping) or not all(isinstance(key, str) for key in content):
        raise InputError(f"{where} holds no names with entries: take the published file")
    return content


def _part(content: Mapping[str, Any], name: str, file: str) -> Part:
    """Arrays of one part: the modalities, `score` [N] and `id` [N] or [N, entries]."""
    called = [key for key in (VALIDATIONS if name in VALIDATIONS else (name,)) if key in content]
    if not called:
        raise InputError(f"{file} lacks the part {name}, it has {_listed(content)}: take the published file")
    if len(called) > 1:
        raise InputError(f"{file} has parts called {' and '.join(called)}: keep one of them")
    where = f"{file}, {called[0]}"
    entries = _entries(content[called[0]], where)
    named = next((score for score in SCORES if score in entries), SCORES[0])
    part = {key: _array(entries, key, where) for key in (*MODALITIES, "id", named)}
    _require_numbers(part[named], f"{where}: {named}")
    scores = _single(part.pop(named)).reshape(-1)
    for key in (*MODALITIES, "id"):
        if len(part[key]) != len(scores):
            raise InputError(f"{where}: {key} has {len(part[key])} rows and {named} {len(scores)}")
    return {**part, "score": scores}


def _listed(content: Mapping[str, Any]) -> str:
    return ", ".join(key[:MOST_ID_CHARACTERS] for key in sorted(content)[:MOST_LISTED]) or "none"


def _require_scale(parts: Mapping[str, Part], file: str) -> None:
    """Raise InputError for scores that are not on the scale of CMU-MOSI."""
    highest = max(float(np.abs(part["score"]).max(initial=0)) for part in parts.values())
    if highest <= NARROW:
        raise InputError(
            f"{file}: sentiment goes to {highest:g} at most, and that of CMU-MOSI to 3: it looks like "
            "another data set, such as CH-SIMS in -1..1, so prepare its arrays as features"
        )


def _array(entries: Mapping[str, Any], key: str, where: str) -> NDArray[Any]:
    """An array, or a plain list of numbers or text; text as objects, since a long one would stretch all."""
    if key not in entries:
        raise InputError(f"{where} lacks {key}: take the published file")
    entry = entries[key]
    if isinstance(entry, list) and all(isinstance(item, int | float | str) for item in entry):
        return np.array(entry, object if any(isinstance(item, str) for item in entry) else None)
    if not isinstance(entry, Stored) or not entry.array.ndim:
        raise InputError(f"{where}: {key} is no array: take the published file")
    return entry.array


def _require_numbers(array: NDArray[Any], where: str) -> None:
    if array.dtype.kind not in "iuf":
        raise InputError(f"{where} holds {array.dtype}, not numbers")


def _single(array: NDArray[Any]) -> NDArray[np.float32]:
    """Numbers as float32; what that cannot hold is infinite, and treated as that."""
    with np.errstate(over="ignore", invalid="ignore"):
        return array.astype(np.float32)


def _shape(parts: Mapping[str, Part], name: str, file: str) -> tuple[int, int]:
    """[T, D] of one modality, which all parts share."""
    shapes = {part[name].shape[1:] for part in parts.values()}
    if len(shapes) > 1 or any(part[name].ndim != 3 or not part[name].size for part in parts.values()):
        raise InputError(f"{file}: {name} must be [N, T, D] in every part, and is [N] of {sorted(shapes)}")
    for part in parts.values():
        _require_numbers(part[name], f"{file}: {name}")
    steps, size = shapes.pop()
    return steps, size


def _known(array: NDArray[Any]) -> NDArray[np.float32]:
    """Numbers as float32, with 0 in place of every one that is not finite."""
    numbers = _single(array)
    numbers[~np.isfinite(numbers)] = 0
    return numbers


def _count_unknown(parts: Iterable[Part], name: str) -> int:
    """How many numbers of a modality are not finite."""
    rows = (row for part in parts for row in part[name])
    return sum(int((~np.isfinite(_single(row))).sum()) for row in rows)


def _begin_anew(names: Mapping[str, Sequence[tuple[str, str]]]) -> bool:
    """Whether ids are numbers of rows, some of which stand in several parts; a video never does."""
    ids = [{name for name, _ in of_part} for of_part in names.values()]
    several = len(set().union(*ids)) < sum(map(len, ids))
    return several and all(NUMBER.fullmatch(name) for of_part in ids for name in of_part)


def _name(row: object, file: str) -> tuple[str, str]:
    """Id and video of an utterance; where an id has several entries, the video is the first of them."""
    raw = row if isinstance(row, list) else [row]
    _require_short(raw, file)  # what is in the file once can be in every id, many times
    entries = [_text(entry, file) for entry in raw]
    video = entries[0].partition("[")[0] if len(entries) > 1 else VIDEO.sub("", entries[0])
    if not video:
        raise InputError(f"{file}: the id {reprlib.repr(row)} names no video: take the published file")
    name = "_".join(entries)
    _require_short(name, file)
    return name, video


def _require_short(part: Sized, file: str) -> None:
    if len(part) > MOST_ID_CHARACTERS:
        raise InputError(
            f"{file}: the id {reprlib.repr(part)} has more than {MOST_ID_CHARACTERS} characters: "
            "take the published file"
        )


def _text(entry: object, file: str) -> str:
    """An id or a part of one; anything nested could be written out for ever."""
    endless = isinstance(entry, int) and abs(entry) >= MOST_NUMBER
    if endless or not isinstance(entry, str | bytes | float | int):
        raise InputError(
            f"{file}: an id holds {type(entry).__name__}, and may hold text and numbers only: "
            "take the published file"
        )
    if isinstance(entry, str | bytes):
        _require_short(entry, file)
    return entry.decode("latin1") if isinstance(entry, bytes) else str(entry)


def _note(replaced: Mapping[str, int]) -> str:
    """What became of numbers that the file does not know, such as the logarithm of silence."""
    each = [f"{count} of {name}" for name, count in replaced.items() if count]
    if not each:
        return ""
    return (
        f"NaN or infinite in the published file and 0 here, as in all uses of it: numbers {', '.join(each)}."
    )
