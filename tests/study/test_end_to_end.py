"""The whole study from its command: it ends, it continues, and no fault makes it forget or repeat."""

import json
import os
import signal
import subprocess
import sys
import time

import mlflow
import optuna
import pytest

pytestmark = pytest.mark.timeout(600)
SMALL = ["--epochs", "4", "--trials", "3", "--seeds", "2", "--device", "cpu"]


def command(store, results, *more):
    """The command of a small study."""
    return [
        sys.executable,
        "-m",
        "study.run",
        "features_dr",
        "--data",
        str(store),
        "--results",
        str(results),
        *more,
    ]


def run(store, results, *more):
    """Run a small study to its end."""
    return subprocess.run(command(store, results, *SMALL, *more), capture_output=True, text=True, check=False)


def trials(results):
    """All trials of the ledger, by Optuna study and number."""
    url = f"sqlite:///{results}/features_dr-toy/ledger.db"
    studies = [optuna.load_study(study_name=n, storage=url) for n in optuna.get_all_study_names(url)]
    return {(study.study_name, trial.number): trial for study in studies for trial in study.trials}


def values(found):
    """What the trials came to, by key."""
    return {trial.user_attrs["key"]: (trial.state, trial.intermediate_values) for trial in found.values()}


def child_runs(results):
    """MLflow's child runs and its parent runs."""
    client = mlflow.MlflowClient(f"sqlite:///{results}/mlflow.db")
    (experiment,) = [e for e in client.search_experiments() if e.name == "features_dr-toy"]
    found = client.search_runs([experiment.experiment_id])
    return [[run for run in found if ("study.trial" in run.data.tags) == child] for child in (True, False)]


def wait_for_epoch(results, count):
    """Wait until the ledger holds so many epochs."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if (results / "features_dr-toy" / "ledger.db").exists():
            found = trials(results).values()
            if sum(len(trial.intermediate_values) for trial in found) >= count:
                return
        time.sleep(0.3)
    raise AssertionError("the study did not get so far")


@pytest.fixture(scope="module")
def finished(make_toy_store, tmp_path_factory):
    """A study that nobody disturbed."""
    root = tmp_path_factory.mktemp("finished")
    store, results = make_toy_store(root), root / "results"
    ended = run(store, results)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return store, results, ended


def test_a_study_ends_with_its_report_and_says_where(finished):
    _, results, ended = finished
    assert str(results / "features_dr-toy" / "report.html") in "".join(ended.stdout.splitlines())
    assert len(list((results / "features_dr-toy" / "figures").glob("*.png"))) >= 4


def test_stages_ledger_and_mlflow_agree_on_the_number_of_trials(finished):
    _, results, _ = finished
    summary = json.loads((results / "features_dr-toy" / "summary.json").read_text())
    children, parents = child_runs(results)
    assert (
        sum(stage["trials"] for stage in summary["stages"].values()) == len(trials(results)) == len(children)
    )
    assert [parent.info.status for parent in parents] == ["FINISHED"]


def test_best_weights_of_each_method_are_published_and_nothing_else_is_left(finished):
    _, results, _ = finished
    folder = results / "features_dr-toy"
    assert {path.name for path in (folder / "best").iterdir()} == {"joint", "diagnose_relearn"}
    assert not (folder / "checkpoints").exists()
    assert not (folder / ".ray").exists()


def test_the_same_command_again_says_that_nothing_is_left(finished):
    store, results, _ = finished
    before = values(trials(results))
    again = run(store, results)
    assert again.returncode == 0
    assert "nothing is left to run" in again.stdout
    assert values(trials(results)) == before


def test_another_setting_is_refused_with_the_difference(finished):
    store, results, _ = finished
    refused = run(store, results, "--set", "batch_size=8")
    assert refused.returncode == 2
    assert "batch_size" in refused.stderr


@pytest.mark.fault
@pytest.mark.slow
def test_a_driver_killed_again_and_again_comes_to_the_same_study(finished, tmp_path):
    store, _, _ = finished
    for epochs in (1, 4, 9, 20, 30):
        driver = subprocess.Popen(
            command(store, tmp_path, *SMALL, "--max-concurrent", "1"), stdout=subprocess.DEVNULL
        )
        wait_for_epoch(tmp_path, epochs)
        os.kill(driver.pid, signal.SIGKILL)
        driver.wait()
    assert run(store, tmp_path, "--max-concurrent", "1").returncode == 0
    one_by_one = tmp_path / "calm"
    assert run(store, one_by_one, "--max-concurrent", "1").returncode == 0
    assert values(trials(tmp_path)) == values(trials(one_by_one))
    children, parents = child_runs(tmp_path)
    assert (len(children), len(parents)) == (len(trials(tmp_path)), 1)


@pytest.mark.fault
@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_driver_soon_and_says_to_run_again(finished, tmp_path, number):
    store, _, _ = finished
    driver = subprocess.Popen(command(store, tmp_path, *SMALL), stdout=subprocess.PIPE, text=True)
    wait_for_epoch(tmp_path, 2)
    driver.send_signal(number)
    said, _ = driver.communicate(timeout=10)
    assert driver.returncode == 3
    assert "run the same command again to continue" in said


@pytest.mark.fault
@pytest.mark.slow
def test_a_second_driver_on_the_same_study_is_refused(finished, tmp_path):
    store, _, _ = finished
    driver = subprocess.Popen(command(store, tmp_path, *SMALL), stdout=subprocess.DEVNULL)
    wait_for_epoch(tmp_path, 1)
    second = run(store, tmp_path)
    driver.kill()
    driver.wait()
    assert second.returncode == 2
    assert "another driver" in second.stderr


@pytest.mark.fault
@pytest.mark.slow
def test_a_killed_trial_process_is_retried_from_its_checkpoint(finished, tmp_path):
    store, _, _ = finished
    driver = subprocess.Popen(command(store, tmp_path, *SMALL), stdout=subprocess.DEVNULL)
    wait_for_epoch(tmp_path, 2)
    for pid in _trial_processes(driver.pid):
        os.kill(pid, signal.SIGKILL)
    assert driver.wait() == 0
    assert all(trial.state.is_finished() for trial in trials(tmp_path).values())


def _trial_processes(driver):
    """Ids of the processes that train for a driver."""
    import psutil

    below = psutil.Process(driver).children(recursive=True)
    return [process.pid for process in below if process.name().startswith("ray::StudyTrial")]
