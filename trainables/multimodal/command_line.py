"""What all commands share: a parser that says one sentence, exit codes, and how key=value is read."""

import argparse
import ast
import sys
from collections.abc import Callable, Sequence
from typing import Any, Final, NoReturn

from trainables.multimodal.errors import InputError

COMPLETE: Final = 0
FAILED: Final = 1
BAD_INPUT: Final = 2
INTERRUPTED: Final = 3
UNSENT: Final = 4
WORDS: Final = {"true": True, "false": False, "null": None, "none": None}


class Parser(argparse.ArgumentParser):
    """Says what is wrong with a command line in one sentence, as any other bad input."""

    def error(self, message: str) -> NoReturn:
        """Raise InputError in place of printing the usage and ending the process."""
        raise InputError(f"{message}; --help lists the options")


def reported(command: str, work: Callable[[], int], shown: Callable[[str], str] = str) -> int:
    """Do the work of a command; bad input becomes one line on standard error, as `shown`, and exit code 2."""
    try:
        return work()
    except InputError as error:
        print(f"{command}: {shown(str(error))}", file=sys.stderr)
        return BAD_INPUT


def whole_number(text: str) -> int:
    """A whole number from 1 up, for `type=` of an option."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number >= 1, got {text!r}")
    return int(text)


def words(text: str) -> list[str]:
    """What stands between commas, for `type=` of an option."""
    named = text.split(",")
    if not all(named):
        raise argparse.ArgumentTypeError(f"must be names with a comma between them, got {text!r}")
    return named


def whole_numbers(text: str) -> list[int]:
    """Whole numbers from 1 up between commas, for `type=` of an option."""
    return [whole_number(number) for number in words(text)]


def read_pairs(option: str, pairs: Sequence[str]) -> dict[str, str]:
    """What was given as key=value, by key, as text.

    Raises InputError, naming the option, for a pair without a key or without `=`, or a key given twice.
    """
    texts: dict[str, str] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key:
            raise InputError(f"{option} takes key=value, got {pair!r}")
        if key in texts:
            raise InputError(f"{option} {key} is given twice: leave one of them out")
        texts[key] = text
    return texts


def read_settings(option: str, pairs: Sequence[str]) -> dict[str, Any]:
    """Settings given as key=value, by key, each value read by `read_value`; errors as `read_pairs`."""
    return {key: read_value(text) for key, text in read_pairs(option, pairs).items()}


def read_values(text: str) -> list[Any]:
    """What stands between commas, each read by `read_value`; a list among them keeps its own commas."""
    try:
        return list(ast.literal_eval(f"[{text}]"))
    except (ValueError, SyntaxError):
        return [read_value(part) for part in text.split(",")]


def read_value(text: str) -> Any:
    """A number, true, false, none or null, a list such as [4, 8] or a mapping, else the word itself."""
    if text.lower() in WORDS:
        return WORDS[text.lower()]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
