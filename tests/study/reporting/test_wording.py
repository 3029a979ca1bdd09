import pytest

from search_spaces import dr_boosting
from study.methods import STUDY_METHODS
from study.reporting import wording

NOTATION = {"lam": ("λ", "scale of the strength"), "lr": ("learning rate", "")}


@pytest.mark.parametrize(
    ("key", "axis"),
    [
        ("lam", "λ: scale of the strength"),
        ("lr", "learning rate"),
        ("own_key", "own key"),
        ("weight_face_au", "weight of face au"),
    ],
)
def test_an_axis_has_the_symbol_and_its_meaning_where_there_are_any(key, axis) -> None:
    assert wording.axis(key, NOTATION) == axis


@pytest.mark.parametrize(
    ("method", "key"), [(m, k) for m, s in STUDY_METHODS.items() for k in s.search.DEFAULTS]
)
def test_every_searched_hyperparameter_has_a_symbol_or_short_name(method, key) -> None:
    assert key in STUDY_METHODS[method].search.notation


def test_hyperparameters_of_one_method_have_different_symbols() -> None:
    assert len({wording.symbol(key, dr_boosting.notation) for key in dr_boosting.DEFAULTS}) == len(
        dr_boosting.DEFAULTS
    )


@pytest.mark.parametrize(
    ("label", "inside"),
    [
        ("Joint training", "joint training"),
        ("OGM-GE", "OGM-GE"),
        ("Diagnose & Re-learn", "Diagnose & Re-learn"),
        ("", ""),
    ],
)
def test_labels_that_are_plain_words_lose_their_capital_inside_a_sentence(label, inside) -> None:
    assert wording.inside(label) == inside


@pytest.mark.parametrize("name", [method.label for method in STUDY_METHODS.values()])
def test_narrow_names_are_broken_between_words_only(name) -> None:
    assert wording.broken(name).split() == name.split()
    assert all(len(line) <= wording.NARROW for line in wording.broken(name).split("\n"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("in 4 of 5 runs", "In 4 of 5 runs"),
        ("macro-F1", "Macro-F1"),
        ("λ = 10 (upper end)", "λ = 10 (upper end)"),
        ("t_N = .5", "t_N = .5"),
        ("k = 3", "k = 3"),
        ("learning rate = 0.1", "Learning rate = 0.1"),
        ("", ""),
    ],
)
def test_a_sentence_begins_with_a_capital_and_a_symbol_stays(text, shown) -> None:
    assert wording.capitalised(text) == shown
