"""What Ray asks and tells goes to the stage that runs, and nothing stays behind in Ray."""

import pickle
from types import SimpleNamespace

import pytest
from ray.tune.experiment import Trial
from toy_study import stage_run, work

from study.running.ray_bridge import LedgerScheduler, LedgerSearcher


@pytest.mark.parametrize("retried", [True, False])
def test_a_trial_that_ray_retries_stays_open(open_toy, retried):
    run = stage_run(open_toy())
    run.next("ray")
    failed = SimpleNamespace(
        trial_id="ray", error_file=None, should_recover=lambda: retried, status=Trial.ERROR
    )
    LedgerScheduler(run).on_trial_error(None, failed)
    assert run.ledger.get(run.assigned["ray"]).finished != retried


def test_a_trial_that_ray_drops_before_it_runs_is_handed_out_again(open_toy):
    run = stage_run(open_toy())
    given = run.next("ray")
    dropped = SimpleNamespace(
        trial_id="ray", error_file=None, should_recover=lambda: True, status=Trial.PENDING
    )
    LedgerScheduler(run).on_trial_error(None, dropped)
    assert run.next("another") == given


def test_ray_may_pickle_its_experiment(open_toy):
    run = stage_run(open_toy())
    work(run, "ray")
    for half in (LedgerSearcher(run), LedgerScheduler(run)):
        assert pickle.loads(pickle.dumps(half)) is not half
