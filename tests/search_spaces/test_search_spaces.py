import re

import pytest
from ray import tune
from ray.tune.search.sample import Float, Integer

import search_spaces
from search_spaces.space import holds, respaced, spelled, upper_end
from trainables import (
    AgmTrainable,
    BoostingTrainable,
    CggmTrainable,
    DetachedTrainable,
    DiagnoseRelearnTrainable,
    DRBoostingTrainable,
    GradientBlendingTrainable,
    JointTrainable,
    LateFusionTrainable,
    MlaTrainable,
    MMParetoTrainable,
    OgmGeTrainable,
    PmrTrainable,
    UniformTrainable,
)
from trainables.multimodal.methods import METHODS
from trainables.multimodal.optimizers import OPTIMIZERS


@pytest.mark.parametrize(
    ("domain", "text"),
    [
        (tune.loguniform(1e-5, 0.1), "1e-05..0.1:log"),
        (tune.uniform(0.0, 10.0), "0.0..10.0"),
        (tune.randint(1, 6), "1..5"),
        (tune.lograndint(1, 65), "1..64:log"),
    ],
)
def test_a_range_is_spelled_as_it_is_read(domain, text):
    assert spelled(domain) == text
    again = respaced(domain, text)
    assert (type(again), again.lower, again.upper) == (type(domain), domain.lower, domain.upper)
    assert spelled(again) == text


