import json

import pytest

from study.analysis.results import analyse
from study.analysis.selection import on_validation

SCHEMA = {"study", "complete", "data", "protocol", "stages", "methods", "sensitivity", "cost", "mlflow"} | {
    "comparisons"
}


def test_summary_has_exactly_the_published_keys(whole, settings) -> None:
    summary = analyse(settings(), whole().records).summary
    assert set(summary) == SCHEMA
    assert set(summary["data"]) == {"name", "digest", "is_sample"}
    assert set(summary["protocol"]) == {"name", "split", "recipe", "frames", "selection", "optimizer"}
    assert set(summary["mlflow"]) == {"uri", "experiment", "parent_run", "page"}
    assert set(summary["cost"]) == {"cpu_hours", "gpu_hours"}


def test_every_method_has_configuration_validation_and_test(whole, settings) -> None:
    methods = analyse(settings(), whole().records).summary["methods"]
    assert set(methods["joint"]) == {"config", "validation", "test", "collapsed"}
    assert set(methods["joint"]["test"]) == {"accuracy", "macro_f1"}
    assert set(methods["joint"]["test"]["accuracy"]) == {"mean", "std", "low", "high", "seeds"}
    assert methods["joint"]["test"]["accuracy"]["seeds"][0].keys() == {"seed", "value"}


def test_a_comparison_has_its_test_and_both_numbers_of_seeds(whole, settings) -> None:
    (one,) = analyse(settings(), whole().records).summary["comparisons"]
    assert (one["method"], one["baseline"], one["test"]) == ("diagnose_relearn", "joint", "paired t")
    assert (one["seeds"], one["baseline_seeds"], one["holm_over"]) == (3, 3, 1)
    assert one["difference_low"] < one["difference"] < one["difference_high"]
    assert one["probability_better"] == pytest.approx(1 - one["p"] / 2)


def test_a_collapsed_seed_is_named_and_left_out_of_the_mean(whole, settings) -> None:
    study = whole()
    plain = analyse(settings(), study.records).summary["methods"]["joint"]
    study.add("confirm", "joint", 0.18, config=study.first("joint"), seed=1009)
    results = analyse(settings(), study.records)
    found = results.summary["methods"]["joint"]
    assert (plain["collapsed"], found["collapsed"]) == ([], [1009])
    assert found["test"]["accuracy"] == plain["test"]["accuracy"]
    (status,) = (one for one in results.statuses if one.method == "joint")
    assert (status.seeds, status.endings[0].status, status.endings[0].seeds) == (3, "collapsed", (1009,))


def test_every_swept_point_has_value_mean_interval_and_seeds(whole, settings) -> None:
    swept = analyse(settings(), whole().records).summary["sensitivity"]["diagnose_relearn"]
    assert set(swept) == {"lam", "every"}
    assert set(swept["lam"][0]) == {"value", "mean", "std", "low", "high", "seeds"}


def test_summary_is_plain_json(whole, settings) -> None:
    summary = analyse(settings(), whole().records).summary
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary


def test_trials_of_all_stages_add_up_to_the_ledger(whole, settings) -> None:
    records = whole().records
    stages = analyse(settings(), records).summary["stages"]
    assert sum(stage["trials"] for stage in stages.values()) == len(records)


def test_endings_of_a_stage_add_up_to_its_trials(whole, settings) -> None:
    for stage in analyse(settings(), whole().records).summary["stages"].values():
        ended = stage["completed"] + stage["pruned"] + stage["failed"] + stage["diverged"]
        assert ended == stage["trials"]


def test_mean_over_seeds_is_that_of_the_confirm_runs(whole, settings) -> None:
    study = whole()
    found = analyse(settings(), study.records).summary["methods"]["joint"]["test"]["accuracy"]
    runs = [r for r in study.records if (r.stage, r.method) == ("confirm", "joint")]
    assert found["mean"] == pytest.approx(sum(run.test["test/accuracy"] for run in runs) / len(runs))


def test_confirm_runs_of_an_earlier_incumbent_do_not_count(whole, settings) -> None:
    study = whole()
    study.add("search", "joint", 0.9, config={"lr": 0.05})
    assert analyse(settings(), study.records).summary["methods"]["joint"]["test"]["accuracy"]["seeds"] == []


def test_a_diverged_confirm_run_is_no_seed_of_the_mean(whole, settings) -> None:
    study = whole()
    study.add("confirm", "joint", 0.1, config=study.first("joint"), seed=1009, status="diverged")
    seeds = analyse(settings(), study.records).summary["methods"]["joint"]["test"]["accuracy"]["seeds"]
    assert 1009 not in [one["seed"] for one in seeds]


def test_with_both_protocols_paper_stands_beside_methods(whole, settings) -> None:
    study = whole()
    study.confirm("joint", 0.7, 3, "paper").confirm("diagnose_relearn", 0.8, 3, "paper")
    asked = settings(protocol={"name": "both", "splits": {"clean": "actor-disjoint", "paper": "dnr"}})
    summary = analyse(asked, study.records).summary
    assert set(summary) == SCHEMA | {"paper"}
    clean, paper = summary["methods"]["joint"], summary["paper"]["joint"]
    assert paper["test"]["accuracy"]["mean"] > clean["test"]["accuracy"]["mean"]


