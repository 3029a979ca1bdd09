"""The whole study from its command: it ends, it continues, and no fault makes it forget or repeat."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import mlflow
import optuna
import psutil
import pytest

from study.methods import STUDY_METHODS
from study.records.database import sqlite_url
from study.records.ledger_storage import open_storage
from study.run import main
from trainables.multimodal.data.store.feature_store import FeatureStore

pytestmark = pytest.mark.timeout(600)
SMALL = ["--epochs", "4", "--trials", "3", "--seeds", "2", "--finalists", "1", "--pruning", "always"]
SMALL += ["--device", "cpu"]
ODD = "a b'\"$HOME;&ü\\%20#?[]*{x}`:@=|<>,!(z)"  # a folder may be called so
ONE_BY_ONE = [*SMALL, "--max-concurrent", "1"]  # the order of trials and ASHA's decisions are certain
RUN = ["-m", "study.run"]
IMPATIENT = [
    "-c",
    "import sys; from study import run; from study.running import hang_watch; hang_watch.FLOOR = 40.0; "
    "sys.exit(run.main())",
]

STUCK = """
import os, sys, time
from pathlib import Path
from study import run
from study.running import driver, hang_watch

hang_watch.FLOOR = 20.0
made = driver._ray_config


class Stuck:
    def __init__(self, method):
        self.method, self.note = method, os.environ["STUCK_PROCESS"]

    def build(self, settings):
        if not Path(self.note).exists():
            Path(self.note).write_text(str(os.getpid()))
            time.sleep(1000)
        return self.method.build(settings)


def config(*given):
    plain = made(*given)
    return {**plain, "method": Stuck(plain["method"])}


driver._ray_config = config
sys.exit(run.main())
"""
"""A study whose first trial stands still before its first epoch, for the first time."""


class Small:
    """A small study of one store, in a folder of its own, where its ledger lies too or in a journal."""

    def __init__(self, store, results, options, study="features_dr", journal=None):
        self.store = store
        self.results = results
        self.options = [*options, "--storage", f"journal://{journal}"] if journal else options
        self.study = study
        self.folder = results / f"{study}-toy"
        self.ledger = journal or self.folder / "ledger.db"
        self.url = f"journal://{journal}" if journal else sqlite_url(self.ledger)
        self.drivers = []

    def start(self, *more, program=RUN):
        """Start its driver."""
        where = ["--data", str(self.store), "--results", str(self.results)]
        command = [sys.executable, *program, self.study, *where, *self.options, *more]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        self.drivers.append(subprocess.Popen(command, **pipes))
        return self.drivers[-1]

    def run(self, *more):
        """Run it to its end; returns exit code, what it said, and what it complained of."""
        return ending(self.start(*more))

    def run_here(self, *more):
        """As `run`, but in this process, which has imported everything; returns the exit code."""
        where = ["--data", str(self.store), "--results", str(self.results)]
        return main([self.study, *where, *self.options, *more])

    def trials(self):
        """All trials of the ledger, by Optuna study and number."""
        with contextlib.closing(open_storage(self.url)) as opened:
            names = optuna.get_all_study_names(opened.storage)
            studies = [optuna.load_study(study_name=name, storage=opened.storage) for name in names]
            return {(study.study_name, trial.number): trial for study in studies for trial in study.trials}

    def values(self):
        """What the trials came to, by key."""
        found = self.trials().values()
        return {trial.user_attrs["key"]: (trial.state, trial.intermediate_values) for trial in found}

    def epochs(self):
        """How many epochs the ledger holds."""
        if not self.ledger.exists():
            return 0
        return sum(len(trial.intermediate_values) for trial in self.trials().values())

    def wait_for_epoch(self, count):
        """Wait until the ledger holds so many."""
        deadline = time.monotonic() + 240
        while time.monotonic() < deadline:
            if self.epochs() >= count:
                return
            time.sleep(0.3)
        raise AssertionError("the study did not get so far")

    def runs(self):
        """MLflow's child runs and its parent runs."""
        client = mlflow.MlflowClient(sqlite_url(self.results / "mlflow.db"))
        (experiment,) = [e for e in client.search_experiments() if e.name == self.folder.name]
        found = client.search_runs([experiment.experiment_id])
        return [
            [run for run in found if ("study.trial" in run.data.tags) == child] for child in (True, False)
        ]


def ending(driver):
    """Wait for a driver; returns exit code, what it said, and what it complained of."""
    said, complained = driver.communicate()
    return driver.returncode, said, complained


