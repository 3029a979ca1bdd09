"""Whole numbers as lists and command lines write them."""

from trainables.multimodal.data.limits import MOST_DIGITS


def whole(text: str) -> int | None:
    """The number that up to MOST_DIGITS decimal digits write; None for any other text."""
    return int(text) if text.isdecimal() and len(text) <= MOST_DIGITS else None
