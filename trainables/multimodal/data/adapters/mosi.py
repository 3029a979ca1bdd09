"""CMU-MOSI, utterance level: text, audio and vision features of 2,199 opinions in 93 videos.

The layout is that of Poria et al. (ACL 2017): csv files without header, one row per utterance, for a training
and a test part that share no video. Text and vision features were fitted on that training part, so that a
validation part carved from it flatters: text alone reaches .98 on training utterances and .757 on test.
The sentiment scores that the labels are the signs of come in a file of their own, which may be missing.
"""

from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from trainables.multimodal.data.media.file_checks import inside, require_folder
from trainables.multimodal.data.source import Source
from trainables.multimodal.data.splits import TEST, TRAIN, by_group, hold_out_groups
from trainables.multimodal.data.store.feature_store import Arrays, Modality, Quantity
from trainables.multimodal.data.tables.text_tables import read_rows
from trainables.multimodal.errors import InputError

TRANSCRIPTS: Final = "transcripts.csv"
SENTIMENT_TABLE: Final = "sentiment_recovered.csv"
"""Optional: columns `utterance` and `sentiment`, a number in -3..3."""
SENTIMENT_SCALE: Final = Quantity("sentiment", -3, 3)
CLASSES: Final = ("negative", "positive")
TABLES: Final = {"text": "text_{}.csv", "audio": "audio_{}0.csv", "vision": "video_{}0.csv"}
SIZES: Final = {"text": 100, "audio": 73, "vision": 100}
COLUMNS: Final = {"text": slice(1, None), "audio": slice(-1), "vision": slice(-1)}
"""Where the features stand: a number comes before those of text, a label after the others."""
PART_OF: Final = {"train": TRAIN, "test": TEST}
"""Part in the files' names -> part of the published split."""
SPLIT: Final = "poria"

COMPLETE_FILE: Final = f"take the complete file that belongs to {TRANSCRIPTS}, or remove it"
NOTE: Final = (
    "text and vision features were fitted on the published training part, so scores on training videos, and "
    "on a validation part taken from them, flatter: plain logistic regression on text reaches .98 there and "
    ".757 on test."
)

Features = NDArray[np.float32]
Values = NDArray[np.float64]


def read(root: Path) -> Source:
    """The utterances below `root`; the label is whether the sentiment is positive (zero counts as that).

    Modalities: `text` [100], `audio` [73], `vision` [100], float32. Split `poria` is the published one with a
    tenth of its training videos for validation; `video-disjoint` draws all parts anew. With the sentiment
    scores beside them, utterances have these as values.

    Raises InputError: a file is missing, cannot be read, or does not agree with the others.
    """
    require_folder(root)
    files = [
        inside(root, TRANSCRIPTS),
        *(inside(root, n.format(p)) for n in TABLES.values() for p in PART_OF),
    ]
    utterances = _transcripts(files[0])
    values = {name: {part: _numbers(root, name, part) for part in PART_OF} for name in TABLES}
    numbers = {part: values["text"][part][:, 0].astype(np.int64) for part in PART_OF}
    _require_each_once(numbers, len(utterances))
    _require_labels(values, numbers, [label for _, label in utterances])
    tables = {name: _table(values[name], numbers, COLUMNS[name]) for name in TABLES}
    scores = _scores(inside(root, SENTIMENT_TABLE), utterances)
    ids = [utterance for utterance, _ in utterances]
    videos = [utterance.rpartition("_")[0] for utterance in ids]
    published = np.full(len(ids), "", dtype=object)
    for part, rows in numbers.items():
        published[rows] = PART_OF[part]
    return Source(
        name="mosi",
        root=root,
        files=files if scores is None else [*files, root / SENTIMENT_TABLE],
        recipe={"name": "poria-utterance"},
        classes=CLASSES,
        modalities={name: Modality(name, (size,), "float32") for name, size in SIZES.items()},
        ids=ids,
        labels=np.array([label for _, label in utterances], dtype=np.int64),
        groups=videos,
        splits={SPLIT: hold_out_groups(list(published), videos), "video-disjoint": by_group(videos)},
        default_split=SPLIT,
        load=partial(_load, tables),
        in_memory=True,
        note=NOTE,
        values=scores,
        quantity=None if scores is None else SENTIMENT_SCALE,
    )