def test_validation_of_a_paper_run_is_read_at_its_best_test_epoch(synthetic) -> None:
    record = synthetic().add("confirm", "joint", 0.6, protocol="paper")
    record.epochs[max(record.epochs)] |= {"best/epoch": 4.0, "best/accuracy": 0.99}
    assert on_validation(record)["accuracy"] == record.epochs[4]["validation/accuracy"]


def test_methods_are_compared_on_the_seeds_they_share(whole, settings) -> None:
    study = whole(seeds=3)
    study.add("confirm", "joint", 0.6, config=study.first("joint"), seed=4000)
    (compared,) = analyse(settings(), study.records).comparisons
    assert compared.test.difference.n == 3


def test_comparisons_are_adjusted_for_their_number(whole, settings) -> None:
    study = whole()
    study.search("ogm_ge", 0.62, 1).confirm("ogm_ge", 0.62)
    asked = settings(methods=["joint", "diagnose_relearn", "ogm_ge"])
    first, second = analyse(asked, study.records).comparisons
    assert min(first.adjusted, second.adjusted) == pytest.approx(2 * min(first.test.p, second.test.p))


def test_cost_counts_what_every_trial_held(whole, settings) -> None:
    records = whole().records
    cost = analyse(settings(resources={"cpus_per_trial": 4, "gpus_per_trial": 0.5}), records).summary["cost"]
    hours = sum(record.seconds for record in records) / 3600
    assert cost == {"cpu_hours": pytest.approx(4 * hours), "gpu_hours": pytest.approx(hours / 2)}


def test_a_whole_study_is_complete(whole, settings) -> None:
    assert analyse(settings(), whole().records).summary["complete"] is True


@pytest.mark.parametrize("stage", ["search", "confirm", "sensitivity"])
def test_a_study_without_one_of_its_stages_is_not_complete(whole, settings, stage) -> None:
    records = [record for record in whole().records if record.stage != stage]
    assert analyse(settings(), records).summary["complete"] is False


@pytest.mark.parametrize("stage", ["confirm", "sensitivity"])
def test_a_study_that_lacks_its_last_trial_is_not_complete(whole, settings, stage) -> None:
    records = whole().records
    last = max(n for n, record in enumerate(records) if record.stage == stage)
    assert analyse(settings(), records[:last] + records[last + 1 :]).summary["complete"] is False


def test_a_surface_is_complete_when_every_point_has_been_run(synthetic, settings) -> None:
    asked = settings(stages=["surface"], budget={"points": 3})
    study = synthetic()
    for lam in (0.0, 1.0):
        study.add("surface", "diagnose_relearn", 0.6, config={"lam": lam})
    assert analyse(asked, study.records).summary["complete"] is False
    study.add("surface", "diagnose_relearn", 0.6, config={"lam": 2.0}, status="diverged")
    summary = analyse(asked, study.records).summary
    assert summary["complete"] is True
    assert summary["stages"] == {
        "surface": {"trials": 3, "completed": 2, "pruned": 0, "failed": 0, "diverged": 1, "seconds": 54.0}
    }


def test_a_search_cut_short_is_not_complete(synthetic, settings) -> None:
    study = synthetic().search("joint", 0.6, 3).search("diagnose_relearn", 0.6, 3)
    assert analyse(settings(stages=["search"]), study.records).summary["complete"] is False


def test_a_search_whose_space_ran_out_is_complete(synthetic, settings) -> None:
    study = synthetic().search("joint", 0.6, 1)
    asked = settings(methods=["joint"], stages=["search"], exhausted=["joint"])
    assert analyse(asked, study.records).summary["complete"] is True


def test_a_search_cut_short_is_not_complete_though_some_settings_are_fixed(synthetic, settings) -> None:
    study = synthetic().search("unimodal_audio", 0.6, 1)
    fixed = {"unimodal_audio": {"modalities": ["audio"]}}
    asked = settings(methods=["unimodal_audio"], stages=["search"], fixed=fixed)
    assert analyse(asked, study.records).summary["complete"] is False


@pytest.mark.parametrize("status", ["failed", "running"])
def test_a_failed_or_running_trial_makes_a_study_incomplete(whole, settings, status) -> None:
    study = whole()
    study.add("search", "joint", 0.1, status=status)
    assert analyse(settings(), study.records).summary["complete"] is False


def test_diverged_and_pruned_trials_do_not_make_a_study_incomplete(whole, settings) -> None:
    study = whole()
    study.add("search", "joint", 0.1, status="diverged")
    assert analyse(settings(), study.records).summary["complete"] is True


def test_a_method_that_diverged_throughout_its_search_leaves_a_study_incomplete(whole, settings) -> None:
    study = whole()
    for _ in range(6):
        study.add("search", "ogm_ge", 0.1, status="diverged")
    asked = settings(methods=["joint", "diagnose_relearn", "ogm_ge"])
    summary = analyse(asked, study.records).summary
    assert summary["complete"] is False
    assert summary["methods"]["ogm_ge"]["config"] is None


def test_a_summary_of_many_methods_keeps_its_keys(compared_methods) -> None:
    summary = analyse(*compared_methods).summary
    assert set(summary) == SCHEMA
    assert list(summary["methods"]) == list(compared_methods[0].methods)
    assert all(
        set(found) == {"config", "validation", "test", "collapsed"} for found in summary["methods"].values()
    )
