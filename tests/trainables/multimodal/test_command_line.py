"""What all commands share: one sentence for bad input, one reading of key=value."""

import pytest

from trainables.multimodal.command_line import BAD_INPUT, Parser, read_pairs, read_settings, reported
from trainables.multimodal.errors import InputError


def test_values_are_literals_or_words():
    pairs = ["lr=0.1", "every=3", "schedule=step", "milestones=(2, 4)", "compile=true", "end=none", "data=a=b"]
    assert read_settings("--set", pairs) == {
        "lr": 0.1,
        "every": 3,
        "schedule": "step",
        "milestones": (2, 4),
        "compile": True,
        "end": None,
        "data": "a=b",
    }


@pytest.mark.parametrize("pair", ["lr", "=3"])
def test_a_pair_without_key_or_value_is_refused_with_the_option(pair):
    with pytest.raises(InputError, match="--set takes key=value"):
        read_settings("--set", [pair])


def test_a_key_given_twice_is_refused():
    with pytest.raises(InputError, match="--set lr is given twice"):
        read_settings("--set", ["lr=1", "lr=2"])


def test_texts_are_left_as_they_are():
    assert read_pairs("--recipe-set", ["rate=1e3"]) == {"rate": "1e3"}


def test_bad_input_is_one_line_and_exit_code_2(capsys):
    def work():
        Parser(prog="x").parse_args(["--colour"])
        return 0

    assert reported("study.x", work) == BAD_INPUT
    assert capsys.readouterr().err == "study.x: unrecognized arguments: --colour; --help lists the options\n"
