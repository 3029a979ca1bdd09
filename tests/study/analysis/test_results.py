import pytest

from study.analysis.chosen_runs import chance
from study.analysis.results import analyse, last_values, mean_values, relearned_after


def test_methods_are_ranked_by_their_means_with_empty_ones_last(compared_methods) -> None:
    results = analyse(*compared_methods)
    scored = [m for m in results.ranked("clean") if results.judged("clean", m)["seeds"]]
    means = [results.judged("clean", method)["mean"] for method in scored]
    assert means == sorted(means, reverse=True)
    assert results.ranked("clean")[len(scored) :] == ["late_fusion", "boosting_frozen"]


def test_runs_are_those_of_methods_that_were_confirmed(compared_methods) -> None:
    results = analyse(*compared_methods)
    assert set(results.methods) - set(results.runs) == {"late_fusion", "boosting_frozen"}
    assert len(results.epochs) == sum(len(run.epochs) for runs in results.runs.values() for run in runs)


def test_chance_is_that_of_equally_frequent_classes_or_of_signs(settings) -> None:
    assert chance(settings()) == pytest.approx(1 / 6)
    assert chance(settings(protocol={"task": "regression of mood"})) == 1 / 2
    assert chance(settings(data={"classes": []})) is None


def test_relearning_is_told_by_method_from_its_metrics(module_study) -> None:
    settings, records = module_study
    assert relearned_after(analyse(settings, records).runs) == {
        "joint": [],
        "diagnose_relearn": [4, 7, 10],
    }


def test_means_over_runs_take_the_last_value_or_every_one(synthetic, settings) -> None:
    study = synthetic(("face",)).search("joint", 0.6, 1).confirm("joint", 0.6, 2)
    runs = analyse(settings(methods=["joint"]), study.records).runs["joint"]
    gaps = [[metrics["purity/face/gap"] for metrics in run.epochs.values()] for run in runs]
    assert last_values(runs, "gap") == {"face": pytest.approx(sum(each[-1] for each in gaps) / 2)}
    every = [gap for each in gaps for gap in each]
    assert mean_values(runs, "gap") == {"face": pytest.approx(sum(every) / len(every))}
