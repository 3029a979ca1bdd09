import importlib.util
import os
from pathlib import Path

import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution

from study.analysis.design_axes import Axis, axis
from study.analysis.gaussian_process import FRACTION, POSITIVE
from study.analysis.surface import LEAST_POINTS, Matters, Surface, surface

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "surface_truth.py"
FIELD = FloatDistribution(0.0, 1.0)


@pytest.fixture(scope="module")
def truth():
    """The script that measures how often surfaces tell the truth."""
    spec = importlib.util.spec_from_file_location("surface_truth", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def planted(truth) -> Surface:
    """The surface of an optimum, an interaction and a hyperparameter that does nothing."""
    return truth.sampled(0, 64)


def by_key(found: Surface) -> dict[str, Matters]:
    return {one.axis.key: one.matters for one in found.influences}


def test_what_was_planted_is_found(truth, planted) -> None:
    found = truth.held(planted, truth.planted_truth())
    assert found["best lr within .1 of the optimum"]
    assert found["largest interaction is lam x every"]
    assert found["interaction is above the floor"]
    assert by_key(planted) == {
        "lr": Matters.YES,
        "lam": Matters.YES,
        "every": Matters.YES,
        "nothing": Matters.NO,
    }


def test_shares_are_shares_and_none_alone_is_above_its_total(planted) -> None:
    for one in planted.influences:
        assert 0 <= one.alone.low <= one.alone.share <= one.alone.high <= 1
        assert one.alone.share <= one.total.share <= 1


def test_there_is_a_map_of_every_pair_the_strongest_first(planted) -> None:
    shares = [one.interaction.share for one in planted.maps]
    assert len(shares) == 6
    assert shares == sorted(shares, reverse=True)
    first = planted.maps[0]
    assert first.mean.shape == first.sd.shape == (len(first.first.places), len(first.second.places))


def unlearned(axes: list[Axis], values: np.ndarray, seed: int = 0) -> Surface:
    places = np.random.default_rng(seed).uniform(size=(len(values), len(axes)))
    return surface(axes, places, values, FRACTION)


def test_the_same_points_give_the_same_surface() -> None:
    values = np.linspace(0, 1, 24) ** 2
    first, again = (unlearned([axis("a", FIELD)], values) for _ in range(2))
    assert first.r2 == again.r2
    assert [one.total for one in first.influences] == [one.total for one in again.influences]


def test_noise_is_said_to_explain_nothing() -> None:
    axes = [axis("a", FIELD), axis("b", FIELD)]
    found = unlearned(axes, 0.5 + 0.01 * np.random.default_rng(3).normal(size=24))
    assert not found.explains
    assert found.maps == []
    assert all(one.total is None and one.effect is None for one in found.influences)
    assert set(by_key(found).values()) == {Matters.UNKNOWN}


@pytest.mark.parametrize("seed", [30, 32, 40])
def test_left_out_points_of_noise_are_not_predicted(truth, seed) -> None:
    """Those of these seeds were, by lengths that all points had chosen."""
    found = truth.sampled(seed, 64, planted=False)
    assert not found.explains
    assert set(by_key(found).values()) == {Matters.UNKNOWN}


@pytest.mark.parametrize("values", [np.full(LEAST_POINTS + 4, 0.5), np.linspace(0, 1, LEAST_POINTS - 1)])
def test_without_enough_points_that_differ_nothing_is_decided(values) -> None:
    found = unlearned([axis("a", FIELD)], values)
    assert found.r2 is None
    assert by_key(found) == {"a": Matters.UNKNOWN}


def test_a_category_that_shifts_the_score_matters() -> None:
    rng = np.random.default_rng(0)
    axes = [axis("schedule", CategoricalDistribution(["constant", "step", "cosine"])), axis("a", FIELD)]
    places = np.column_stack([(rng.integers(0, 3, 30) + 0.5) / 3, rng.uniform(size=30)])
    found = surface(axes, places, 0.5 + (places[:, 0] > 0.6) * 0.2 + 0.01 * rng.normal(size=30), FRACTION)
    assert by_key(found)["schedule"] is Matters.YES
    assert by_key(found)["a"] is not Matters.YES
    assert found.influences[0].effect.mean[2] - found.influences[0].effect.mean[0] == pytest.approx(
        0.2, abs=0.03
    )


def test_nothing_drawn_of_an_accuracy_near_100_percent_passes_it() -> None:
    rng = np.random.default_rng(0)
    places = rng.uniform(size=(30, 1))
    found = surface([axis("a", FIELD)], places, 1 - 0.04 * places[:, 0] ** 2 * rng.uniform(size=30), FRACTION)
    assert found.explains
    assert found.influences[0].effect.low.min() > 0.9
    assert found.influences[0].effect.mean.max() < 1


def test_an_error_is_learned_on_a_scale_without_a_lower_end() -> None:
    places = np.random.default_rng(0).uniform(size=(30, 1))
    error = 0.05 + 2 * (places[:, 0] - 0.4) ** 2
    found = surface([axis("a", FIELD)], places, error, POSITIVE)
    effect = found.influences[0].effect
    assert effect.mean.min() > 0
    assert found.influences[0].axis.places[int(effect.mean.argmin())] == pytest.approx(0.4, abs=0.07)


@pytest.mark.parametrize("link", [FRACTION, POSITIVE])
def test_scores_come_back_from_the_scale_they_are_learned_on(link) -> None:
    values = np.array([0.0, 0.02, 0.4, 0.9])
    np.testing.assert_allclose(link.back(link.to(values)), [0.01, 0.02, 0.4, 0.9])


DATA = pytest.mark.skipif("STUDY_TEST_DATA" not in os.environ, reason="STUDY_TEST_DATA names no real data")


@DATA
def test_the_main_hyperparameters_of_a_real_table_are_found(truth) -> None:
    found, exact = truth.from_table(0, 40, Path(os.environ["STUDY_TEST_DATA"]))
    shares = [one.alone for one in found.influences]
    assert sum(exact.alone) == pytest.approx(0.762, abs=0.001)
    assert [one.axis.key for one in found.influences if one.matters is Matters.YES][:1] == ["lrate"]
    assert abs(shares[0].share - exact.alone[0]) < 0.15
    assert shares[0].low <= exact.alone[0] <= shares[0].high


@DATA
@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_shares_from_200_points_of_a_real_table_are_the_exact_ones(truth) -> None:
    errors, covered = [], []
    for seed in range(10):
        found, exact = truth.from_table(seed, 200, Path(os.environ["STUDY_TEST_DATA"]))
        shares = [one.alone for one in found.influences]
        errors.append(max(abs(one.share - true) for one, true in zip(shares, exact.alone, strict=True)))
        covered += [one.low <= true <= one.high for one, true in zip(shares, exact.alone, strict=True)]
    assert sum(error < 0.05 for error in errors) >= 9
    assert np.mean(covered) >= 0.9


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_truth_is_held_in_19_of_20_designs(truth) -> None:
    exact = truth.planted_truth()
    held = [truth.held(truth.sampled(seed, 64), exact) for seed in range(20)]
    counts = {name: sum(one[name] for one in held) for name in held[0]}
    assert all(count >= 19 for count in counts.values()), counts


def test_a_hyperparameter_all_of_whose_scores_lie_at_one_place_says_nothing() -> None:
    rng = np.random.default_rng(0)
    axes = [axis("lr", FIELD), axis("kind", CategoricalDistribution(["a", "b"]))]
    places = np.column_stack([rng.random(40), np.full(40, 0.25)])
    found = surface(axes, places, 0.5 + 0.3 * places[:, 0], FRACTION)
    assert found.influences[0].matters is Matters.YES
    assert np.isnan(found.influences[1].trend)
    assert found.influences[1].p == 1.0
    assert found.influences[1].effect is None
    assert found.influences[1].matters is Matters.UNKNOWN
    assert found.maps == []
