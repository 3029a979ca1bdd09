"""Whole numbers as lists and command lines write them."""

from typing import Final

MOST_DIGITS: Final = 18
"""So that every number fits into 64 bits; Python itself gives up, with a ValueError, above 4,300 digits."""


def whole(text: str) -> int | None:
    """The number that up to MOST_DIGITS decimal digits write; None for any other text."""
    return int(text) if text.isdecimal() and len(text) <= MOST_DIGITS else None
