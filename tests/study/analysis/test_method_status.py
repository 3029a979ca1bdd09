import pytest

from study.analysis.method_status import Standing, standings
from study.analysis.summary import cost


def of(found: list[Standing], method: str) -> Standing:
    return next(one for one in found if one.method == method)


def test_every_method_has_a_standing_whatever_became_of_it(compared_methods) -> None:
    settings, records = compared_methods
    assert [one.method for one in standings(settings, records)] == settings["methods"]


def test_a_method_that_diverged_in_its_search_says_so_with_the_reason(compared_methods) -> None:
    one = of(standings(*compared_methods), "late_fusion")
    assert one.status == "no search trial completed"
    assert one.reason == "5 diverged (loss is not finite), 1 pruned"


def test_a_method_that_failed_in_confirm_names_its_seeds_and_the_reason(compared_methods) -> None:
    one = of(standings(*compared_methods), "boosting_frozen")
    assert one.status == "no confirm trial completed"
    assert one.reason == "seeds 1000, 1001, 1002, 1003 and 1004 failed (out of memory)"


def test_a_method_that_lost_a_seed_says_how_many_are_left(compared_methods) -> None:
    one = of(standings(*compared_methods), "ogm_ge")
    assert (one.status, one.seeds, one.asked) == ("4 of 5 seeds", 4, 5)
    assert one.reason == "seed 1003 diverged (loss is not finite)"


def test_a_method_that_has_all_its_seeds_is_confirmed(compared_methods) -> None:
    one = of(standings(*compared_methods), "joint")
    assert (one.status, one.reason) == ("confirmed", "")


def test_a_method_whose_search_still_runs_has_not_failed(synthetic, settings) -> None:
    study = synthetic()
    study.add("search", "joint", 0.5, status="diverged")
    study.add("search", "joint", 0.5, status="running")
    one = of(standings(settings(), study.records), "joint")
    assert (one.status, one.ended) == ("search not finished", False)


def test_a_method_that_has_not_been_searched_yet_is_listed(synthetic, settings) -> None:
    found = standings(settings(), synthetic().search("joint", 0.6).records)
    assert of(found, "diagnose_relearn").status == "search not finished"
    assert of(found, "joint").status == "confirm not finished"


def test_lost_runs_of_an_earlier_incumbent_are_forgotten(whole, settings) -> None:
    study = whole()
    study.add("confirm", "joint", 0.1, config={"lr": 0.7}, seed=1009, status="diverged")
    assert of(standings(settings(), study.records), "joint").reason == ""


def test_costs_of_all_methods_add_up_to_those_of_the_study(compared_methods) -> None:
    settings, records = compared_methods
    asked = settings | {"resources": {"cpus_per_trial": 2, "gpus_per_trial": 0.5}}
    parts = [hours for one in standings(asked, records) for hours in one.costs.values()]
    for unit, hours in cost(asked, records).items():
        assert sum(part[unit] for part in parts) == pytest.approx(hours)


def test_cost_of_confirming_is_told_by_protocol(whole, settings) -> None:
    study = whole()
    study.confirm("joint", 0.7, 6, "paper")
    found = standings(settings(protocol={"name": "both"}), study.records)
    clean, paper = (one.costs["confirm"]["cpu_hours"] for one in found if one.method == "joint")
    assert paper == pytest.approx(2 * clean)
