"""Draws are a function of the ledger: no stop, and no copy kept in memory, changes them."""

import hashlib
import random

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState
from ray import tune
from toy_study import SPACE, report, stage_run, value_at, work_all

from study.records.trial_record import Ending, Proposal
from study.running import sampling
from study.running.sampling import TrialSampler, distributions, startup_trials


def fresh(trials, *seed, startup=10, space=SPACE):
    """A draw from a study of Optuna's that is made for it alone, of these trials."""
    digest = hashlib.sha256(repr(seed).encode()).digest()
    number = int.from_bytes(digest[:4], "big")
    sampler = optuna.samplers.TPESampler(n_startup_trials=startup, seed=number)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.add_trials(trials)
    return dict(study.ask(dict(space)).params)


def test_methods_are_searched_on_the_same_random_draws(open_toy):
    run = stage_run(open_toy(), count=2)
    work_all(run)
    first, second = (run.ledger.records("search", method) for method in ("joint", "other"))
    assert [record.config for record in first] == [record.config for record in second]


def work_together(run, at_once):
    """Run a stage with several trials at once, an epoch of each in turn; stops after each round."""
    working, started = {}, 0
    while run.due or working:
        while len(working) < at_once and run.next(f"ray{started}") is not None:
            working[f"ray{started}"] = 0
            started += 1
        working = {name: epoch + 1 for name, epoch in working.items() if report(run, name, epoch + 1)}
        yield


@pytest.mark.parametrize("at_once", [1, 5])
def test_draws_are_those_of_a_fresh_study(open_toy, at_once):
    """Trials end in turns, some of them early, while others run; TPE learns from all three."""
    ledger = open_toy()
    sampler = TrialSampler(ledger, "search", "joint", SPACE)
    for number, _ in enumerate(work_together(stage_run(ledger, ("joint",), count=18), at_once)):
        for draw in range(2):
            assert sampler.draw(number, draw) == fresh(ledger.frozen("search", "joint"), number, draw)
    assert {"completed", "pruned"} == {record.status for record in ledger.records()}


def test_the_next_driver_draws_the_same(open_toy):
    ledger = open_toy()
    sampler = TrialSampler(ledger, "search", "joint", SPACE)
    for number, _ in enumerate(work_together(stage_run(ledger, ("joint",), count=15), 2)):
        drawn = sampler.draw(number, 0)
        if number % 10 == 9:
            assert TrialSampler(open_toy(), "search", "joint", SPACE).draw(number, 0) == drawn


def test_tpe_takes_over_after_as_many_trials_as_it_is_told(open_toy):
    ledger = open_toy()
    work_all(stage_run(ledger, ("joint",), count=5))
    early, late = (TrialSampler(ledger, "search", "joint", SPACE, startup).draw(1) for startup in (5, 6))
    assert early == fresh(ledger.frozen("search", "joint"), 1, startup=5)
    assert late == fresh(ledger.frozen("search", "joint"), 1)  # still at random
    assert early != late


def test_trials_that_were_stopped_early_are_learnt_from_by_the_values_that_they_reached(open_toy):
    ledger = open_toy()
    sampler = TrialSampler(ledger, "search", "joint", SPACE)
    for number in range(14):
        params = sampler.draw(number, 0)
        assert params == fresh(ledger.frozen("search", "joint"), number, 0)
        proposal = Proposal(params, seed=0, params=params, distributions=SPACE)
        key = ledger.add("search", "joint", f"key {number}", proposal).key
        sampler.draw(number, 1)  # copies the trial while it runs
        ledger.set_ending(key, Ending("pruned", 2))
        for epoch in (1, 2):
            ledger.add_epoch(key, epoch, {"best/accuracy": value_at(params, epoch)})
        ledger.tell(key)


MIXED = distributions(
    {
        "lr": tune.loguniform(1e-3, 1e-1),
        "depth": tune.randint(1, 4),
        "kind": tune.choice(["a", "b", "c"]),
        "fixed": tune.randint(2, 3),  # one value: drawn by itself
    }
)
EARLIER = {**MIXED, "lr": FloatDistribution(1e-4, 1e-1, log=True)}  # of a version that searched more widely
ENDS = {"completed": 1, "pruned": 12, "diverged": 1, "failed": 1}
"""How often: TPE ranks trials that were stopped by their values only where few ran to their end."""


