"""A trial hangs when it is silent for much longer than its epochs take, and not before."""

import pickle
from dataclasses import replace
from types import SimpleNamespace

import pytest
from toy_study import stage_run

from study.running.hang_watch import FLOOR, MULTIPLE, UNKNOWN, Patience, Watch, hanging
from study.settings import Resources

NEVER = float("-inf")


@pytest.fixture
def watched(open_toy):
    """A watch, and a trial at work as Ray shows it."""
    run = stage_run(open_toy())
    run.next("ray")
    return Watch(run, Patience(run.ledger, forecast=lambda: None)), at_work("ray", NEVER)


def patient(watch, **changes):
    """Let a watch be patient in another way."""
    watch.patience = replace(watch.patience, **changes)


def at_work(name, reported, process="process"):
    return SimpleNamespace(
        trial_id=name,
        temporary_state=SimpleNamespace(ray_actor=process),
        run_metadata=SimpleNamespace(last_result_time=reported),
    )


def epoch(watch, number, seconds, name="ray"):
    watch.run.result(name, {"epoch": number, "metrics": {"best/accuracy": 0.5, "seconds": seconds}})


def test_the_slowest_epoch_of_a_trial_decides(watched):
    watch, trial = watched
    epoch(watch, 1, 100.0)
    epoch(watch, 2, 10.0)
    assert watch.hung([trial], 0) == []
    assert watch.hung([trial], FLOOR + MULTIPLE * 100) == []
    assert watch.hung([trial], 1) == [trial]


def test_a_first_epoch_is_compared_with_those_of_other_trials(watched):
    watch, trial = watched
    watch.run.next("other")
    epoch(watch, 1, 50.0, "other")
    watch.hung([trial], 0)
    assert watch.hung([trial], FLOOR + MULTIPLE * 50 + 1) == [trial]


def test_a_trial_may_take_longer_where_its_node_has_to_copy_the_data(watched):
    watch, trial = watched
    patient(watch, staging=500.0)
    epoch(watch, 1, 1.0)
    watch.hung([trial], 0)
    assert watch.hung([trial], FLOOR + MULTIPLE + 500) == []
    assert watch.hung([trial], 1) == [trial]


def test_the_first_epoch_of_a_study_is_compared_with_its_forecast(watched):
    watch, trial = watched
    patient(watch, forecast=lambda: 7.0)
    watch.hung([trial], 0)
    assert watch.hung([trial], FLOOR + MULTIPLE * 7) == []
    assert watch.hung([trial], 1) == [trial]


def test_a_forecast_counts_no_more_once_an_epoch_has_ended(watched):
    watch, trial = watched
    patient(watch, forecast=lambda: 7.0)
    epoch(watch, 1, 100.0)
    watch.hung([trial], 0)
    assert watch.hung([trial], FLOOR + MULTIPLE * 100) == []


@pytest.mark.parametrize("seconds", [5.0, 2 * FLOOR])
def test_the_limit_that_was_asked_for_is_that_of_every_epoch(watched, seconds):
    watch, trial = watched
    patient(watch, asked=seconds, forecast=lambda: 7.0)
    for _ in range(2):
        watch.hung([trial], 0)
        assert watch.hung([trial], seconds) == []
        assert watch.hung([trial], 1) == [trial]
        epoch(watch, 1, 100.0)
        trial.run_metadata.last_result_time = 1.0


def test_a_dry_run_says_when_a_trial_hangs():
    assert "after 740 s is ended and tried again: 600 s and 20 times an epoch" in hanging(7.0, Resources())
    assert "for 90 s is ended" in hanging(7.0, Resources(hung_after=90.0))


def test_a_first_epoch_without_a_forecast_may_take_hours(watched):
    watch, trial = watched
    watch.hung([trial], 0)
    assert watch.hung([trial], UNKNOWN) == []
    assert watch.hung([trial], 1) == [trial]


@pytest.mark.parametrize("sign", [at_work("ray", 5.0), at_work("ray", NEVER, "the next process")])
def test_a_sign_of_life_begins_the_count_anew(watched, sign):
    watch, trial = watched
    watch.hung([trial], 0)
    watch.hung([trial], UNKNOWN)
    assert watch.hung([sign], 1) == []


def test_a_trial_that_waits_for_a_process_does_not_hang(watched):
    watch, _ = watched
    waiting = at_work("ray", NEVER, process=None)
    watch.hung([waiting], 0)
    assert watch.hung([waiting], 2 * UNKNOWN) == []


def test_a_driver_that_stood_still_blames_nobody_for_it(watched, monkeypatch):
    watch, trial = watched
    clock = iter([100.0, 100.0 + 2 * UNKNOWN])
    monkeypatch.setattr("study.running.hang_watch.time", SimpleNamespace(monotonic=lambda: next(clock)))
    watch.on_step_begin(1, [trial])
    watch.on_step_begin(2, [trial])
    assert watch.hung([trial], 0) == []


def test_ray_may_pickle_its_callbacks(watched):
    assert pickle.loads(pickle.dumps(watched[0])) is not watched[0]
