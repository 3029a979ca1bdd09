import pytest

from trainables.multimodal.errors import InputError
from trainables.multimodal.setting_checks import (
    require_finite_numbers,
    require_flags,
    require_whole_numbers,
    require_word,
)


@pytest.mark.parametrize("value", [-1, float("inf"), float("nan"), True, "1", None])
def test_a_number_is_finite_and_not_negative(value):
    with pytest.raises(InputError, match=f"lam must be >= 0 and finite, got {value}"):
        require_finite_numbers(sigma=1.0, lam=value)


@pytest.mark.parametrize("value", [1.5, True, "2", None])
def test_a_whole_number_is_no_other_kind(value):
    with pytest.raises(InputError, match=f"every must be a whole number, got {value}"):
        require_whole_numbers(0, period=3, every=value)


def test_a_whole_number_is_no_smaller_than_the_least():
    require_whole_numbers(2, every=2)
    with pytest.raises(InputError, match="every must be >= 2, got 1"):
        require_whole_numbers(2, every=1)


def test_one_is_not_true():
    require_flags(conv_only=True)
    with pytest.raises(InputError, match="conv_only must be true or false, got 1"):
        require_flags(conv_only=1)


def test_a_word_is_one_of_those_there_are():
    require_word("step", "joint", ["joint", "alternating"])
    with pytest.raises(InputError, match="step must be one of joint, alternating, got 'x'"):
        require_word("step", "x", ["joint", "alternating"])
