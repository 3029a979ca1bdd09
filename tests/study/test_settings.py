"""What a study was asked to do, and which later commands go on with it."""

import pytest

from study.scheduling import distributions
from study.settings import Wish, build, continued, outline, parse_fixed
from study.studies import METHODS, STUDIES
from trainables.multimodal.data.store import FeatureStore
from trainables.multimodal.errors import InputError

STUDY = STUDIES["features_dr"]


@pytest.fixture
def settings(toy_store):
    """Settings of a study on the toy store."""
    return lambda **wish: build("toy", STUDY, FeatureStore.open(toy_store), Wish(**wish))


def test_values_are_literals_or_words():
    assert parse_fixed(["lr=0.1", "every=3", "schedule=step", "milestones=(2, 4)", "compile=true"]) == {
        "lr": 0.1,
        "every": 3,
        "schedule": "step",
        "milestones": (2, 4),
        "compile": True,
    }


def test_a_pair_without_value_is_refused():
    with pytest.raises(InputError, match="key=value"):
        parse_fixed(["lr"])


def test_a_fixed_key_reaches_only_methods_that_have_it(settings):
    assert settings(fixed={"lam": 2.0, "lr": 0.1})["fixed"] == {
        "joint": {"lr": 0.1},
        "diagnose_relearn": {"lam": 2.0, "lr": 0.1},
    }


def test_a_fixed_key_is_not_swept(settings):
    assert "lam" not in settings(fixed={"lam": 2.0})["sensitivity"]["diagnose_relearn"]


def test_a_key_that_no_method_has_is_refused_with_those_there_are(settings):
    with pytest.raises(InputError, match=r"sigmaa: no method of this study has it; keys are .*lam"):
        settings(fixed={"sigmaa": 1})


def test_a_key_with_an_option_of_its_own_names_the_option(settings):
    with pytest.raises(InputError, match="use --epochs"):
        settings(fixed={"epochs": 3})


@pytest.mark.parametrize("key", ["trials", "seeds", "epochs"])
def test_a_budget_of_nothing_is_refused(settings, key):
    with pytest.raises(InputError, match=f"--{key} must be at least 1, got -1"):
        settings(**{key: -1})


def test_zero_is_refused_and_not_taken_for_the_default(settings):
    with pytest.raises(InputError, match="--trials must be at least 1, got 0"):
        settings(trials=0)


def test_the_paper_protocol_needs_a_published_split(settings):
    with pytest.raises(InputError, match="needs a published split"):
        settings(protocol="paper")


def test_an_unknown_split_is_refused(settings):
    with pytest.raises(InputError, match="nowhere"):
        settings(split="nowhere")


@pytest.mark.parametrize("change", [{"trials": 20}, {"seeds": 9}])
def test_a_study_may_grow(settings, change):
    grown = continued(settings(trials=12, seeds=5), settings(**{"trials": 12, "seeds": 5} | change))
    assert {key: grown["budget"][key] for key in change} == change


def test_stages_add_up(settings):
    both = continued(settings(stages=("search",)), settings(stages=("confirm",)))
    assert both["stages"] == ["search", "confirm"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"epochs": 7}, "budget.epochs was 30, now 7"),
        ({"trials": 1}, "budget.trials was 12, now 1"),
        ({"fixed": {"lam": 1.0}}, "fixed.diagnose_relearn.lam was None, now 1.0"),
        ({"precision": "bf16"}, "base.precision was 'auto', now 'bf16'"),
    ],
)
def test_any_other_change_is_refused_with_a_diff(settings, change, named):
    with pytest.raises(InputError, match=named):
        continued(settings(), settings(**change))


def test_other_data_are_refused(settings):
    other = settings()
    other["data"] = {**other["data"], "digest": "e" * 64}
    with pytest.raises(InputError, match=r"data\.digest"):
        continued(settings(), other)


@pytest.mark.parametrize(
    ("fixed", "said"),
    [
        ({"lam": "abc"}, "lam must be >= 0 and finite, got abc"),
        ({"every": 2.5}, "every must be a whole number"),
        ({"max_relearnings": "x"}, "max_relearnings must be a whole number"),
        ({"reset_head": "yes"}, "reset_head must be true or false"),
        ({"diagnose": "end"}, "--set diagnose is refused"),
        ({"batch_size": "abc"}, "batch_size must be an integer"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused(settings, fixed, said):
    with pytest.raises(InputError, match=said):
        settings(fixed=fixed)


@pytest.mark.parametrize("epochs", range(1, 40))
def test_published_values_lie_in_the_space_whatever_the_epochs(epochs):
    method = METHODS["diagnose_relearn"]
    space, first = distributions(method.space(epochs)), method.defaults(epochs)
    assert all(domain._contains(first[key]) for key, domain in space.items())


def test_nothing_is_judged_before_a_fixed_period_has_passed(settings):
    assert outline(settings(fixed={"every": 20})).grace == 21
