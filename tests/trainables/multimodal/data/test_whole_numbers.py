"""Whole numbers as lists and command lines write them."""

import pytest

from trainables.multimodal.data.whole_numbers import whole


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("007", 7), ("9" * 18, 10**18 - 1)])
def test_digits_are_a_number(text: str, number: int) -> None:
    assert whole(text) == number


@pytest.mark.parametrize("text", ["", "-1", "1.0", "1e3", "²", " 1", "one", "9" * 19, "1" * 5000])
def test_anything_else_is_none(text: str) -> None:
    assert whole(text) is None