def signal_trial_processes(driver, number):
    """Send a signal to what trains for a driver, as soon as something does; returns the processes' ids."""
    return signal_processes(driver, "Trainable", number)


def signal_processes(driver, name, number):
    """Send a signal to all below a driver that are called so, as soon as there are any; returns their ids."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        reached = []
        for process in psutil.Process(driver.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):  # between two trials none may be left
                if name in "".join(process.cmdline()[:1]):
                    process.send_signal(number)
                    reached.append(process.pid)
        if reached:
            return reached
        time.sleep(0.02)
    raise AssertionError(f"there was no {name}")


def below(driver):
    """Processes that a driver has started, and those below them."""
    return psutil.Process(driver.pid).children(recursive=True)


@pytest.fixture(scope="module")
def store(make_toy_store, tmp_path_factory):
    """What all of them run on."""
    return make_toy_store(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def finished(store, tmp_path_factory):
    """A study that nobody disturbed, and how it ended."""
    study = Small(store, tmp_path_factory.mktemp("finished") / ODD, SMALL)
    code, said, complained = study.run()
    assert code == 0, said + complained
    return study, said


@pytest.fixture(scope="module")
def calm(store, tmp_path_factory):
    """What a study comes to, one trial at a time, when nobody disturbs it."""
    study = Small(store, tmp_path_factory.mktemp("calm"), ONE_BY_ONE)
    code, said, complained = study.run()
    assert code == 0, said + complained
    return study.values()


@pytest.fixture
def disturbed(store, tmp_path):
    """A study to be disturbed."""
    study = Small(store, tmp_path, ONE_BY_ONE)
    yield study
    for driver in study.drivers:
        driver.kill()
        driver.communicate()


def test_a_study_ends_with_its_report_and_says_where(finished):
    study, said = finished
    assert str(study.folder / "report.html") in "".join(said.splitlines())
    assert len(list((study.folder / "figures").glob("*.png"))) >= 4


def test_stages_ledger_and_mlflow_agree_on_the_number_of_trials(finished):
    study, _ = finished
    stages = json.loads((study.folder / "summary.json").read_text())["stages"]
    children, parents = study.runs()
    assert sum(stage["trials"] for stage in stages.values()) == len(study.trials()) == len(children)
    assert [parent.info.status for parent in parents] == ["FINISHED"]


def test_best_weights_of_each_method_are_published_and_nothing_else_is_left(finished):
    study, _ = finished
    published = study.folder.glob("best/*/model.safetensors")
    assert {path.parent.name for path in published} == {"joint", "diagnose_relearn"}
    assert not (study.folder / "checkpoints").exists()
    assert not (study.folder / ".ray").exists()


@pytest.mark.usefixtures("sketched")
def test_the_same_command_again_says_that_nothing_is_left(finished, capsys):
    study, _ = finished
    before = study.values()
    assert study.run_here() == 0
    assert "nothing is left to run" in capsys.readouterr().out
    assert study.values() == before


def test_another_setting_is_refused_with_the_difference(finished, capsys):
    study, _ = finished
    assert study.run_here("--set", "batch_size=8") == 2
    assert "batch_size" in capsys.readouterr().err


def require_same(disturbed, calm):
    """Every trial once, with the values of a calm study, in the ledger and in MLflow."""
    assert disturbed.values() == calm
    children, parents = disturbed.runs()
    assert Counter(run.data.tags["study.trial"] for run in children) == dict.fromkeys(calm, 1)
    assert {run.info.status for run in children} == {"FINISHED"}
    assert [parent.info.status for parent in parents] == ["FINISHED"]


@pytest.mark.fault
@pytest.mark.slow
def test_results_that_are_moved_go_on_in_the_new_place_alone(finished, tmp_path):
    study, _ = finished
    left = Path(shutil.copytree(study.results, tmp_path / "old"))
    shutil.rmtree(left / "mlartifacts")
    moved = Small(study.store, left.rename(tmp_path / "new"), SMALL)
    code, said, complained = moved.run()
    assert code == 0, said + complained
    assert moved.values() == study.values()
    assert not left.exists()
    children, (parent,) = moved.runs()
    assert len(children) == len(moved.trials())
    folder = moved.results / "mlartifacts" / parent.info.run_id / "artifacts"
    assert parent.info.artifact_uri == folder.as_uri()
    assert (folder / "report.html").read_bytes() == (moved.folder / "report.html").read_bytes()


@pytest.mark.fault
@pytest.mark.slow
def test_a_driver_killed_again_and_again_comes_to_the_same_study(disturbed, calm):
    for epochs in (1, 4, 9, 20, 30):
        driver = disturbed.start()
        disturbed.wait_for_epoch(epochs)
        driver.send_signal(signal.SIGKILL)
        driver.communicate()
    assert disturbed.run()[0] == 0
    require_same(disturbed, calm)


@pytest.mark.fault
@pytest.mark.slow
def test_a_study_in_a_journal_killed_again_and_again_comes_to_the_same_end(store, tmp_path, calm, capsys):
    study = Small(store, tmp_path, ONE_BY_ONE, journal=tmp_path / "ledger.log")
    for epochs in (1, 9, 30):
        driver = study.start()
        study.wait_for_epoch(epochs)
        driver.send_signal(signal.SIGKILL)
        driver.communicate()
        with study.ledger.open("ab") as file:
            file.write(b'{"op_code":8,"worker_id":"torn')
    assert study.run()[0] == 0
    require_same(study, calm)
    assert not (study.folder / "ledger.db").exists()
    assert study.run_here() == 0
    assert "nothing is left to run" in capsys.readouterr().out


@pytest.mark.slow
def test_a_study_of_this_machine_listens_on_the_loopback_interface_alone(disturbed):
    driver = disturbed.start()
    signal_processes(driver, "Trainable", 0)
    listening = {}
    for process in (psutil.Process(driver.pid), *below(driver)):
        with contextlib.suppress(psutil.NoSuchProcess):  # between two trials
            for socket in process.net_connections("inet"):
                if socket.status == psutil.CONN_LISTEN:
                    listening[socket.laddr] = process.pid
    assert len(listening) >= 4
    assert {address.ip.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}


@pytest.mark.fault
@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_the_driver_soon_and_says_to_run_again(disturbed, number):
    driver = disturbed.start()
    disturbed.wait_for_epoch(2)
    require_end(driver, lambda: driver.send_signal(number), number.name)


@pytest.mark.fault
@pytest.mark.slow
@pytest.mark.parametrize("delay", [0.0, 0.5, 1.0, 2.0, 4.0])
def test_a_signal_while_ray_starts_ends_the_driver_soon(disturbed, delay):
    driver = disturbed.start()
    signal_processes(driver, "gcs_server", 0)
    time.sleep(delay)
    require_end(driver, driver.terminate, "SIGTERM")


@pytest.mark.fault
@pytest.mark.slow
@pytest.mark.parametrize(("name", "called"), [("raylet", "the raylet"), ("gcs_server", "the head of Ray")])
def test_a_driver_whose_ray_is_killed_says_so_and_ends_and_the_study_goes_on(disturbed, name, called):
    long = ("--epochs", "500")  # trials that run already get on for some seconds
    driver = disturbed.start(*long)
    disturbed.wait_for_epoch(2)
    require_end(driver, lambda: signal_processes(driver, name, signal.SIGKILL), called, within=60)
    before = disturbed.epochs()
    disturbed.start(*long)
    disturbed.wait_for_epoch(before + 1)


def require_end(driver, begin, cause, within=10):
    """Within seconds a driver ends with code 3 and a sentence, and nothing of it stays behind."""
    processes = below(driver)
    begin()
    said, complained = driver.communicate(timeout=within)
    assert driver.returncode == 3
    assert cause in said + complained
    assert "run the same command again to continue" in said + complained
    _, left = psutil.wait_procs(processes, timeout=2)
    assert left == []


@pytest.mark.fault
@pytest.mark.slow
def test_a_second_driver_on_the_same_study_is_refused(disturbed):
    disturbed.start()
    disturbed.wait_for_epoch(1)
    code, _, complained = disturbed.run()
    assert code == 2
    assert "another driver" in complained


@pytest.mark.fault
@pytest.mark.slow
def test_a_second_driver_on_the_same_ledger_is_refused_wherever_its_results_are(disturbed, tmp_path):
    first = disturbed.start()
    disturbed.wait_for_epoch(1)
    elsewhere = Small(disturbed.store, tmp_path / "elsewhere", ONE_BY_ONE)
    code, _, complained = elsewhere.run("--storage", f"sqlite:///{disturbed.folder}/ledger.db")
    assert code == 2
    assert "another driver works on features_dr-toy in the same ledger" in complained
    assert first.poll() is None


@pytest.mark.fault
@pytest.mark.slow
def test_a_killed_trial_process_is_retried_from_its_checkpoint(disturbed, calm):
    driver = disturbed.start()
    disturbed.wait_for_epoch(2)
    signal_trial_processes(driver, signal.SIGKILL)
    assert ending(driver)[0] == 0
    require_same(disturbed, calm)


@pytest.mark.fault
@pytest.mark.slow
def test_a_trial_that_hangs_is_ended_and_retried(disturbed, calm):
    driver = disturbed.start(program=IMPATIENT)
    disturbed.wait_for_epoch(2)
    stopped = signal_trial_processes(driver, signal.SIGSTOP)
    disturbed.wait_for_epoch(disturbed.epochs() + 1)
    for pid in stopped:
        with contextlib.suppress(ProcessLookupError):  # it is ended for good already
            os.kill(pid, signal.SIGCONT)
    code, _, complained = ending(driver)
    assert code == 0
    assert "no result for" in complained
    require_same(disturbed, calm)


@pytest.mark.fault
@pytest.mark.slow
@pytest.mark.parametrize("asked", [[], ["--hung-after", "15"]])
def test_a_first_epoch_that_hangs_is_ended_by_its_forecast_or_when_asked(
    disturbed, calm, tmp_path, monkeypatch, asked
):
    note = tmp_path / "stuck"
    monkeypatch.setenv("STUCK_PROCESS", str(note))
    driver = disturbed.start(*asked, program=["-c", STUCK])
    disturbed.wait_for_epoch(1)
    stuck = int(note.read_text())
    psutil.wait_procs([psutil.Process(stuck)] if psutil.pid_exists(stuck) else [], timeout=20)
    assert not psutil.pid_exists(stuck)
    code, _, complained = ending(driver)
    assert code == 0
    (said,) = [line for line in complained.splitlines() if "no result for" in line]
    assert int(re.search(r"(\d+) s", said)[1]) < 40
    require_same(disturbed, calm)


@pytest.mark.fault
@pytest.mark.slow
def test_a_damaged_copy_of_the_data_stops_a_study_which_goes_on_when_it_is_removed(disturbed, calm, tmp_path):
    disk = tmp_path / "disk"
    driver = disturbed.start("--stage-data", str(disk))
    disturbed.wait_for_epoch(4)
    driver.send_signal(signal.SIGTERM)
    driver.communicate()
    (copy,) = disk.iterdir()
    next(copy.glob("*.arrow")).write_bytes(b"")
    code, said, _ = disturbed.run("--stage-data", str(disk))
    assert code == 2
    assert f"is not as it was made: remove it there with `rm -r {copy}`" in said
    shutil.rmtree(copy)
    assert disturbed.run("--stage-data", str(disk))[0] == 0
    require_same(disturbed, calm)


@pytest.mark.fault
@pytest.mark.slow
def test_a_byte_of_the_data_that_has_changed_stops_a_study_with_a_sentence(store, tmp_path):
    damaged = Path(shutil.copytree(store, tmp_path / "toy"))
    shard = next(damaged.glob("*.arrow"))
    content, status = bytearray(shard.read_bytes()), shard.stat()
    content[content.index(FeatureStore.open(store).read("strong", [7]).tobytes())] ^= 1
    shard.write_bytes(content)
    os.utime(shard, ns=(status.st_atime_ns, status.st_mtime_ns))
    study = Small(damaged, tmp_path / "results", ONE_BY_ONE)
    code, said, _ = study.run()
    assert code == 2
    assert f"{shard} on " in said
    assert "is damaged" in said
    assert study.epochs() == 0


@pytest.mark.slow
def test_a_comparison_tells_of_every_method(store, tmp_path):
    budget = ["--epochs", "3", "--trials", "2", "--seeds", "2", "--finalists", "0"]
    study = Small(store, tmp_path, budget, "features_compare")
    code, said, complained = study.run()
    assert code == 0, said + complained
    summary = json.loads((study.folder / "summary.json").read_text())
    methods = set(summary["methods"])
    assert {"unimodal_strong", "unimodal_weak", "dr_boosting", *STUDY_METHODS} <= methods
    counted = Counter(tuple(name.split("/")[1:]) for name, _ in study.trials())
    assert {method: counted["search", method] for method in methods} == dict.fromkeys(methods, 2)
    assert {counted["confirm", method] for method in methods - {"joint"}} <= {2, 4}  # published values beside
    seeds = {method: len(entry["test"]["accuracy"]["seeds"]) for method, entry in summary["methods"].items()}
    assert seeds.pop("joint") in (3, 4)  # one of four may have failed to train
    assert seeds == dict.fromkeys(methods - {"joint"}, 2)
    compared = (study.folder / "tables" / "comparisons.csv").read_text()
    assert all(method in compared for method in methods - {"joint"})