@pytest.mark.parametrize("first", [MIXED, EARLIER], ids=["one space", "an earlier space"])
def test_draws_are_those_of_a_fresh_study_in_whatever_order_trials_begin_and_end(open_toy, first):
    """Each of four trials goes on, ends in any way, or never does, as chance has it."""
    ledger, chance, running = open_toy(), random.Random(1), {}
    sampler = TrialSampler(ledger, "search", "joint", MIXED)
    for number in range(150):
        drawn = sampler.draw(number)
        assert drawn == fresh(ledger.frozen("search", "joint"), number, space=MIXED), number
        if len(running) < 4:
            space = first if number < 4 else MIXED
            proposal = Proposal(drawn, seed=0, params=drawn, distributions=space)
            running[ledger.add("search", "joint", f"key {number}", proposal).key] = 0
        key = chance.choice(list(running))
        if chance.random() < 0.4 or not running[key]:
            running[key] += 1
            ledger.add_epoch(key, running[key], {"best/accuracy": chance.random()})
        else:
            (status,) = chance.choices(list(ENDS), ENDS.values())
            ledger.set_ending(key, Ending(status, running.pop(key)))
            ledger.tell(key)
    assert {record.status for record in ledger.records()} == {*ENDS, "running"}
    assert TrialSampler(open_toy(), "search", "joint", MIXED).draw(0) == sampler.draw(0)


def remembered(trials):
    """What is left of these trials where 20 to 39 are remembered, and 7 of those before."""
    oldest = max(0, 20 * (len(trials) // 20 - 1))
    before = trials[:oldest]
    complete = [trial for trial in before if trial.state == TrialState.COMPLETE]
    pruned = [trial for trial in before if trial.state == TrialState.PRUNED]
    complete.sort(key=lambda trial: -trial.value)
    pruned.sort(key=lambda trial: (-trial.last_step, -trial.intermediate_values[trial.last_step]))
    kept = [*complete, *pruned][:7]
    return [*[trial for trial in before if trial in kept], *trials[oldest:]]


@pytest.mark.parametrize("held", [None, 3, 19, 20, 39, 40])
def test_long_searches_learn_from_the_best_and_the_last_trials(open_toy, monkeypatch, held):
    """Trials end at once, and are pruned mostly; only trial `held` runs on, and at the end it is the best."""
    monkeypatch.setattr(sampling, "REMEMBERED", 20)
    monkeypatch.setattr(sampling, "BEST", 7)
    ledger, chance = open_toy(), random.Random(2)
    sampler, keys = TrialSampler(ledger, "search", "joint", SPACE), []
    for number in range(85):
        drawn = sampler.draw(number)
        assert drawn == fresh(remembered(ledger.frozen("search", "joint")), number), number
        proposal = Proposal(drawn, seed=0, params=drawn, distributions=SPACE)
        keys.append(ledger.add("search", "joint", f"key {number}", proposal).key)
        epochs = chance.randint(1, 5)
        for epoch in range(1, epochs + 1):
            ledger.add_epoch(keys[-1], epoch, {"best/accuracy": chance.random()})
        if number != held:
            ledger.set_ending(keys[-1], Ending("completed" if number % 9 == 8 else "pruned", epochs))
            ledger.tell(keys[-1])
    if held is not None:
        ledger.add_epoch(keys[held], 6, {"best/accuracy": 1.0})
        ledger.set_ending(keys[held], Ending("completed", 6))
        ledger.tell(keys[held])
    trials = ledger.frozen("search", "joint")
    draws = [sampler.draw(number) for number in range(20)]
    next_driver = TrialSampler(open_toy(), "search", "joint", SPACE)
    assert draws == [next_driver.draw(number) for number in range(20)]
    assert draws == [fresh(remembered(trials), number) for number in range(20)]
    assert draws != [fresh(trials, number) for number in range(20)]


@pytest.mark.parametrize(("budget", "drawn"), [(1, 1), (4, 1), (8, 2), (12, 4), (32, 10), (64, 10)])
def test_at_most_a_third_of_a_search_is_drawn_at_random(budget, drawn):
    assert startup_trials(budget) == drawn