def test_choices_take_the_place_of_a_range():
    domain = respaced(tune.uniform(0.0, 1.0), [0.1, 0.5])
    assert (domain.categories, spelled(domain)) == ([0.1, 0.5], "0.1,0.5")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2..1", "the range 2..1 is empty"),
        ("1..1", "is empty"),
        ("nan..1", "is empty"),
        ("0..inf", "is empty"),
        ("0..x", "a range is LOW..HIGH or LOW..HIGH:log, got 0..x"),
        ("1..9:lg", "a range is"),
        ("0..1:log", "a logarithmic scale begins above 0, got 0..1:log"),
        ("1..2.5", "it is searched in whole numbers, got 1..2.5"),
    ],
)
def test_what_is_no_range_is_refused(text, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        respaced(tune.randint(1, 6), text)


def test_a_space_holds_values_up_to_its_ends():
    space = {"every": tune.randint(1, 6), "rule": tune.choice(["best"])}
    assert holds(space, {"every": 5, "rule": "best"})
    assert not any(holds(space, {"every": 5, "rule": "best"} | change) for change in OUTSIDE)


OUTSIDE = ({"every": 6}, {"every": 0}, {"rule": "worst"}, {"more": 1})


def draws(domain, count=300):
    return [domain.sample() for _ in range(count)]


FACES = ("face", "voice")
SPACES = {
    "joint": (search_spaces.joint, (), JointTrainable),
    "late_fusion": (search_spaces.late_fusion, (), LateFusionTrainable),
    "uniform": (search_spaces.unimodal_losses, (), UniformTrainable),
    "detached": (search_spaces.unimodal_losses, (), DetachedTrainable),
    "mmpareto": (search_spaces.mmpareto, (), MMParetoTrainable),
    "agm": (search_spaces.agm, (), AgmTrainable),
    "cggm": (search_spaces.cggm, (), CggmTrainable),
    "mla": (search_spaces.mla, (), MlaTrainable),
    "pmr": (search_spaces.pmr, (12,), PmrTrainable),
    "gradient_blending": (search_spaces.gradient_blending, (), GradientBlendingTrainable),
    "ogm_ge": (search_spaces.ogm_ge, (12,), OgmGeTrainable),
    "diagnose_relearn": (search_spaces.diagnose_relearn, (12,), DiagnoseRelearnTrainable),
    "boosting": (search_spaces.boosting, (FACES, 12), BoostingTrainable),
    "boosting_no_heads": (search_spaces.boosting_no_heads, (FACES, 12), BoostingTrainable),
    "boosting_random": (search_spaces.boosting_random, (FACES, 12), BoostingTrainable),
    "boosting_tripled": (search_spaces.boosting_tripled, (FACES, 12), BoostingTrainable),
    "dr_boosting": (search_spaces.dr_boosting, (FACES, 12), DRBoostingTrainable),
}
each_space = pytest.mark.parametrize(("space", "arguments", "trainable"), SPACES.values(), ids=SPACES)


@pytest.mark.parametrize("space", [space(*arguments) for space, arguments, _ in SPACES.values()], ids=SPACES)
def test_the_learning_rate_is_drawn_from_1e_3_to_1e_1_on_a_logarithmic_scale(space):
    values = draws(space["lr"])
    assert 1e-3 <= min(values) <= max(values) <= 1e-1
    assert 0.3 < sum(value < 1e-2 for value in values) / len(values) < 0.7


@pytest.mark.parametrize(("epochs", "periods"), [(12, {1, 2, 3}), (7, {1}), (4, {1}), (1, {1})])
def test_the_period_lies_between_1_and_a_quarter_of_the_epochs(epochs, periods):
    assert set(draws(search_spaces.diagnose_relearn(epochs)["every"])) == periods


def test_one_to_five_relearnings():
    assert set(draws(search_spaces.diagnose_relearn(12)["max_relearnings"])) == {1, 2, 3, 4, 5}


def test_lambda_is_drawn_from_0_to_10():
    domain = search_spaces.diagnose_relearn(12)["lam"]
    assert (domain.lower, domain.upper) == (0, 10)


def test_the_published_values_of_diagnose_relearn():
    assert search_spaces.diagnose_relearn.DEFAULTS == {
        "lr": 2e-3,
        "lam": 3.0,
        "every": 20,
        "max_relearnings": 3,
    }


@pytest.mark.parametrize(("epochs", "every"), [(90, 20), (45, 10), (10, 2), (3, 1), (1, 1)])
def test_the_published_period_is_scaled_to_the_epochs(epochs, every):
    assert search_spaces.diagnose_relearn.defaults(epochs)["every"] == every


def test_defaults_are_copies():
    search_spaces.joint.defaults()["lr"] = 5
    assert search_spaces.joint.DEFAULTS == {"lr": 2e-3}


@each_space
def test_every_key_is_a_domain_and_a_setting_of_its_trainable(space, arguments, trainable):
    domains = space(*arguments)
    trainable.method.check(
        {**{key: domain.sample() for key, domain in domains.items()}, "data": "x", "epochs": 12}
    )
    assert all(isinstance(domain, (Float, Integer)) for domain in domains.values())


@each_space
def test_defaults_cover_the_space(space, arguments, trainable):
    weights = {f"weight_{name}" for name in FACES}
    assert space.defaults(*arguments).keys() == space(*arguments).keys()
    assert set(space.DEFAULTS) == set(space.defaults(*arguments)) - weights


def test_the_published_values_of_boosting():
    assert search_spaces.boosting.DEFAULTS == {
        "lr": 1e-2,
        "smoothing": 0.5,
        "sigma": 1.0,
        "tau": 0.01,
        "period": 20,
        "max_heads": 10,
    }
    scaled = search_spaces.boosting.defaults(FACES, 50)
    assert (scaled["period"], scaled["weight_face"], scaled["weight_voice"]) == (5, 0.5, 0.5)


@pytest.mark.parametrize("space", [search_spaces.boosting, search_spaces.dr_boosting])
def test_sigma_is_drawn_from_1_upwards_below_which_every_modality_would_get_a_head(space):
    assert min(draws(space(FACES, 12)["sigma"])) >= 1


def test_the_published_values_of_ogm_ge():
    assert search_spaces.ogm_ge.DEFAULTS == {"lr": 1e-3, "alpha": 0.8, "begin": 0, "end": 51}
    assert search_spaces.ogm_ge.defaults(50)["end"] == 25


def test_alpha_is_drawn_from_005_to_1_and_modulation_ends_after_it_begins():
    domains = search_spaces.ogm_ge(12)
    assert (domains["alpha"].lower, domains["alpha"].upper) == (0.05, 1)
    assert max(draws(domains["begin"])) < min(draws(domains["end"]))


@pytest.mark.parametrize(
    ("domain", "value", "end"),
    [
        (tune.loguniform(1e-3, 1e-1), 0.099, True),
        (tune.loguniform(1e-3, 1e-1), 0.00101, False),
        (tune.loguniform(1e-3, 1e-1), 0.01, None),
        (tune.uniform(0.5, 1.5), 0.505, False),
        (tune.uniform(0.0, 10.0), 0.0, None),  # nothing lies below
        (tune.uniform(0.0, 10.0), 9.95, True),
        (tune.uniform(0.0, 10.0), 9.5, None),
        (tune.randint(1, 6), 5, True),
        (tune.randint(1, 6), 1, False),
        (tune.randint(1, 6), 4, None),
        (tune.randint(1, 4), 3, None),  # of three values two are ends
        (tune.choice([1, 2, 3]), 3, None),
    ],
)
def test_a_value_at_an_end_of_its_domain_is_seen_on_the_scale_that_is_searched(domain, value, end) -> None:
    assert upper_end(domain, value) is end


@pytest.mark.parametrize("space", [search_spaces.training, search_spaces.fine_tuning])
@pytest.mark.parametrize("epochs", [1, 2, 12, 100])
def test_every_recipe_that_is_drawn_can_be_trained(space, epochs):
    domains = space.domains_for(FACES, epochs)
    given = {"data": "s", "epochs": epochs, "initial_weights": {"face": "/face.safetensors"}}
    for _ in range(30):
        METHODS["joint"].check({**given, **{key: domain.sample() for key, domain in domains.items()}})


def test_a_recipe_begins_with_what_the_trainer_does_anyway():
    defaults = METHODS["joint"].defaults()
    chosen = search_spaces.fine_tuning.defaults_for(FACES, 12)
    assert {key: value for key, value in chosen.items() if value != defaults[key]} == {"clip_norm": 100.0}
    assert holds(search_spaces.fine_tuning.domains_for(FACES, 12), chosen)


def test_a_recipe_chooses_among_all_optimizers():
    assert search_spaces.training(12)["optimizer"].categories == list(OPTIMIZERS)


def test_a_joined_space_has_the_domains_of_the_recipe_and_the_values_of_the_method():
    both = search_spaces.boosting.joined(search_spaces.training)
    domains, defaults = both.domains_for(FACES, 12), both.defaults_for(FACES, 12)
    assert domains.keys() == {*search_spaces.boosting(FACES, 12), *search_spaces.training(12)}
    assert domains["lr"].lower == 1e-5
    assert defaults["lr"] == search_spaces.boosting.DEFAULTS["lr"] != search_spaces.training.DEFAULTS["lr"]
    assert holds(domains, defaults)
    assert both.notation.keys() >= {"optimizer", "tau"}
    assert both.DEFAULTS.keys() >= {"optimizer", "tau"}