def _load(tables: dict[str, Features], row: int) -> Arrays:
    return {name: table[row] for name, table in tables.items()}


def _transcripts(file: Path) -> list[tuple[str, int]]:
    """Id and label of every utterance."""
    utterances = []
    for number, row in enumerate(read_rows(file), 1):
        if len(row) != 4 or row[3] not in ("0", "1") or "_" not in row[0]:
            raise InputError(
                f"{file.name}, line {number} is not `utterance, text, video, 0 or 1`: take the published file"
            )
        utterances.append((row[0], int(row[3])))
    return utterances


def _scores(file: Path, utterances: list[tuple[str, int]]) -> NDArray[np.float32] | None:
    """Sentiment of every utterance, if the file is there; its sign, zero as positive, must be the label."""
    if not file.is_file():
        return None
    head, *rows = read_rows(file) or [[]]
    if not {"utterance", "sentiment"} <= set(head) or any(len(row) != len(head) for row in rows):
        raise InputError(f"{file.name} is no table with columns `utterance` and `sentiment`: {COMPLETE_FILE}")
    texts = {row[head.index("utterance")]: row[head.index("sentiment")] for row in rows}
    return np.array([_score(file, texts, *utterance) for utterance in utterances], dtype=np.float32)


def _score(file: Path, texts: dict[str, str], utterance: str, label: int) -> float:
    try:
        score = float(texts[utterance])
    except KeyError as error:
        raise InputError(f"{file.name} lacks {utterance}: {COMPLETE_FILE}") from error
    except ValueError as error:
        raise InputError(
            f"{file.name}: {utterance} has {texts[utterance]!r} for a number: {COMPLETE_FILE}"
        ) from error
    if (score >= 0) != bool(label):
        raise InputError(
            f"{file.name}: {utterance} has {score:g}, and its label is {CLASSES[label]}: {COMPLETE_FILE}"
        )
    return score


def _require_each_once(numbers: dict[str, NDArray[np.int64]], total: int) -> None:
    """The first column of the text tables tells which row of the transcripts each of their rows is about."""
    if sorted(np.concatenate(list(numbers.values())).tolist()) != list(range(total)):
        raise InputError(
            f"the text tables do not name every row of {TRANSCRIPTS} once: take files that belong together"
        )


def _require_labels(
    values: dict[str, dict[str, Values]], numbers: dict[str, NDArray[np.int64]], labels: list[int]
) -> None:
    """Tables of sound and vision have as many rows as that of text, and end with the label."""
    for name, part in ((name, part) for name in ("audio", "vision") for part in PART_OF):
        file, table = TABLES[name].format(part), values[name][part]
        if len(table) != len(numbers[part]):
            raise InputError(f"{file} has {len(table)} rows instead of {len(numbers[part])}")
        if table[:, -1].tolist() != [labels[row] for row in numbers[part]]:
            raise InputError(f"{file}: its labels are not those of {TRANSCRIPTS}")


def _table(values: dict[str, Values], numbers: dict[str, NDArray[np.int64]], columns: slice) -> Features:
    """Features of one modality, in the order of the transcripts."""
    rows = np.concatenate([numbers[part] for part in PART_OF])
    stacked = np.concatenate([values[part][:, columns] for part in PART_OF])
    return stacked[np.argsort(rows)].astype(np.float32)


def _numbers(root: Path, name: str, part: str) -> Values:
    """All columns of one table."""
    file, width = root / TABLES[name].format(part), SIZES[name] + 1
    rows = read_rows(file)
    wrong = next((number for number, row in enumerate(rows, 1) if len(row) != width), None)
    if wrong:
        raise InputError(f"{file.name}, line {wrong} has {len(rows[wrong - 1])} columns instead of {width}")
    try:
        return np.array(rows, dtype=np.float64).reshape(-1, width)
    except ValueError as error:
        raise InputError(f"{file.name} holds something else than numbers ({error})") from error
