from dataclasses import replace
from statistics import fmean

import pytest
from report_reading import judged

from study.analysis.chosen_runs import ChosenRuns
from study.analysis.comparisons import FOLDED, PAIRED, WELCH, with_baseline, with_controls
from study.analysis.statistics import overlapping_test, resampled_test, welch_test


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


def accuracies(records, method) -> dict[int, float]:
    runs = [r for r in records if (r.stage, r.method, r.status) == ("confirm", method, "completed")]
    return {run.seed: run.test["test/accuracy"] for run in runs}


def against_joint(settings, records, method):
    return next(one for one in with_baseline(ChosenRuns(settings, records)) if one.method == method)


def test_a_method_that_follows_joint_training_is_compared_seed_by_seed(compared_methods) -> None:
    settings, records = compared_methods
    one = against_joint(settings, records, "diagnose_relearn")
    ours, theirs = accuracies(records, "diagnose_relearn"), accuracies(records, "joint")
    assert one.kind == PAIRED
    assert one.differences == pytest.approx({seed: ours[seed] - theirs[seed] for seed in ours})
    assert one.test == overlapping_test(ours, theirs)


def test_any_other_method_is_compared_by_welchs_test(compared_methods) -> None:
    settings, records = compared_methods
    one = against_joint(settings, records, "ogm_ge")
    ours, theirs = accuracies(records, "ogm_ge"), accuracies(records, "joint")
    assert one.kind == WELCH
    assert (one.test.difference.n, one.baseline_seeds) == (4, 5)
    assert one.differences == pytest.approx({seed: ours[seed] - fmean(theirs.values()) for seed in ours})
    assert one.test == welch_test(list(ours.values()), list(theirs.values()))


def test_no_method_is_paired_with_its_control(compared_methods) -> None:
    assert not any(one.kind == PAIRED for one in with_controls(ChosenRuns(*compared_methods)))


@pytest.mark.parametrize("method", ["diagnose_relearn", "boosting"])
def test_more_seeds_of_joint_training_all_count(synthetic, settings, method) -> None:
    base = [0.60, 0.61, 0.62, 0.63, 0.64, 0.60, 0.63, 0.61, 0.62, 0.65]
    ours = [value + 0.05 + 0.01 * (-1) ** n for n, value in enumerate(base[:5])]
    few, many = (
        against_joint(
            settings(methods=["joint", method]), judged(synthetic, {"joint": j, method: ours}), method
        )
        for j in (base[:5], base)
    )
    assert (many.test.difference.n, many.baseline_seeds) == (5, 10)
    assert many.test.p != few.test.p


def test_a_collapsed_seed_is_left_out_of_a_comparison(synthetic, settings) -> None:
    study = synthetic().search("joint", 0.6, 1).search("boosting", 0.6, 1)
    study.confirm("joint", 0.6, 4).confirm("boosting", 0.7, 3)
    study.add("confirm", "boosting", 0.18, config=study.first("boosting"), seed=1003)
    chosen = ChosenRuns(settings(methods=["joint", "boosting"]), study.records)
    (one,) = with_baseline(chosen)
    assert chosen.collapsed("boosting", "clean") == {1003}
    assert sorted(one.differences) == [1000, 1001, 1002]


SAME = [0.60, 0.62, 0.61, 0.64, 0.63]
FOLLOWS = {"methods": ["joint", "diagnose_relearn"]}


def test_where_the_baseline_collapsed_a_method_that_follows_it_is_left_out_too(synthetic, settings) -> None:
    """On its fold the method's only seed would meet another of the baseline, which nothing relates to it."""
    study = synthetic().search("joint", 0.6, 1).search("diagnose_relearn", 0.6, 1)
    study.confirm("joint", 0.6, 10).confirm("diagnose_relearn", 0.6, 5)
    study.records = [record for record in study.records if (record.method, record.seed) != ("joint", 1004)]
    study.add("confirm", "joint", 0.18, config=study.first("joint"), seed=1004)
    chosen = ChosenRuns(settings(**FOLLOWS), [folded(record) for record in study.records])
    (one,) = with_baseline(chosen)
    assert chosen.collapsed("joint", "clean") == {1004}
    assert (one.kind, len(one.differences)) == (FOLDED, 4)


@pytest.mark.parametrize("kind", [PAIRED, FOLDED])
def test_equal_runs_do_not_differ_whatever_more_seeds_of_joint_training_say(
    synthetic, settings, kind
) -> None:
    more = [value + 0.1 for value in SAME]
    records = judged(synthetic, {"joint": [*SAME, *more], "diagnose_relearn": SAME})
    records = [folded(record) for record in records] if kind == FOLDED else records
    one = against_joint(settings(**FOLLOWS), records, "diagnose_relearn")
    assert (one.kind, one.test.difference.mean, one.test.p) == (kind, 0.0, None)
    assert set(one.differences.values()) == {0.0}


def folded(record):
    """The same trial, if it is a confirm run on one of five folds."""
    if record.stage != "confirm":
        return record
    return replace(record, config={**record.config, "split": f"actors-{1 + record.seed % 5}"})


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


def test_runs_over_folds_are_compared_fold_by_fold(settings, synthetic) -> None:
    study = synthetic()
    seeds = {"joint": 6, "diagnose_relearn": 3}
    for method, count in seeds.items():
        study.search(method, 0.6, 1)
        for seed in range(count):
            config = {**study.first(method), "split": f"actors-{seed % 3 + 1}"}
            study.add("confirm", method, 0.5 + 0.02 * seed, config=config, seed=1000 + seed)
    (one,) = with_baseline(ChosenRuns(settings(sensitivity={}), study.records))
    ours, theirs = accuracies(study.records, "diagnose_relearn"), accuracies(study.records, "joint")
    expected = [ours[1000 + n] - fmean([theirs[1000 + n], theirs[1003 + n]]) for n in range(3)]
    assert one.kind == FOLDED
    assert list(one.differences.values()) == pytest.approx(expected)
    assert one.test == resampled_test(expected)
