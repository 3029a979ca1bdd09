import pytest

from study.replaying.choices import SchedulerChoice, SearcherChoice
from study.replaying.curves import Curve, Curves
from study.replaying.measures import Combination, measured, rank_correlations, replay
from study.replaying.simulation import SimulatedStudy, Simulation, Step, Trial

A, B, C = (Curve({}, (1, 2), values, (2.0, 4.0)) for values in ((-0.5, -0.4), (-0.6, -0.1), (-0.3, -0.3)))
CURVES = Curves("toy", 2, [A, B, C], {}, sign=-1)
CHOICE = Combination(SearcherChoice("random"), SchedulerChoice("none"), trials=3, workers=1)


def study(*outcomes, seconds, epochs, steps):
    trials = [Trial(n, curve, 0.0, 2 - stopped, stopped) for n, (curve, stopped) in enumerate(outcomes)]
    return SimulatedStudy(trials, steps, seconds, epochs)


STOPPED_THE_BEST = study(
    (A, False), (B, True), (C, False), seconds=10.0, epochs=5, steps=[Step(4.0, 2, -0.4), Step(10.0, 5, -0.3)]
)
STOPPED_A_WEAK_ONE = study(
    (B, False), (A, True), (C, False), seconds=10.0, epochs=5, steps=[Step(4.0, 2, -0.1)]
)


def test_a_study_that_stopped_its_best_trial():
    row = measured(CURVES, CHOICE, [STOPPED_THE_BEST], within=0.2)
    assert (row["epochs_0.25"], row["epochs_0.5"], row["epochs_1"]) == (None, 0.4, 0.3)  # of 6 epochs
    assert (row["seconds_0.25"], row["seconds_0.5"], row["seconds_1"]) == (None, 0.4, 0.3)  # of 12 seconds
    assert row["best"] == 0.3
    assert row["completed"] == pytest.approx(2 / 3)
    assert row["saved"] == pytest.approx(1 / 6)
    assert row["regret"] == pytest.approx(0.2)
    assert row["lost"] == 1
    assert (row["within_epochs"], row["within_seconds"]) == (5, 10)


def test_medians_and_means_are_over_studies():
    row = measured(CURVES, CHOICE, [STOPPED_THE_BEST, STOPPED_A_WEAK_ONE, STOPPED_A_WEAK_ONE], within=0)
    assert row["best"] == pytest.approx(0.1)
    assert (row["regret"], row["mean_regret"], row["lost"]) == pytest.approx((0, 0.2 / 3, 1 / 3))
    assert row["within_epochs"] == 2  # two of three get there


def test_what_half_of_the_studies_never_reach_has_no_median():
    row = measured(CURVES, CHOICE, [STOPPED_THE_BEST, STOPPED_A_WEAK_ONE], within=0)
    assert row["within_epochs"] is row["within_seconds"] is None


def test_with_several_workers_the_time_of_a_budget_is_shared():
    two = Combination(CHOICE.searcher, CHOICE.scheduler, trials=3, workers=2)
    assert measured(CURVES, two, [STOPPED_THE_BEST], within=0)["seconds_1"] == 0.4  # of 6 seconds


def test_replayed_studies_are_those_of_their_seeds():
    random = replay(CURVES, CHOICE, (3, 4))
    alone = Simulation(CURVES, CHOICE.searcher.searcher(CURVES, 3, 4), None, 3).run(1)
    assert random[1] == alone


def test_rank_correlation_of_a_rung_with_the_end():
    """At epoch 1 C > A > B, at the end B > C > A: ranks 2 1 3 and 1 3 2, sum of d^2 = 6, 1 - 6 6 / 24."""
    (row,) = rank_correlations(CURVES, [1])
    assert row["correlation"] == pytest.approx(-0.5)
