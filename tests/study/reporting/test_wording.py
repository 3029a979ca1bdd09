import pytest

from search_spaces import boosting, dr_boosting, ogm_ge
from study.reporting import wording
from study.reporting.wording import CONTROLS, METHODS
from trainables.multimodal.balancers.boosting import CONTROLS as RUNNABLE

KEYS = {*boosting.DEFAULTS, *dr_boosting.DEFAULTS, *ogm_ge.DEFAULTS}


@pytest.mark.parametrize("key", sorted(KEYS - {"lr", "begin", "end"}))
def test_hyperparameters_have_a_meaning_on_their_axis(key) -> None:
    assert wording.axis(key) == f"{wording.key(key)}: {wording.MEANINGS[key]}"


def test_hyperparameters_of_one_method_have_different_symbols() -> None:
    assert len({wording.key(key) for key in dr_boosting.DEFAULTS}) == len(dr_boosting.DEFAULTS)


def test_weights_are_named_after_their_modality() -> None:
    assert wording.key("weight_face_au") == "weight of face au"


def test_every_control_that_can_be_run_has_a_name_and_what_it_does_without() -> None:
    assert CONTROLS.keys() == RUNNABLE.keys()
    assert RUNNABLE.keys() <= METHODS.keys()


@pytest.mark.parametrize("name", METHODS.values())
def test_narrow_names_are_broken_between_words_only(name) -> None:
    assert wording.broken(name).split() == name.split()
    assert all(len(line) <= wording.NARROW for line in wording.broken(name).split("\n"))
