"""Texts that others wrote: lines, and rows of csv files."""

import csv
import gzip
import zlib
from pathlib import Path

from trainables.multimodal.data.limits import MOST_COLUMNS, MOST_LINE_CHARACTERS, MOST_TEXT_BYTES
from trainables.multimodal.data.media.file_checks import require_table
from trainables.multimodal.data.media.first_bytes import head, packing
from trainables.multimodal.errors import InputError


def read_rows(file: Path) -> list[list[str]]:
    """All rows of a csv file, plain or packed with gzip, blank ones left out.

    Raises InputError: what `read_lines` refuses, too many columns, or no csv.
    """
    lines = read_lines(file)
    if any(line.count(",") >= MOST_COLUMNS for line in lines):
        raise InputError(f"{file.name} cannot be read as csv (a line has more than {MOST_COLUMNS} columns)")
    try:
        return [row for row in csv.reader(f"{line}\n" for line in lines) if row]
    except csv.Error as error:
        raise InputError(f"{file.name} cannot be read as csv ({error})") from error


def read_lines(file: Path, longest: int = MOST_LINE_CHARACTERS) -> list[str]:
    """The lines of a text in UTF-8, plain or packed with gzip; no other character than the newline ends one.

    Raises InputError: missing, empty, a Git-LFS pointer, above MOST_TEXT_BYTES once unpacked, no UTF-8, NUL
    characters, or a line of more than `longest` characters.
    """
    lines = [line.removesuffix("\r") for line in _text(file).split("\n")]
    for number, line in enumerate(lines, 1):
        if len(line) > longest:
            raise InputError(
                f"{file.name}, line {number} has {len(line)} characters: take the published file"
            )
    return lines if lines[-1] else lines[:-1]


def _text(file: Path) -> str:
    too_long = InputError(f"{file.name} has more than {MOST_TEXT_BYTES} bytes: take the published file")
    if file.is_file() and file.stat().st_size > MOST_TEXT_BYTES:
        raise too_long
    require_table(file, packed=("gzip",))
    try:
        with gzip.open(file) if packing(head(file)) == "gzip" else file.open("rb") as stream:
            content = stream.read(MOST_TEXT_BYTES + 1)
        if len(content) > MOST_TEXT_BYTES:
            raise too_long
        text = content.decode("utf-8-sig")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise InputError(f"{file.name} is no text in UTF-8 ({error}): take the published file") from error
    if not text:
        raise InputError(f"{file.name} is empty: take the published file")
    if "\0" in text:
        raise InputError(f"{file.name} has NUL characters, as no text does: take the published file")
    return text
