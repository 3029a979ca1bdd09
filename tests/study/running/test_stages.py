"""Which trials the stages ask for, given what the ledger holds."""

from dataclasses import replace

import optuna
import pytest

from study.records.trial_record import Ending, Proposal, trial_key
from study.running.stages import (
    confirm,
    finalists,
    more_seeds,
    plans,
    reopen_failed,
    search,
    sensitivity,
    surface,
)
from study.settings import Budget
from study.studies import STUDIES

RATES = (0.03, 0.05, 0.01, 0.07)


@pytest.fixture
def settings(resolved_on_toys):
    """Settings of a study of D&R with a budget of 12 trials and 5 seeds."""
    return resolved_on_toys(STUDIES["features_dr"], trials=12, seeds=5)


@pytest.fixture
def ledger(open_toy):
    return open_toy()


def ran(ledger, stage, method, value, config, seed=0):
    """Put a completed trial into the ledger."""
    proposal = Proposal(config, seed)
    key = trial_key(stage, method, proposal, ledger.digest)
    ledger.add(stage, method, key, proposal)
    ledger.add_epoch(key, 1, {"best/accuracy": value})
    ledger.set_ending(key, Ending("completed", 1))
    ledger.tell(key)


def searched(settings, ledger, values):
    """A search of both methods: values by learning rate, and the same for each of them."""
    for method in settings.methods:
        for rate, value in values.items():
            params = {**settings.defaults(method), "lr": rate}
            ran(ledger, "search", method, value, settings.config(method, params))


def proposals(plan, ledger, count):
    """The configurations that a plan names first, which the ledger then has."""
    drawn = []
    for number in range(count):
        proposal = plan.propose(number, 0)
        drawn.append(proposal.config)
        key = trial_key(plan.stage, plan.method, proposal, ledger.digest)
        ledger.add(plan.stage, plan.method, key, proposal)
    return drawn


def asked(settings, ledger):
    """What can be begun by now: how many trials of each stage and method."""
    return {
        (plan.stage, plan.method): plan.count if plan.free is None else plan.free
        for plan in plans(settings, ledger)
    }


def test_until_the_baseline_is_searched_others_run_their_published_values_alone(settings, ledger):
    assert asked(settings, ledger) == {("search", "joint"): 12, ("search", "diagnose_relearn"): 1}
    for number in range(12):
        ran(ledger, "search", "joint", 0.5, settings.config("joint", {"lr": 0.01 + number / 1000}))
    assert asked(settings, ledger) == {
        ("search", "joint"): 12,
        ("search", "diagnose_relearn"): 12,
        ("finalists", "joint"): 9,
    }


def test_a_method_goes_on_when_its_own_trials_have_ended(settings, ledger):
    few = replace(settings, budget=replace(settings.budget, trials=1, finalists=1))
    ran(ledger, "search", "joint", 0.5, few.config("joint", {"lr": 0.01}))
    for seed in (3000, 3001, 3002):
        assert ("confirm", "joint") not in asked(few, ledger)
        ran(ledger, "finalists", "joint", 0.5, few.config("joint", {"lr": 0.01}), seed)
    assert asked(few, ledger) == {
        ("search", "joint"): 1,
        ("search", "diagnose_relearn"): 1,
        ("finalists", "joint"): 3,
        ("confirm", "joint"): 10,
        ("sensitivity", "joint"): 0,
    }


def failed(ledger, stage, config, seed):
    """Put a trial of joint training that failed into the ledger; returns its key."""
    proposal = Proposal(config, seed)
    key = trial_key(stage, "joint", proposal, ledger.digest)
    ledger.add(stage, "joint", key, proposal)
    ledger.set_ending(key, Ending("failed", 0, "RuntimeError: no"))
    ledger.tell(key)
    return key


def test_trials_that_failed_go_on_until_what_rests_on_them_has_begun(settings, ledger):
    config = settings.config("joint", {"lr": 0.01})
    searched_ = failed(ledger, "search", config, 1)
    assert reopen_failed(settings, ledger) == 1
    assert ledger.get(searched_).status == "running"
    ledger.set_ending(searched_, Ending("failed", 0, "RuntimeError: no"))
    ledger.tell(searched_)
    confirmed = failed(ledger, "confirm", config, 1000)
    assert reopen_failed(settings, ledger) == 1
    assert (ledger.get(searched_).status, ledger.get(confirmed).status) == ("failed", "running")
    assert reopen_failed(settings, ledger) == 0


