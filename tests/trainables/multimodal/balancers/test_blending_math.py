import pytest

from trainables.multimodal.balancers.blending_math import (
    Course,
    Place,
    blending_weights,
    generalisation,
    overfitting,
)

BEFORE = {"fused": (0.9, 1.0), "audio": (1.2, 1.3), "visual": (1.5, 1.55)}
AFTER = {"fused": (0.2, 0.8), "audio": (0.6, 1.0), "visual": (1.3, 1.4)}
"""Training and held-out losses of the reference values, before and after a super-epoch."""


def test_generalisation_and_overfitting_are_those_of_the_reference():
    gained = [generalisation(BEFORE[part], AFTER[part]) for part in BEFORE]
    assert gained == pytest.approx([0.2, 0.3, 0.15])
    assert [overfitting(BEFORE[part], AFTER[part]) for part in BEFORE] == pytest.approx([0.5, 0.3, 0.05])


def test_weights_are_those_of_the_formula():
    """.2 / .5^2 : .3 / .3^2 : .15 / .05^2 = 12 : 50 : 900."""
    found = blending_weights(BEFORE, AFTER, guard=0.0)
    assert found == pytest.approx({"fused": 12 / 962, "audio": 50 / 962, "visual": 900 / 962})


def test_the_guard_bounds_the_weight_of_a_part_that_does_not_overfit():
    before, after = {"a": (1.0, 1.0), "b": (1.0, 1.0)}, {"a": (0.5, 0.5), "b": (0.4, 0.5)}
    assert blending_weights(before, after)["b"] == pytest.approx(1e-4 / (1e-4 + 1e-2 + 1e-4))
    with pytest.raises(ZeroDivisionError):
        blending_weights(before, after, guard=0.0)


def test_a_loss_that_grows_counts_as_one_that_falls():
    before, after = {"a": (1.0, 1.0), "b": (1.0, 1.0)}, {"a": (0.9, 0.9), "b": (1.1, 1.1)}
    assert blending_weights(before, after) == pytest.approx({"a": 0.5, "b": 0.5})


def test_weights_are_equal_where_nothing_is_gained():
    assert blending_weights(BEFORE, BEFORE) == pytest.approx(dict.fromkeys(BEFORE, 1 / 3))


def test_offline_the_run_is_cut_in_three_and_the_model_gets_the_rest():
    course = Course(8, 2)
    places = [course.place(epoch) for epoch in range(8)]
    assert [place.copy for place in places] == ["unimodal"] * 2 + ["fused"] * 2 + [""] * 4
    assert [place.trained for place in places] == [0, 1, 0, 1, 0, 1, 2, 3]
    assert [place.completes for place in places[:4]] == [False, True, False, True]
    assert [place.last for place in places] == [False] * 4 + [True] * 4
    assert (course.cycles, course.of_model) == (1, 4)


def test_online_copies_begin_where_the_model_is():
    course = Course(7, 1)
    assert [course.place(epoch) for epoch in range(7)] == [
        Place("unimodal", 0, completes=True, last=False),
        Place("fused", 0, completes=True, last=False),
        Place("", 0, completes=True, last=False),
        Place("unimodal", 1, completes=True, last=False),
        Place("fused", 1, completes=True, last=False),
        Place("", 1, completes=True, last=True),
        Place("", 2, completes=False, last=True),
    ]


@pytest.mark.parametrize("epochs", range(1, 40))
@pytest.mark.parametrize("super_epoch", [1, 2, 5, 13])
def test_every_epoch_of_a_run_is_either_a_copys_or_the_models(epochs, super_epoch):
    course = Course(epochs, super_epoch)
    if not course.cycles:
        assert epochs < 3 * super_epoch
        return
    copies = [course.place(epoch).copy for epoch in range(epochs)]
    assert copies.count("") == course.of_model
    assert copies.count("unimodal") == copies.count("fused") == super_epoch * course.cycles
