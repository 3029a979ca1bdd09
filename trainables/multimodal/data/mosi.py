"""CMU-MOSI, utterance level: text, audio and vision features of 2,199 opinions in 93 videos.

The layout is that of Poria et al. (ACL 2017): csv files without header, one row per utterance, for a training
and a test part that share no video. Text and vision features were fitted on that training part, so that a
validation part carved from it flatters: text alone reaches .98 on training utterances and .757 on test.
"""

import csv
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from trainables.multimodal.data.media import inside, require_content, require_folder
from trainables.multimodal.data.source import Source
from trainables.multimodal.data.splits import TEST, TRAIN, by_group, hold_out_groups
from trainables.multimodal.data.store import Arrays, Modality
from trainables.multimodal.errors import InputError

TRANSCRIPTS: Final = "transcripts.csv"
CLASSES: Final = ("negative", "positive")
TABLES: Final = {"text": "text_{}.csv", "audio": "audio_{}0.csv", "vision": "video_{}0.csv"}
SIZES: Final = {"text": 100, "audio": 73, "vision": 100}
PARTS: Final = {"train": TRAIN, "test": TEST}
"""Part in the files' names -> part of the published split."""
SPLIT: Final = "poria"

NOTE: Final = (
    "text and vision features were fitted on the published training part, so scores on training videos, and "
    "on a validation part taken from them, flatter: plain logistic regression on text reaches .98 there and "
    ".757 on test."
)

Table = NDArray[np.float32]


def read(root: Path) -> Source:
    """The utterances below `root`; the label is whether the sentiment is positive (zero counts as that).

    Modalities: `text` [100], `audio` [73], `vision` [100], float32. Split `poria` is the published one with a
    tenth of its training videos for validation; `video-disjoint` draws all parts anew.

    Raises InputError: a file is missing, cannot be read, or does not agree with the others.
    """
    require_folder(root)
    files = [inside(root, TRANSCRIPTS), *(inside(root, n.format(p)) for n in TABLES.values() for p in PARTS)]
    for file in files:
        require_content(file)
    utterances = _transcripts(files[0])
    numbers = {part: _row_numbers(root, part, len(utterances)) for part in PARTS}
    _require_each_once(numbers, len(utterances))
    tables = {name: _table(root, name, numbers, utterances) for name in TABLES}
    ids = [utterance for utterance, _ in utterances]
    videos = [utterance.rpartition("_")[0] for utterance in ids]
    published = np.full(len(ids), "", dtype=object)
    for part, rows in numbers.items():
        published[rows] = PARTS[part]
    return Source(
        name="mosi",
        root=root,
        files=files,
        recipe={"name": "poria-utterance"},
        classes=CLASSES,
        modalities={name: Modality(name, (size,), "float32") for name, size in SIZES.items()},
        ids=ids,
        labels=np.array([label for _, label in utterances], dtype=np.int64),
        groups=videos,
        splits={SPLIT: hold_out_groups(list(published), videos), "video-disjoint": by_group(videos)},
        default_split=SPLIT,
        load=partial(_load, tables),
        note=NOTE,
    )


def _load(tables: dict[str, Table], row: int) -> Arrays:
    return {name: table[row] for name, table in tables.items()}


def _transcripts(file: Path) -> list[tuple[str, int]]:
    """Id and label of every utterance."""
    found = []
    for number, row in enumerate(_rows(file), 1):
        if len(row) != 4 or row[3] not in ("0", "1") or "_" not in row[0]:
            raise InputError(
                f"{file.name}, line {number} is not `utterance, text, video, 0 or 1`: take the published file"
            )
        found.append((row[0], int(row[3])))
    return found


def _row_numbers(root: Path, part: str, total: int) -> NDArray[np.int64]:
    """Rows of the transcripts that a part's tables are about: the first column of the text table."""
    numbers = _numbers(root / TABLES["text"].format(part), 1 + SIZES["text"])[:, 0].astype(np.int64)
    if len(numbers) and not 0 <= numbers.min() <= numbers.max() < total:
        raise InputError(
            f"{TABLES['text'].format(part)} names a row that {TRANSCRIPTS} lacks: take files that belong "
            "together"
        )
    return numbers


def _require_each_once(numbers: dict[str, NDArray[np.int64]], total: int) -> None:
    if sorted(np.concatenate(list(numbers.values())).tolist()) != list(range(total)):
        raise InputError(
            f"the text tables do not name every row of {TRANSCRIPTS} once: take files that belong together"
        )


def _table(
    root: Path, name: str, numbers: dict[str, NDArray[np.int64]], utterances: list[tuple[str, int]]
) -> Table:
    """Features of one modality, in the order of the transcripts."""
    size = SIZES[name]
    table = np.empty((len(utterances), size), np.float32)
    for part, rows in numbers.items():
        file = root / TABLES[name].format(part)
        values = _numbers(file, size + 1)
        if len(values) != len(rows):
            raise InputError(f"{file.name} has {len(values)} rows instead of {len(rows)}")
        if name == "text":
            table[rows] = values[:, 1:]
            continue
        expected = [utterances[row][1] for row in rows]
        if values[:, -1].tolist() != expected:
            raise InputError(f"{file.name}: its labels are not those of {TRANSCRIPTS}")
        table[rows] = values[:, :-1]
    return table


def _numbers(file: Path, width: int) -> NDArray[np.float64]:
    rows = _rows(file)
    wrong = next((number for number, row in enumerate(rows, 1) if len(row) != width), None)
    if wrong:
        raise InputError(f"{file.name}, line {wrong} has {len(rows[wrong - 1])} columns instead of {width}")
    try:
        return np.array(rows, dtype=np.float64).reshape(-1, width)
    except ValueError as error:
        raise InputError(f"{file.name} holds something else than numbers ({error})") from error


def _rows(file: Path) -> list[list[str]]:
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            return list(csv.reader(stream))
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(f"{file.name} cannot be read as csv ({error})") from error
