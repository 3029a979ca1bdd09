import pytest
from ray.tune.search.sample import Float, Integer

import search_spaces
from trainables import DiagnoseRelearnTrainable, JointTrainable


def draws(domain, count=300):
    return [domain.sample() for _ in range(count)]


@pytest.mark.parametrize("space", [search_spaces.joint(), search_spaces.diagnose_relearn(12)])
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
    search_spaces.joint.defaults(10)["lr"] = 5
    assert search_spaces.joint.DEFAULTS == {"lr": 2e-3}


@pytest.mark.parametrize(
    ("space", "trainable"),
    [
        (search_spaces.joint(), JointTrainable),
        (search_spaces.diagnose_relearn(10), DiagnoseRelearnTrainable),
    ],
)
def test_every_key_is_a_domain_and_a_setting_of_its_trainable(space, trainable):
    assert set(space) <= set(trainable.settings())
    assert all(isinstance(domain, (Float, Integer)) for domain in space.values())


@pytest.mark.parametrize("space", [search_spaces.joint, search_spaces.diagnose_relearn])
def test_defaults_cover_the_space(space):
    domains = space() if space is search_spaces.joint else space(10)
    assert set(space.DEFAULTS) == set(space.defaults(10)) == set(domains)
