"""The whole study from its command: it ends, says what it found, and has nothing left to do."""

import contextlib
import json
from collections import Counter

import psutil
import pytest
from small_study import ONE_BY_ONE, RUN, SMALL, SmallStudy, below, ending, signal_processes

from study.methods import STUDY_METHODS

pytestmark = pytest.mark.timeout(600)
ODD = "a b'\"$HOME;&ü\\%20#?[]*{x}`:@=|<>,!(z)"  # a folder may be called so


@pytest.fixture(scope="module")
def store(make_toy_store, tmp_path_factory):
    """What all of them run on."""
    return make_toy_store(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def finished(store, tmp_path_factory):
    """A study that nobody disturbed, and how it ended."""
    study = SmallStudy(store, tmp_path_factory.mktemp("finished") / ODD, SMALL)
    code, said, complained = ending(study.start(program=RUN))
    assert code == 0, said + complained
    return study, said


@pytest.fixture
def disturbed(store, tmp_path):
    """A study to be disturbed."""
    study = SmallStudy(store, tmp_path, ONE_BY_ONE)
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


@pytest.mark.slow
def test_a_comparison_tells_of_every_method(store, tmp_path):
    budget = ["--epochs", "3", "--trials", "2", "--seeds", "2", "--finalists", "0"]
    study = SmallStudy(store, tmp_path, budget, "features_compare")
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
