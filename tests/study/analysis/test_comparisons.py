from dataclasses import replace

import pytest

from study.analysis.chosen_runs import ChosenRuns
from study.analysis.comparisons import with_baseline, with_controls


def test_every_method_with_a_shared_seed_is_compared_with_joint_training(compared_methods) -> None:
    settings, records = compared_methods
    found = [one.method for one in with_baseline(ChosenRuns(settings, records))]
    without = ("joint", "late_fusion", "boosting_frozen")
    assert sorted(found) == sorted(method for method in settings.methods if method not in without)


def test_methods_without_a_test_count_in_the_correction(compared_methods) -> None:
    compared = with_baseline(ChosenRuns(*compared_methods))
    candidates = [comparison for comparison in compared if comparison.family == 5]
    least = min(candidates, key=lambda comparison: comparison.test.p)
    assert least.adjusted == pytest.approx(5 * least.test.p)


def test_candidates_single_modalities_and_controls_are_corrected_apart(compared_methods) -> None:
    compared = with_baseline(ChosenRuns(*compared_methods))
    families = {comparison.method: comparison.family for comparison in compared}
    assert (families["boosting"], families["unimodal_audio"], families["boosting_random"]) == (5, 2, 4)


def test_differences_are_taken_seed_by_seed(compared_methods) -> None:
    settings, records = compared_methods
    one = next(one for one in with_baseline(ChosenRuns(settings, records)) if one.method == "ogm_ge")
    runs = {(r.method, r.seed): r for r in records if r.stage == "confirm"}
    expected = {
        seed: runs["ogm_ge", seed].test["test/accuracy"] - runs["joint", seed].test["test/accuracy"]
        for seed in (1000, 1001, 1002, 1004)
    }
    assert one.differences == pytest.approx(expected)


def test_boosting_is_compared_with_its_controls_and_nothing_else(compared_methods) -> None:
    found = with_controls(ChosenRuns(*compared_methods))
    assert {one.method for one in found} == {"boosting"}
    assert [one.baseline for one in found] == ["boosting_no_heads", "boosting_random", "boosting_tripled"]


def test_a_control_that_failed_counts_in_the_correction(compared_methods) -> None:
    assert {one.family for one in with_controls(ChosenRuns(*compared_methods))} == {4}


def test_without_boosting_there_are_no_controls(compared_methods) -> None:
    settings, records = compared_methods
    kept = [record for record in records if record.method != "boosting"]
    asked = replace(settings, methods=tuple(m for m in settings.methods if m != "boosting"))
    assert with_controls(ChosenRuns(asked, kept)) == []
