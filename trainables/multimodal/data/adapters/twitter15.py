"""Twitter15: the sentiment that a tweet with a picture shows towards one of the names in it.

The layout is that of Yu and Jiang (IJCAI 2019, "TomBERT"), as published: twitter2015/train.tsv, dev.tsv and
test.tsv, and twitter2015_images/<picture>. Tables have 3,179, 1,122 and 1,037 rows under a header: number,
label 0, 1 or 2, picture, tweet with $T$ where the target stood, target. A tweet with several targets has as
many rows.
"""

import re
from pathlib import Path
from typing import Final

from trainables.multimodal.data.adapters.text_image_rows import RECIPES, Tables, TextImageRow, make_source
from trainables.multimodal.data.limits import MOST_TWEET_CHARACTERS
from trainables.multimodal.data.media.file_checks import inside, require_folder
from trainables.multimodal.data.recipes import Recipe
from trainables.multimodal.data.source import Source
from trainables.multimodal.data.splits import TEST, TRAIN, VALIDATION
from trainables.multimodal.data.tables.text_tables import read_lines
from trainables.multimodal.errors import InputError

__all__ = ["RECIPES", "read"]

TABLES_FOLDER: Final = "twitter2015"
IMAGES_FOLDER: Final = "twitter2015_images"
PART_OF: Final = {"train": TRAIN, "dev": VALIDATION, "test": TEST}
"""Name of a table -> its part of the published split."""
HEADER: Final = ("index", "#1 Label", "#2 ImageID", "#3 String", "#3 String")
LINE: Final = re.compile(r"([0-9]+)\t([012])\t([^\t]+)\t([^\t]*)\t([^\t]*)")
CLASSES: Final = ("negative", "neutral", "positive")


def read(root: Path, recipe: Recipe) -> Source:
    """The rows of all tables below `root`; a sample is named after its table and its number there.

    The text of a sample is the tweet with $T$ in it, then the target. Modalities, splits and note: see
    `text_image.make_source`. Raises InputError: a table is missing, or has a line that cannot be right.
    """
    require_folder(root)
    files = {name: inside(root, f"{TABLES_FOLDER}/{name}.tsv") for name in PART_OF}
    rows = [row for name, file in files.items() for row in _rows(name, file)]
    return make_source(root, recipe, Tables("twitter15", CLASSES, list(files.values()), rows))


def _rows(name: str, file: Path) -> list[TextImageRow]:
    header, *lines = read_lines(file, MOST_TWEET_CHARACTERS)
    if tuple(header.split("\t")) != HEADER:
        raise InputError(f"{file.name} does not begin with {', '.join(HEADER)}: take the published file")
    return [_row(name, number, line) for number, line in enumerate(lines, 2)]


def _row(name: str, number: int, line: str) -> TextImageRow:
    match = LINE.fullmatch(line)
    if match is None:
        raise InputError(
            f"{name}.tsv, line {number} is not `number, label 0 to 2, picture, tweet, target`: "
            "take the published file"
        )
    index, label, image, tweet, target = match.groups()
    text = f"{tweet} {target}" if tweet.strip() and target.strip() else ""
    return TextImageRow(f"{name}-{index}", PART_OF[name], f"{IMAGES_FOLDER}/{image}", text, int(label))
