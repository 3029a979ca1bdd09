"""What Ray asks and tells goes to the stage that runs, and nothing stays behind in Ray."""

import pickle
from types import SimpleNamespace

import pytest
from ray.exceptions import ActorDiedError, RayTaskError, WorkerCrashedError
from ray.tune.experiment import Trial
from toy_study import stage_run, work

from study.running.ray_bridge import UNLIMITED, LedgerScheduler, LedgerSearcher
from study.running.stage_run import LOSSES


@pytest.fixture
def trial(tmp_path):
    """One of Ray's own trials, whose errors are noted below a folder."""
    trial = Trial("ray", stub=True, trial_id="ray", max_failures=UNLIMITED)
    trial.set_status(Trial.ERROR)  # as Ray tells of one that it retries
    trial.storage = SimpleNamespace(trial_driver_staging_path=str(tmp_path))
    return trial


def failures(scheduler, trial, error, most=20):
    """How often a trial fails by an error until it is given up, if it is."""
    for number in range(1, most + 1):
        for known in scheduler.run.ledger.get(scheduler.run.assigned["ray"]).epochs:
            scheduler.on_trial_result(None, trial, {"epoch": known, "metrics": {"best/accuracy": 0.5}})
        trial.handle_error(error)
        scheduler.on_trial_error(None, trial)
        if scheduler.run.ledger.get(scheduler.run.assigned["ray"]).finished:
            return number
    return None


OWN = RayTaskError("train", "Traceback\nValueError: no", ValueError("no"))
LOST = RayTaskError("train", "Traceback\nthe actor died", ActorDiedError())


@pytest.mark.parametrize(
    ("error", "count"), [(OWN, 3), (LOST, 5), (ActorDiedError(), 5), (WorkerCrashedError(), 5)]
)
def test_a_trial_that_gets_nowhere_is_given_up(open_toy, trial, error, count):
    run = stage_run(open_toy())
    run.next("ray")
    assert failures(LedgerScheduler(run), trial, error) == count


@pytest.mark.parametrize(("error", "most"), [(OWN, 2), (ActorDiedError(), 4)])
def test_a_trial_that_gets_on_may_lose_its_process_as_often_as_it_will(open_toy, trial, error, most):
    run = stage_run(open_toy())
    scheduler = LedgerScheduler(run)
    run.next("ray")
    for epoch in (1, 2, 3):
        assert failures(scheduler, trial, error, most) is None
        result = {"epoch": epoch, "metrics": {"best/accuracy": 0.5}}
        assert scheduler.on_trial_result(None, trial, result) == "CONTINUE"


def test_a_trial_that_ray_drops_before_it_runs_is_handed_out_again(open_toy, trial):
    run = stage_run(open_toy())
    scheduler = LedgerScheduler(run)
    given = run.next("ray")
    trial.set_status(Trial.PENDING)
    for _ in range(LOSSES - 1):
        trial.handle_error(ActorDiedError())
        scheduler.on_trial_error(None, trial)
        assert run.next("ray") == given
    trial.handle_error(ActorDiedError())
    scheduler.on_trial_error(None, trial)
    assert run.ledger.get(given["key"]).status == "failed"
    assert run.next("another") != given


def test_an_error_that_ray_could_not_note_is_one_of_the_trial(open_toy, trial, tmp_path):
    run = stage_run(open_toy())
    run.next("ray")
    trial.handle_error(OWN)
    (tmp_path / "error.pkl").write_bytes(b"")  # no space was left
    LedgerScheduler(run).on_trial_error(None, trial)
    assert not run.ledger.get(run.assigned["ray"]).finished


def test_ray_may_pickle_its_experiment(open_toy):
    run = stage_run(open_toy())
    work(run, "ray")
    for half in (LedgerSearcher(run), LedgerScheduler(run)):
        assert pickle.loads(pickle.dumps(half)) is not half