def test_stages_that_were_not_asked_for_are_passed_over(settings, ledger):
    some = replace(settings, stages=("search", "confirm"), budget=replace(settings.budget, trials=1))
    ran(ledger, "search", "joint", 0.5, some.config("joint", {"lr": 0.01}))
    assert ("confirm", "joint") in asked(some, ledger)


def test_other_methods_try_their_published_values_at_the_best_learning_rates_of_the_baseline(
    settings, ledger
):
    for rate, value in zip(RATES, (0.7, 0.9, 0.6, 0.8), strict=True):
        ran(ledger, "search", "joint", value, settings.config("joint", {"lr": rate}))
    plan = search(settings, ledger, "diagnose_relearn")
    drawn = proposals(plan, ledger, 5)
    published = settings.defaults("diagnose_relearn")
    assert [config["lr"] for config in drawn[:4]] == [published["lr"], 0.05, 0.07, 0.03]
    for config in drawn[:4]:
        assert {key: config[key] for key in published} == {**published, "lr": config["lr"]}
    assert drawn[4] not in drawn[:4]


def test_a_baseline_without_any_result_leaves_the_published_values(settings, ledger):
    plan = search(settings, ledger, "diagnose_relearn")
    first, second = proposals(plan, ledger, 2)
    assert first["lr"] == settings.defaults("diagnose_relearn")["lr"] != second["lr"]


def test_the_best_of_each_search_are_run_again_on_three_seeds(settings, ledger):
    searched(settings, ledger, dict(zip(RATES, (0.7, 0.9, 0.6, 0.8), strict=True)))
    plans = {method: finalists(settings, ledger, method) for method in settings.methods}
    assert {method: plan.count for method, plan in plans.items()} == {"joint": 9, "diagnose_relearn": 9}
    wanted = [plans["joint"].propose(number, 0) for number in range(9)]
    assert [(one.config["lr"], one.seed) for one in wanted[:4]] == [
        (0.05, 3000),
        (0.07, 3000),
        (0.03, 3000),
        (0.05, 3001),
    ]


def test_the_finalist_with_the_best_mean_is_confirmed(settings, ledger):
    searched(settings, ledger, dict(zip(RATES, (0.7, 0.9, 0.6, 0.8), strict=True)))
    for rate, mean in ((0.05, 0.5), (0.07, 0.8), (0.03, 0.7)):
        for seed, shift in ((3000, -0.1), (3001, 0.0), (3002, 0.1)):
            ran(ledger, "finalists", "joint", mean + shift, settings.config("joint", {"lr": rate}), seed)
    plans = {method: confirm(settings, ledger, method) for method in settings.methods}
    assert plans["joint"].propose(0, 0).config["lr"] == 0.07
    assert plans["diagnose_relearn"].propose(0, 0).config["lr"] == 0.05  # none was run again yet


def test_a_study_without_finalists_confirms_the_best_of_the_search(settings, ledger):
    searched(settings, ledger, dict(zip(RATES, (0.7, 0.9, 0.6, 0.8), strict=True)))
    without = replace(settings, budget=replace(settings.budget, finalists=0))
    assert [finalists(without, ledger, method).count for method in settings.methods] == [0, 0]


def test_the_baseline_is_confirmed_on_twice_the_seeds_and_published_values_beside_the_tuned(settings, ledger):
    searched(settings, ledger, {0.05: 0.9})
    tuned = {**settings.defaults("diagnose_relearn"), "lr": 0.02, "lam": 7.0}
    ran(ledger, "search", "diagnose_relearn", 0.95, settings.config("diagnose_relearn", tuned))
    plans = {method: confirm(settings, ledger, method) for method in settings.methods}
    assert {method: plan.count for method, plan in plans.items()} == {"joint": 10, "diagnose_relearn": 10}
    wanted = [plans["diagnose_relearn"].propose(number, 0) for number in range(10)]
    assert [(one.config["lam"], one.seed) for one in wanted] == [
        *((7.0, 1000 + n) for n in range(5)),
        *((3.0, 1000 + n) for n in range(5)),
    ]
    assert {one.config["lr"] for one in wanted} == {0.02}


