from dataclasses import replace

import pytest

from study.analysis.chosen_runs import ChosenRuns
from study.analysis.method_status import MethodStatus, SameEnding, method_statuses
from study.analysis.summary import cost
from study.settings import Resources


def statuses(settings, records) -> list[MethodStatus]:
    return method_statuses(ChosenRuns(settings, records))


def of(found: list[MethodStatus], method: str) -> MethodStatus:
    return next(one for one in found if one.method == method)


def test_every_method_has_a_standing_whatever_became_of_it(compared_methods) -> None:
    settings, records = compared_methods
    assert [one.method for one in statuses(settings, records)] == list(settings.methods)


def test_a_method_that_diverged_in_its_search_says_so_with_the_reason(compared_methods) -> None:
    one = of(statuses(*compared_methods), "late_fusion")
    assert (one.stage, one.is_without_result) == ("search", True)
    assert [(e.status, e.reason, len(e.seeds)) for e in one.endings] == [
        ("diverged", "loss is not finite", 5),
        ("pruned", None, 1),
    ]


def test_a_method_that_failed_in_confirm_names_its_seeds_and_the_reason(compared_methods) -> None:
    one = of(statuses(*compared_methods), "boosting_frozen")
    assert (one.stage, one.is_without_result) == ("confirm", True)
    assert one.endings == (SameEnding("failed", "out of memory", (1000, 1001, 1002, 1003, 1004)),)


def test_a_method_that_lost_a_seed_says_how_many_are_left(compared_methods) -> None:
    one = of(statuses(*compared_methods), "ogm_ge")
    assert (one.stage, one.seeds, one.asked) == ("confirm", 4, 5)
    assert one.endings == (SameEnding("diverged", "loss is not finite", (1003,)),)


def test_a_method_that_has_all_its_seeds_is_confirmed(compared_methods) -> None:
    one = of(statuses(*compared_methods), "joint")
    assert (one.seeds, one.asked, one.endings) == (5, 5, ())


def test_a_method_whose_search_still_runs_has_not_failed(synthetic, settings) -> None:
    study = synthetic()
    study.add("search", "joint", 0.5, status="diverged")
    study.add("search", "joint", 0.5, status="running")
    one = of(statuses(settings(), study.records), "joint")
    assert (one.stage, one.ended) == ("search", False)


def test_a_method_that_has_not_been_searched_yet_is_listed(synthetic, settings) -> None:
    found = statuses(settings(), synthetic().search("joint", 0.6).records)
    assert (of(found, "diagnose_relearn").stage, of(found, "joint").stage) == ("search", "confirm")
    assert not any(one.ended for one in found)


def test_a_method_that_the_task_leaves_out_says_why(settings) -> None:
    (one,) = statuses(settings(methods=[], inapplicable={"boosting": "needs classes"}), [])
    assert (one.inapplicable, one.is_without_result, one.costs["search"]["cpu_hours"]) == (
        "needs classes",
        True,
        0,
    )


def test_lost_runs_of_an_earlier_incumbent_are_forgotten(whole, settings) -> None:
    study = whole()
    study.add("confirm", "joint", 0.1, config={"lr": 0.7}, seed=1009, status="diverged")
    assert of(statuses(settings(), study.records), "joint").endings == ()


def test_costs_of_all_methods_add_up_to_those_of_the_study(compared_methods) -> None:
    settings, records = compared_methods
    asked = replace(settings, resources=Resources(2, 0.5))
    parts = [hours for one in statuses(asked, records) for hours in one.costs.values()]
    for unit, hours in cost(asked, records).items():
        assert sum(part[unit] for part in parts) == pytest.approx(hours)


def test_a_trial_that_is_alone_on_a_gpu_costs_all_of_it(whole, settings) -> None:
    first, *others = whole().records
    asked = replace(settings(), resources=Resources(2, 0.25))
    shared, alone = (cost(asked, [replace(first, alone=apart), *others]) for apart in (False, True))
    assert alone["gpu_hours"] - shared["gpu_hours"] == pytest.approx(0.75 * first.seconds / 3600)
    assert alone["cpu_hours"] == shared["cpu_hours"]


def test_cost_of_confirming_is_told_by_protocol(whole, settings) -> None:
    study = whole()
    study.confirm("joint", 0.7, 6, "paper")
    found = statuses(settings(protocol={"name": "both"}), study.records)
    clean, paper = (one.costs["confirm"]["cpu_hours"] for one in found if one.method == "joint")
    assert paper == pytest.approx(2 * clean)
