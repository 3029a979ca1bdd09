"""The ladder of generated imbalance: what its parameters do, and that a seed decides the samples."""

import numpy as np
import pytest

from trainables.multimodal.data.datasets import read_source
from trainables.multimodal.data.generated import ladder
from trainables.multimodal.data.generated.densities import parities_accuracy, simplex_accuracy

ERROR = 4 * 0.5 / ladder.TEST_SAMPLES**0.5  # four standard errors of an accuracy, at most


def drawn(recipe="vectors", **settings):
    texts = {key: str(value) for key, value in settings.items()}
    return ladder.drawn(ladder.RECIPES[recipe].changed(texts))


@pytest.mark.parametrize("recipe", ladder.RECIPES)
@pytest.mark.parametrize("signs", [2, 3])
def test_bayes_rule_reaches_what_the_parameters_say(recipe, signs):
    samples = drawn(recipe, signs=signs, noise=50)
    strong, weak = (samples.bayes(name, parts=["test"]) for name in ("strong", "weak"))
    assert strong == pytest.approx(simplex_accuracy(4, ladder.STRENGTH), abs=ERROR)
    assert weak == pytest.approx(parities_accuracy(2, signs, 0.5), abs=ERROR)
    assert samples.bayes("strong", "weak", parts=["test"]) > max(strong, weak)


def test_strong_is_worth_87_percent_and_weak_nearly_all():
    assert simplex_accuracy(4, ladder.STRENGTH) == pytest.approx(0.87, abs=0.005)
    assert parities_accuracy(2, 2, 0.4) == pytest.approx(0.975, abs=0.001)
    assert parities_accuracy(2, 3, 0.35) == pytest.approx(0.987, abs=0.001)


def test_nuisance_adds_dimensions_and_changes_no_truth():
    plain, more = drawn(), drawn(nuisance=96)
    assert (plain.arrays["strong"].shape[1], more.arrays["strong"].shape[1]) == (32, 128)
    assert more.bayes("strong", parts=["test"]) == pytest.approx(
        plain.bayes("strong", parts=["test"]), abs=ERROR
    )


def test_a_seed_decides_the_samples():
    first, again, other = (drawn(seed=seed, samples=16).arrays["weak"] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1


def test_a_step_is_a_data_set_whose_note_states_the_truth():
    source = read_source("ladder", None, recipe="pictures", settings={"samples": "64", "signs": "2"})
    assert source.modalities["weak"].shape == source.load(0)["weak"].shape == (1, 16, 16)
    reached = ladder.drawn(ladder.RECIPES["pictures"].changed({"samples": "64", "signs": "2"}))
    assert f"both {reached.bayes('strong', 'weak', parts=['test']):.1%}" in source.note
    assert source.recipe == {"name": "pictures", "seed": 0, "samples": 64, "signs": 2, "noise": 40}
