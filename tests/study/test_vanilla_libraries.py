"""Defects of libraries that this project works around, each shown in the bare library.

A test that fails here is good news: the library has changed, and what its docstring names may go.
"""

import math
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import joblib
import numpy as np
import optuna
import pytest
import ray
from optuna.distributions import FloatDistribution
from optuna.samplers import TPESampler
from optuna.storages import InMemoryStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState, create_trial
from ray import tune
from ray._private import services
from ray._private.runtime_env.context import RuntimeEnvContext
from ray._private.utils import get_num_cpus
from ray.core.generated.common_pb2 import Language
from ray.tune.experiment import Trial
from ray.tune.schedulers import AsyncHyperBandScheduler
from ray.tune.search.optuna import OptunaSearch
from ray.tune.tune import _setup_signal_catching

from study.running import local_ray

SPACE = {"x": FloatDistribution(0.0, 1.0), "y": FloatDistribution(0.0, 1.0)}


# -- Ray Tune ----------------------------------------------------------------------------------------------


def asha(brackets=1):
    return AsyncHyperBandScheduler("epoch", "value", "max", 8, 1, 2, brackets=brackets)


def add(scheduler, name):
    trial = SimpleNamespace(trial_id=name)
    scheduler.on_trial_add(None, trial)
    return trial


def tell(scheduler, trial, epoch, value):
    return scheduler.on_trial_result(None, trial, {"epoch": epoch, "value": value})


def test_vanilla_tune_still_never_stops_a_trial_without_a_number():
    """`StudyTrial` ends a trial that diverges, with the worst value."""
    scheduler = asha()
    for number in range(8):
        tell(scheduler, add(scheduler, f"{number}"), 1, 0.5)
    assert tell(scheduler, add(scheduler, "bad"), 1, 0.1) == "STOP"
    assert tell(scheduler, add(scheduler, "diverged"), 1, math.nan) == "CONTINUE"


def test_vanilla_tune_still_takes_a_trial_that_continues_for_a_new_one():
    """`StageRun` names trials to ASHA by the ledger's numbers, which outlive Ray's ids."""
    scheduler = asha()
    tell(scheduler, add(scheduler, "trial"), 1, 0.5)
    again = add(scheduler, "trial of the next start")
    for epoch in (2, 3):
        tell(scheduler, again, epoch, 0.5)
    (first_rung,) = [values for epoch, values in scheduler._brackets[0]._rungs if epoch == 1]
    assert len(first_rung) == 2


def test_vanilla_tune_still_puts_trials_into_brackets_by_the_global_generator():
    """`asha` has one bracket."""
    state = np.random.get_state()
    places = set()
    for seed in range(10):
        np.random.seed(seed)
        scheduler = asha(brackets=2)
        add(scheduler, "trial")
        places.add(scheduler._brackets.index(scheduler._trial_info["trial"]))
    np.random.set_state(state)
    assert places == {0, 1}


def test_vanilla_tune_still_keeps_the_newest_values_of_all_numbers_that_a_trial_reports():
    """`StudyTrial` reports its metrics in a mapping that is no dict."""
    trial = Trial("any", stub=True)
    trial.update_last_result({"metrics": {"accuracy": 0.5}})
    assert "metrics/accuracy" in trial.run_metadata.metric_n_steps


@pytest.mark.parametrize(
    ("last", "state"), [(0.1, TrialState.COMPLETE), (math.nan, TrialState.RUNNING)], ids=["stopped", "nan"]
)
def test_vanilla_tune_still_tells_optuna_the_wrong_end(last, state):
    """The ledger tells Optuna: a trial that ASHA stopped is pruned, and one that diverged has ended."""
    searcher = OptunaSearch({"x": tune.uniform(0.0, 1.0)}, metric="value", mode="max")
    searcher.suggest("trial")
    searcher.on_trial_result("trial", {"training_iteration": 1, "value": last})
    searcher.on_trial_complete("trial", {"training_iteration": 1, "value": last})  # as where ASHA says STOP
    assert [trial.state for trial in searcher._ot_study.trials] == [state]


# -- Ray ---------------------------------------------------------------------------------------------------


def test_vanilla_ray_still_takes_the_loopback_address_for_one_to_be_reached_from_outside(monkeypatch):
    """`local_ray` lets Ray believe that this machine can be in no cluster."""
    monkeypatch.setattr(services, "node_ip_address_from_perspective", lambda address: "192.0.2.1")
    assert services.resolve_ip_for_localhost("127.0.0.1") == "192.0.2.1"


