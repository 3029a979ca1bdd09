"""Tuning curves against brute force, and what finalists say of the search."""

from itertools import combinations
from statistics import fmean

import numpy as np
import pytest
from synthetic_studies import study_settings

from study.analysis.chosen_runs import ChosenRuns
from study.analysis.tuning import Tuning, expected_best, tunings


def test_the_expected_best_is_the_mean_over_all_ways_to_draw():
    values = [0.3, 0.7, 0.5, 0.7, 0.1]
    for k, expected in enumerate(expected_best(values), start=1):
        assert expected == pytest.approx(fmean(max(drawn) for drawn in combinations(values, k)))


def test_a_curve_ends_at_the_best_trial():
    assert expected_best([0.2, 0.9, 0.4])[-1] == pytest.approx(0.9)
    assert expected_best([]) == ()


def test_a_curve_of_thousands_of_trials_is_that_of_drawing_them_again_and_again():
    values = [number / 1500 for number in range(1500)]
    drawn = expected_best(values)
    assert drawn[0] == pytest.approx(fmean(values))
    mean_rank = 10 * 1501 / 11  # of the largest of 10 that are drawn from 1500: 10 (n + 1) / 11
    assert drawn[9] == pytest.approx((mean_rank - 1) / 1500)
    assert drawn[-1] == pytest.approx(values[-1])


def study(synthetic, levels, again):
    """A search of joint with a trial per level, whose best three were run again with these values."""
    made = synthetic()
    for n, level in enumerate(levels):
        made.add("search", "joint", level, config={"lr": 0.001 * (n + 1)})
    ranked = sorted(made.records, key=lambda record: -record.value)
    for trial, values in zip(ranked, again, strict=False):
        for seed, value in enumerate(values):
            made.add("finalists", "joint", value, config={"lr": trial.config["lr"]}, seed=3000 + seed)
    settings = study_settings(methods=["joint"], budget={"finalists": 3})
    return tunings(ChosenRuns(settings, made.records))["joint"]


def test_a_search_that_has_come_to_its_end_does_not_rise(synthetic):
    tuning = study(synthetic, [0.6] * 8, [[0.5, 0.6, 0.7]] * 3)
    assert (tuning.completed, tuning.rises) == (8, False)


@pytest.mark.parametrize("trials", [4, 8, 16])
def test_equally_good_configurations_seldom_look_like_a_rise(trials):
    draw = np.random.default_rng(0)
    alarms = 0
    for _ in range(1000):
        curve = expected_best(draw.normal(size=trials))
        noise = float(np.sqrt(draw.normal(size=(3, 3)).var(axis=1, ddof=1).mean()))
        alarms += Tuning("joint", trials, 0, curve, 0.0, 1, None, noise).rises
    assert alarms <= 40


def test_a_search_with_one_lucky_trial_rises(synthetic):
    tuning = study(synthetic, [0.3] * 7 + [0.9], [[0.89, 0.9, 0.91], [0.3, 0.3, 0.31], [0.3, 0.3, 0.31]])
    assert tuning.rises
    assert tuning.gain == pytest.approx(0.3, abs=0.03)  # half of the draws of 4 of 8 miss the best trial


def test_the_best_of_the_search_was_luck_where_another_finalist_is_better_on_fresh_seeds(synthetic):
    tuning = study(synthetic, [0.5, 0.8, 0.7, 0.4], [[0.6, 0.6], [0.7, 0.7], [0.5, 0.5]])
    assert tuning.chosen == 2
    assert tuning.optimism == pytest.approx(0.2, abs=0.03)


def test_without_finalists_nothing_is_said_of_luck(synthetic):
    tuning = study(synthetic, [0.5, 0.8, 0.7, 0.4], [])
    assert (tuning.again, tuning.noise, tuning.rises, tuning.chosen) == (None, None, False, 1)


def test_the_epochs_of_all_trials_are_counted(synthetic):
    made = synthetic().search("joint", 0.6)
    (tuning,) = tunings(ChosenRuns(study_settings(methods=["joint"]), made.records)).values()
    assert tuning.epochs == sum(len(record.epochs) for record in made.records)
