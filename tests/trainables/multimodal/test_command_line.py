import pytest

from trainables.multimodal.command_line import (
    Parser,
    read_pairs,
    read_settings,
    read_value,
    read_values,
    reported,
)
from trainables.multimodal.errors import InputError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        (".25", 0.25),
        ("1e-3", 1e-3),
        ("true", True),
        ("None", None),
        ("null", None),
        ("[4, 8]", [4, 8]),
        ("{'voice': 'mlp'}", {"voice": "mlp"}),
        ("cpu", "cpu"),
        ("a b", "a b"),
    ],
)
def test_values_are_numbers_truths_lists_mappings_or_words(text, value):
    assert read_value(text) == value


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("0,1e-3,3", [0, 1e-3, 3]),
        ("[3],[5,8]", [[3], [5, 8]]),
        ("none,true,5", [None, True, 5]),
        ("best,random", ["best", "random"]),
        ("3", [3]),
        ("", []),
    ],
)
def test_several_values_stand_between_commas(text, values):
    assert read_values(text) == values


def test_a_value_may_hold_an_equals_sign():
    assert read_settings("--set", ["data=a=b"]) == {"data": "a=b"}


@pytest.mark.parametrize(
    ("pairs", "sentence"),
    [
        (["lr"], "--set takes key=value, got 'lr'"),
        (["=3"], "--set takes key=value, got '=3'"),
        (["lr=1", "lr=2"], "--set lr is given twice"),
    ],
)
def test_a_pair_that_makes_no_sense_is_named(pairs, sentence):
    with pytest.raises(InputError, match=sentence):
        read_settings("--set", pairs)


def test_bad_usage_is_bad_input():
    with pytest.raises(InputError, match="unrecognized arguments: --nose; --help lists the options"):
        Parser(prog="toy").parse_args(["--nose"])


def test_bad_input_is_one_line_and_exit_code_2(capsys):
    def work():
        raise InputError("no such thing")

    assert reported("toy", work) == 2
    assert capsys.readouterr().err == "toy: no such thing\n"


def test_the_exit_code_of_the_work_is_given():
    assert reported("toy", lambda: 3) == 3


def test_texts_are_left_as_they_are():
    assert read_pairs("--recipe-set", ["rate=1e3"]) == {"rate": "1e3"}