def test_vanilla_ray_still_starts_processes_through_a_shell_that_splits_the_path(monkeypatch):
    """`local_ray` gives Ray the quoted path of the interpreter."""
    started = []
    monkeypatch.setattr(os, "execvp", lambda file, args: started.append(args))
    RuntimeEnvContext(py_executable="/my environment/python").exec_worker(["worker.py"], Language.PYTHON)
    assert started == [["bash", "-c", "exec /my environment/python worker.py"]]


def test_vanilla_ray_still_counts_cpus_that_this_process_may_not_use(monkeypatch):
    """`local_ray` counts them with joblib."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0}, raising=False)
    monkeypatch.setenv("RAY_USE_MULTIPROCESSING_CPU_COUNT", "1")
    monkeypatch.setattr(multiprocessing, "cpu_count", lambda: 8)
    assert (get_num_cpus(), joblib.cpu_count()) == (8, 1)


class Dying(tune.Trainable):
    """Loses its process where it is to serve the second trial."""

    def setup(self, config):
        self.config = config

    def reset_config(self, new_config):
        os.kill(os.getpid(), signal.SIGKILL)

    def step(self):
        return {"done": True}

    def save_checkpoint(self, checkpoint_dir):
        pass


class Stopped(KeyboardInterrupt):
    """What a handler of ours raises."""


@pytest.fixture(scope="module")
def handlers():
    """Meanwhile a Ray of this machine runs; gives SIGTERM's handlers before and after its start.

    Those are Python's and the system's.
    """
    from system_handlers import system_handler  # which processes that import this file do not find

    before = signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGINT))
    both = [(signal.getsignal(signal.SIGTERM), system_handler(signal.SIGTERM))]
    local_ray.start()
    yield [*both, (signal.getsignal(signal.SIGTERM), system_handler(signal.SIGTERM))]
    ray.shutdown()
    signal.signal(signal.SIGTERM, before)


@pytest.mark.slow
def test_vanilla_ray_still_puts_a_handler_of_its_own_in_place_of_ours(handlers):
    """`connect` puts ours back."""
    (before, _), (after, _) = handlers
    assert before != after


@pytest.mark.slow
def test_vanilla_ray_still_has_its_core_abort_at_sigterm(handlers):
    """`connect` tells the core to leave the signal to Python."""
    (_, before), (_, after) = handlers
    assert before != after


def test_vanilla_tune_still_takes_sigusr1_whatever_it_is_told_of_signals(monkeypatch):
    """`OwnSignals` puts the study's handler back: at Tune's the run ends as if all trials were done."""
    monkeypatch.setenv("TUNE_DISABLE_SIGINT_HANDLER", "1")
    ours = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGUSR1)}
    try:
        _setup_signal_catching()
        assert [number for number in ours if signal.getsignal(number) != ours[number]] == [signal.SIGUSR1]
    finally:
        for number, handler in ours.items():
            signal.signal(number, handler)


@pytest.mark.slow
def test_vanilla_ray_still_ends_the_process_where_a_thread_drops_a_handle_at_its_end():
    """`disconnect` lets the collector rest, which drops handles in whatever thread it runs."""
    import dropped_handles  # which processes that import this file do not find

    command = [sys.executable, dropped_handles.__file__, "vanilla"]
    ended = subprocess.run(command, check=False, capture_output=True, text=True)
    assert ended.returncode == 1
    assert len(ended.stdout.split()) == 1  # what it prints before the end alone
    assert "Traceback" not in ended.stderr  # nor does Ray's own sentence always get there


@pytest.mark.slow
@pytest.mark.usefixtures("handlers")
def test_vanilla_ray_still_turns_what_a_handler_raises_into_its_parent():
    """The driver catches KeyboardInterrupt, and reads from its text what it was."""
    usual = signal.signal(signal.SIGALRM, lambda *_: (_ for _ in ()).throw(Stopped("SIGALRM")))
    try:
        signal.setitimer(signal.ITIMER_REAL, 1.0)
        with pytest.raises(KeyboardInterrupt) as caught:
            ray.get(ray.remote(num_cpus=0)(lambda: time.sleep(5)).remote())
    finally:
        signal.signal(signal.SIGALRM, usual)
    assert caught.type is KeyboardInterrupt


@pytest.mark.slow
@pytest.mark.usefixtures("handlers")
def test_vanilla_tune_still_drops_a_trial_whose_process_dies_before_it_runs(tmp_path):
    """`LedgerScheduler` hands it out anew; elsewhere Ray retries, as often as it is told to."""
    results = tune.Tuner(
        tune.with_resources(Dying, {"cpu": 1}),
        param_space={"x": tune.grid_search([1, 2])},
        tune_config=tune.TuneConfig(reuse_actors=True, max_concurrent_trials=1),
        run_config=tune.RunConfig(
            storage_path=str(tmp_path), failure_config=tune.FailureConfig(max_failures=-1), verbose=0
        ),
    ).fit()
    assert [result.error is None for result in results] == [True, False]


# -- Optuna ------------------------------------------------------------------------------------------------


def study_of(trials):
    study = optuna.create_study(direction="maximize", sampler=TPESampler(seed=0))
    study.add_trials(trials)
    return study


def draw(trials):
    return study_of(trials).ask(SPACE).params


def ended(number, state=TrialState.COMPLETE):
    params = {"x": (number * 0.37) % 1, "y": (number * 0.73) % 1}
    value = None if state == TrialState.FAIL else params["x"]
    return create_trial(state=state, params=params, distributions=SPACE, value=value)


def test_vanilla_optuna_still_learns_nothing_from_a_trial_that_failed():
    """The ledger tells of a trial that diverged as complete, with the worst value."""
    whole = [ended(number) for number in range(12)]
    bad = [ended(number, TrialState.FAIL) for number in range(12, 40)]
    assert draw(whole) == draw([*whole, *bad]) != draw([*whole, *map(ended, range(12, 40))])


def test_vanilla_optuna_still_begins_a_trial_one_parameter_after_the_other():
    """The ledger writes a trial as a whole."""

    class Killed(InMemoryStorage):
        def set_trial_param(self, trial_id, param_name, *given):
            if param_name == "y":
                raise SystemExit
            super().set_trial_param(trial_id, param_name, *given)

    study = optuna.create_study(storage=Killed())
    with pytest.raises(SystemExit):
        study.ask(SPACE)
    (half,) = study.trials
    assert (half.state, list(half.params)) == (TrialState.RUNNING, ["x"])


@pytest.mark.parametrize("count", [20, 40])
def test_vanilla_optuna_still_compares_the_spaces_of_all_trials_for_each_seeded_draw(monkeypatch, count):
    """`TrialSampler` keeps what they share."""
    study, compared, equal = study_of(map(ended, range(count))), [], FloatDistribution.__eq__
    monkeypatch.setattr(FloatDistribution, "__eq__", lambda *pair: compared.append(pair) or equal(*pair))
    study.ask(SPACE)
    assert len(compared) >= len(SPACE) * (count - 1)


def test_vanilla_optuna_still_takes_braces_in_an_address_for_a_template(tmp_path):
    """`sqlite_url` escapes them."""
    with pytest.raises(KeyError, match="study"):
        RDBStorage(f"sqlite:///{tmp_path}/{{study}}.db")


def test_vanilla_optuna_still_glues_a_line_to_a_torn_one(tmp_path):
    """`_MendingLock` cuts the torn line off."""
    path = tmp_path / "journal.log"
    optuna.create_study(storage=JournalStorage(JournalFileBackend(str(path))), study_name="first")
    with path.open("ab") as file:
        file.write(b'{"op_code":8,"worker_id":"torn')
    torn = JournalStorage(JournalFileBackend(str(path)))
    with pytest.raises(AssertionError):
        optuna.create_study(storage=torn, study_name="second")


# -- MLflow ------------------------------------------------------------------------------------------------


def test_vanilla_mlflow_still_takes_a_percent_sign_in_its_path_for_a_pattern():
    """`require_place` refuses an environment at such a path."""
    from mlflow.store.db.utils import _get_alembic_config

    with pytest.raises(ValueError, match="invalid interpolation syntax"):
        _get_alembic_config("sqlite://", "/100%/migrations")


@pytest.mark.slow
def test_vanilla_mlflow_still_puts_a_path_into_a_statement_without_escaping_it(tmp_path):
    """`make_database` names a folder by an address, in which no quotation mark is left."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    with pytest.raises(Exception, match="syntax error"):
        SqlAlchemyStore(f"sqlite:///{tmp_path}/mlflow.db", '/it\'s "mine"')