def test_a_search_that_ends_at_the_published_values_confirms_them_once(settings, ledger):
    searched(settings, ledger, {0.05: 0.9})
    plans = {method: confirm(settings, ledger, method).count for method in settings.methods}
    assert plans == {"joint": 10, "diagnose_relearn": 5}


def test_the_seeds_of_confirm_go_through_the_folds(settings, ledger):
    searched(settings, ledger, {0.05: 0.9})
    folded = replace(settings, folds=("actors-1", "actors-2"))
    plans = {method: confirm(folded, ledger, method) for method in settings.methods}
    wanted = [plans["diagnose_relearn"].propose(number, 0) for number in range(5)]
    assert [(one.seed, one.config["split"]) for one in wanted[:3]] == [
        (1000, "actors-1"),
        (1001, "actors-2"),
        (1002, "actors-1"),
    ]
    swept = sensitivity(folded, ledger, "diagnose_relearn")
    assert "split" not in swept.propose(0, 0).config


def confirmed(settings, ledger, gains, spread=0.02):
    """Confirm runs of both methods, D&R on as many seeds as there are gains over joint on each."""
    for number in range(2 * len(gains)):
        joint = settings.config("joint", {"lr": 0.05})
        ran(ledger, "confirm", "joint", 0.6 + spread * (number % 3), joint, 1000 + number)
    params = {**settings.defaults("diagnose_relearn"), "lr": 0.05}
    for number, gain in enumerate(gains):
        value = 0.6 + spread * (number % 3) + gain
        ran(
            ledger,
            "confirm",
            "diagnose_relearn",
            value,
            settings.config("diagnose_relearn", params),
            1000 + number,
        )


@pytest.fixture
def auto(resolved_on_toys):
    return resolved_on_toys(STUDIES["features_dr"], trials=12, seeds="auto", folds=1)


def counts(settings, ledger):
    return {plan.method: plan.count for plan in more_seeds(settings, ledger)}


def test_the_next_look_is_taken_while_a_difference_is_open(auto, ledger):
    searched(auto, ledger, {0.05: 0.9})
    confirmed(auto, ledger, [0.04, -0.02, 0.05, 0.0, 0.03])
    assert counts(auto, ledger) == {"joint": 16, "diagnose_relearn": 8}


def test_a_look_that_was_begun_is_ended(auto, ledger):
    searched(auto, ledger, {0.05: 0.9})
    confirmed(auto, ledger, [0.2, 0.21, 0.19, 0.2, 0.21, 0.2])
    assert counts(auto, ledger) == {"joint": 16, "diagnose_relearn": 8}


def test_a_look_that_was_begun_is_asked_for_until_its_end_while_another_method_trains(auto, ledger):
    searched(auto, ledger, {0.05: 0.9})
    confirmed(auto, ledger, [0.2, 0.21, 0.19, 0.2, 0.21, 0.2])
    asked = {method: confirm(auto, ledger, method).count for method in auto.methods}
    assert asked == {"joint": 16, "diagnose_relearn": 8}


def test_a_difference_that_is_decided_gets_no_more_seeds(auto, ledger):
    searched(auto, ledger, {0.05: 0.9})
    confirmed(auto, ledger, [0.2, 0.21, 0.19, 0.2, 0.21])
    assert counts(auto, ledger) == {"joint": 10, "diagnose_relearn": 5}


def test_the_last_look_ends_an_open_difference(auto, ledger):
    searched(auto, ledger, {0.05: 0.9})
    confirmed(auto, ledger, [0.02, -0.02] * 10)
    assert counts(auto, ledger) == {"joint": 40, "diagnose_relearn": 20}


def test_a_fixed_number_of_seeds_stays(settings, ledger):
    searched(settings, ledger, {0.05: 0.9})
    confirmed(settings, ledger, [0.04, -0.02, 0.05, 0.0, 0.03])
    assert more_seeds(settings, ledger) == []


def test_the_budget_of_an_earlier_version_has_equal_seeds_and_no_finalists():
    assert Budget.from_json({"epochs": 3, "trials": 4, "seeds": 5}) == Budget(
        3, 4, 5, baseline_seeds=5, finalists=0
    )


