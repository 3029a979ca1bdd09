"""What settings may be: a check and its wording for fields of the config and for arguments of balancers."""

import math
from collections.abc import Callable, Collection, Mapping
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Final

from trainables.multimodal.errors import InputError

Rule = tuple[Callable[[Any], bool], str]
"""Whether a value is accepted, and what is wanted, in words."""


def is_integer(value: object, least: int) -> bool:
    """Whether a setting is a whole number of at least `least`; true and false are none."""
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= least


def is_real(value: object) -> bool:
    """Whether a setting is a number; true and false are none."""
    return isinstance(value, Real) and not isinstance(value, bool)


def is_increasing(value: object) -> bool:
    """Whether a setting is a tuple of whole numbers >= 1 that do not fall."""
    return isinstance(value, tuple) and all(is_integer(v, 1) for v in value) and list(value) == sorted(value)


def are_names(value: object) -> bool:
    """Whether a setting is a tuple of different words."""
    return (
        isinstance(value, tuple)
        and all(isinstance(v, str) and v for v in value)
        and len(set(value)) == len(value)
    )


def are_paths(value: object) -> bool:
    """Whether a setting maps each of its keys to an absolute path."""
    return isinstance(value, Mapping) and all(
        isinstance(v, str) and Path(v).is_absolute() for v in value.values()
    )


def one_of(*options: object) -> Rule:
    """Accept these values and no other."""
    return (lambda value: value in options), "one of " + ", ".join(map(str, options))


def integer(least: int) -> Rule:
    """Accept whole numbers of at least `least`."""
    return (lambda value: is_integer(value, least)), f"an integer >= {least}"


NON_NEGATIVE: Final[Rule] = (lambda value: is_real(value) and value >= 0), "a number >= 0"
POSITIVE: Final[Rule] = (lambda value: is_real(value) and value > 0), "a number > 0"
FRACTION: Final[Rule] = (lambda value: is_real(value) and 0 <= value < 1), "a number in [0, 1)"
FLAG: Final[Rule] = (lambda value: isinstance(value, bool)), "true or false"
NAME: Final[Rule] = (lambda value: isinstance(value, str) and value != ""), "a non-empty string"


def require(rules: Mapping[str, Rule], values: Mapping[str, Any]) -> None:
    """Raise InputError naming the first of `rules` that its value breaks."""
    for name, (accepts, wanted) in rules.items():
        if not accepts(values[name]):
            raise InputError(f"{name} must be {wanted}, got {values[name]!r}")


def require_finite_numbers(**values: Any) -> None:
    """Raise InputError for the first value that is no finite number >= 0."""
    for name, value in values.items():
        if not is_real(value) or not 0 <= value < math.inf:
            raise InputError(f"{name} must be >= 0 and finite, got {value}")


def require_whole_numbers(least: int, **values: object) -> None:
    """Raise InputError for the first value that is no whole number of at least `least`."""
    for name, value in values.items():
        if not isinstance(value, Integral) or isinstance(value, bool):
            raise InputError(f"{name} must be a whole number, got {value}")
        if int(value) < least:
            raise InputError(f"{name} must be >= {least}, got {value}")


def require_flags(**values: object) -> None:
    """Raise InputError for the first value that is neither true nor false."""
    for name, value in values.items():
        if not isinstance(value, bool):
            raise InputError(f"{name} must be true or false, got {value}")


def require_word(name: str, word: object, words: Collection[str]) -> None:
    """Raise InputError where a setting is none of the `words`."""
    if word not in words:
        raise InputError(f"{name} must be one of {', '.join(words)}, got {word!r}")
