from collections import Counter

import pytest
from synthetic_studies import study_settings

from study.analysis import chosen_runs
from study.analysis.chosen_runs import ChosenRuns
from study.analysis.results import analyse
from study.analysis.selection import agrees, completed, incumbent


def test_what_is_chosen_equals_the_rules_applied_to_all_records(compared_methods) -> None:
    settings, records = compared_methods
    chosen = ChosenRuns(settings, records)
    for method in settings.methods:
        best = incumbent(records, method)
        assert chosen.incumbents.get(method) is best
        runs = completed(records, "confirm", method)
        assert chosen.confirmed(method, "clean") == [run for run in runs if best and agrees(run, best.config)]
        assert chosen.confirmed(method, "paper") == []


def test_confirm_runs_of_another_configuration_or_protocol_are_left_out(whole) -> None:
    study = whole().confirm("joint", 0.7, 2, "paper")
    study.add("confirm", "joint", 0.9, config={"lr": 0.7})
    runs = ChosenRuns(study_settings(), study.records).confirmed("joint", "clean")
    assert [run.seed for run in runs] == [1000, 1001, 1002]


def test_each_incumbent_is_computed_once_for_all_results(compared_methods, monkeypatch) -> None:
    calls = Counter()

    def counted(records, method):
        calls[method] += 1
        return incumbent(records, method)

    monkeypatch.setattr(chosen_runs, "incumbent", counted)
    analyse(*compared_methods)
    assert calls == dict.fromkeys(compared_methods[0].methods, 1)


def test_methods_that_have_trials_and_were_not_asked_for_come_last(whole, settings) -> None:
    study = whole()
    study.add("search", "ogm_ge", 0.5)
    assert ChosenRuns(settings(), study.records).methods == ["joint", "diagnose_relearn", "ogm_ge"]


@pytest.mark.parametrize(("stages", "split"), [(("search", "confirm"), "test"), (("search",), "validation")])
def test_methods_are_judged_on_test_once_any_was_tested(whole, settings, stages, split) -> None:
    records = [record for record in whole().records if record.stage in stages]
    assert ChosenRuns(settings(), records).judged_on == {"clean": split}


def test_every_trial_is_found_by_stage_and_method(whole, settings) -> None:
    study = whole()
    chosen = ChosenRuns(settings(), study.records)
    counted = [len(chosen.trials(stage, method)) for stage in chosen.stages for method in chosen.methods]
    assert sum(counted) == len(study.records)