def begun(plan, ledger):
    """Begin what is left of a plan; returns all trials of its stage and method as Optuna's."""
    for number in range(ledger.count(plan.stage, plan.method), plan.count):
        proposal = plan.propose(number, 0)
        key = trial_key(plan.stage, plan.method, proposal, ledger.digest)
        ledger.add(plan.stage, plan.method, key, proposal)
    name = f"toy/{plan.stage}/{plan.method}"
    return optuna.load_study(study_name=name, storage=ledger.url).trials


@pytest.fixture
def mapped(resolved_on_toys):
    """Settings of a study that maps a surface of so many points and does nothing else."""
    return lambda points: resolved_on_toys(STUDIES["features_dr"], stages=("surface",), points=points)


def test_a_surface_needs_no_search_and_joint_training_has_none(mapped, ledger):
    assert asked(mapped(8), ledger) == {("surface", "joint"): 0, ("surface", "diagnose_relearn"): 8}


def test_points_of_a_surface_share_a_seed_and_vary_in_all_that_is_searched(mapped, ledger):
    settings = mapped(16)
    trials = begun(surface(settings, ledger, "diagnose_relearn"), ledger)
    records = ledger.records("surface")
    assert {(record.seed, record.config["epochs"]) for record in records} == {(4000, 30)}
    space = settings.space("diagnose_relearn")
    assert {key: len({record.config[key] for record in records}) > 2 for key in space} == dict.fromkeys(
        space, True
    )
    assert [trial.params for trial in trials] == [{k: r.config[k] for k in space} for r in records]


def test_a_surface_that_grows_keeps_its_points(mapped, ledger):
    begun(surface(mapped(5), ledger, "diagnose_relearn"), ledger)
    first = [record.key for record in ledger.records("surface")]
    grown = surface(mapped(8), ledger, "diagnose_relearn")
    assert grown.count == 8
    begun(grown, ledger)
    assert [record.key for record in ledger.records("surface")[:5]] == first
    assert len({record.key for record in ledger.records("surface")}) == 8


def test_trials_around_the_incumbent_carry_their_values(settings, ledger):
    """Swept values outside of the searched range, and published ones too, lie in what Optuna is told."""
    outside = replace(
        settings,
        ranges={"lam": "1.0..2.0:log", "lr": "0.03..0.1:log"},
        sweeps={"diagnose_relearn": {"lam": [0.0, 1.5, 20.0], "augment": [True, False]}},
    )
    params = {**outside.defaults("diagnose_relearn"), "lr": 0.05, "lam": 1.5}
    ran(ledger, "search", "diagnose_relearn", 0.9, outside.config("diagnose_relearn", params))
    for make in (finalists, confirm, sensitivity):
        trials = begun(make(outside, ledger, "diagnose_relearn"), ledger)
        assert all(trial.params.items() >= {"lr": 0.05, "every": params["every"]}.items() for trial in trials)
        lam = {str(trial.distributions["lam"]) for trial in trials}
        assert lam == {"FloatDistribution(high=20.0, log=False, low=0.0, step=None)"}
        assert {trial.distributions["lr"].log for trial in trials} == {True}
    assert {trial.params["lam"] for trial in trials} == {0.0, 1.5, 20.0}
    assert {trial.params.get("augment") for trial in trials} == {True, False, None}


def test_trials_of_later_incumbents_fit_those_before(settings, ledger):
    """Optuna refuses another kind, scale or choice of the same parameter."""
    swept = replace(settings, sweeps={"diagnose_relearn": {"lam": [0.0, 3.0], "every": [2, None]}})
    for rate, every, value in ((0.05, 2, 0.8), (0.002, 7, 0.9)):
        params = {**swept.defaults("diagnose_relearn"), "lr": rate, "every": every}
        ran(ledger, "search", "diagnose_relearn", value, swept.config("diagnose_relearn", params))
        trials = begun(sensitivity(swept, ledger, "diagnose_relearn"), ledger)
    assert {trial.params.get("every") for trial in trials} == {2, 7, None}


def test_a_search_begins_with_published_values_where_they_are_searched_only(settings, ledger):
    for ranges, published in (({"lr": "0.001..0.01:log"}, True), ({"lr": "0.01..0.1:log"}, False)):
        plan = search(replace(settings, ranges=ranges), ledger, "joint")
        assert (plan.propose(0, 0).config["lr"] == 0.002) is published
