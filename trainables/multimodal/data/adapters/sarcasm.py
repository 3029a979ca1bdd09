"""Sarcasm: whether a tweet with a picture is meant sarcastically.

The layout is that of Cai, Cai and Wan (ACL 2019), as published: text/train.txt, valid2.txt and test2.txt
(or valid.txt and test.txt), and dataset_image/<id>.jpg. Each line is a list ['id', 'text', label] or ['id',
'text', label by hashtag, label by a human], of which the last label counts. Rows whose words give the label
away are left out, as the authors' own loader does. That leaves the published 19,816, 2,410 and 2,409 rows.
"""

import ast
import re
from pathlib import Path
from typing import Any, Final

from trainables.multimodal.data.adapters.text_image_rows import RECIPES, Tables, TextImageRow, make_source
from trainables.multimodal.data.limits import MOST_TWEET_CHARACTERS
from trainables.multimodal.data.media.file_checks import inside, require_folder
from trainables.multimodal.data.recipes import Recipe
from trainables.multimodal.data.source import Source
from trainables.multimodal.data.splits import TEST, TRAIN, VALIDATION
from trainables.multimodal.data.tables.text_tables import read_lines
from trainables.multimodal.errors import InputError

__all__ = ["RECIPES", "read"]

TABLES_FOLDER: Final = "text"
IMAGES_FOLDER: Final = "dataset_image"
TABLES_OF: Final = {
    TRAIN: ("train.txt",),
    VALIDATION: ("valid2.txt", "valid.txt"),
    TEST: ("test2.txt", "test.txt"),
}
"""Part of the published split -> names of its table; the first that exists counts."""
CLASSES: Final = ("literal", "sarcastic")
ID: Final = re.compile(r"\d{1,30}", re.ASCII)
GIVEAWAYS: Final = frozenset({
    "sarcasm", "sarcastic", "irony", "ironic", "humor", "humour", "joke", "jokes", "exgag", "reposting",
    "<url>",
})  # fmt: skip
"""Words of which the authors' loader takes no row that has one."""
UNREADABLE_LITERAL: Final = (ValueError, SyntaxError, TypeError, MemoryError, RecursionError)
"""What parsing a literal was seen to raise."""


def read(root: Path, recipe: Recipe) -> Source:
    """The rows of all tables below `root`, named by their ids; the note counts those left out.

    Modalities, splits and note: see `text_image.make_source`. Raises InputError: a table is missing, or has a
    line that cannot be right.
    """
    require_folder(root)
    files = {part: _first(root, names) for part, names in TABLES_OF.items()}
    rows = [row for part, file in files.items() for row in _rows(part, file)]
    kept = [row for row in rows if GIVEAWAYS.isdisjoint(row.text.split())]
    note = _left_out(len(rows) - len(kept))
    return make_source(root, recipe, Tables("sarcasm", CLASSES, list(files.values()), kept, note))


def _first(root: Path, names: tuple[str, ...]) -> Path:
    """The first of the names that exists, else the first, for its absence to be told."""
    files = [inside(root, f"{TABLES_FOLDER}/{name}") for name in names]
    return next((file for file in files if file.is_file()), files[0])


def _left_out(count: int) -> str:
    if not count:
        return ""
    return f"rows left out, as by the authors' loader, for words that give the label away: {count}."


def _rows(part: str, file: Path) -> list[TextImageRow]:
    lines = enumerate(read_lines(file, MOST_TWEET_CHARACTERS), 1)
    return [_row(part, f"{file.name}, line {number}", line) for number, line in lines]


def _row(part: str, place: str, line: str) -> TextImageRow:
    match _literal(line):
        case [str(name), str(text), *labels] if (
            ID.fullmatch(name) and len(labels) in (1, 2) and all(map(_is_label, labels))
        ):
            return TextImageRow(name, part, f"{IMAGES_FOLDER}/{name}.jpg", text, labels[-1])
    raise InputError(f"{place} is not ['number', 'text', label 0 or 1]: take the published file")


def _literal(line: str) -> Any:
    """The value that a line writes down, without running anything; None where it writes down none."""
    try:
        return ast.literal_eval(line)
    except UNREADABLE_LITERAL:
        return None


def _is_label(value: object) -> bool:
    return type(value) is int and value in (0, 1)
