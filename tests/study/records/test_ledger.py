"""The ledger: what is written stays, and what a killed driver left half done is finished."""

import contextlib
import json
import shutil
import sqlite3
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState
from toy_study import TOY

from study.methods import STUDY_METHODS
from study.records.database import sqlite_url
from study.records.ledger import Ledger
from study.records.trial_record import Ending, Proposal, trial_key
from trainables.multimodal.errors import InputError

KEPT = Path(__file__).parents[2] / "kept_formats" / "ledger.db"
PROPOSAL = Proposal({"lr": 0.01, "epochs": 3}, seed=5)


def added(ledger, proposal=PROPOSAL):
    key = trial_key("search", "joint", proposal, ledger.digest)
    return ledger.add("search", "joint", key, proposal)


def trial_state(ledger, number=0):
    return optuna.load_study(study_name="toy/search/joint", storage=ledger.url).trials[number]


def test_everything_written_is_read_by_the_next_driver(open_toy):
    first = open_toy()
    record = added(first)
    first.add_epoch(record.key, 1, {"best/accuracy": 0.5, "train/loss": 1.0})
    first.set_mlflow_run(record.key, "run")
    first.add_machine(record.key, "a CPU, AVX2")
    second = open_toy()
    assert asdict(second.get(record.key)) == asdict(first.get(record.key))


def test_a_trial_keeps_every_type_of_machine_once_in_the_order_it_came_to_them(open_toy):
    ledger = open_toy()
    record = added(ledger)
    for machine in ("one", "one", "other", "one"):
        ledger.add_machine(record.key, machine)
    assert open_toy().get(record.key).machines == ("one", "other")


@pytest.mark.parametrize(
    ("status", "state", "value"),
    [
        ("completed", TrialState.COMPLETE, 0.5),
        ("pruned", TrialState.PRUNED, 0.5),
        ("diverged", TrialState.COMPLETE, 0.0),
        ("failed", TrialState.RUNNING, None),
    ],
)
def test_an_ending_is_told_to_optuna_as_what_it_teaches(open_toy, status, state, value):
    ledger = open_toy()
    record = added(ledger)
    ledger.set_ending(record.key, Ending(status, 1))
    ledger.add_epoch(record.key, 1, {"best/accuracy": 0.5})
    ledger.tell(record.key)
    trial = trial_state(ledger)
    assert (trial.state, trial.value) == (state, value)


@pytest.mark.parametrize("told", [True, False])
def test_a_trial_that_failed_may_go_on_after_the_next_start(open_toy, told):
    ledger = open_toy()
    record = added(ledger)
    ledger.add_epoch(record.key, 1, {"best/accuracy": 0.5})
    ledger.set_ending(record.key, Ending("failed", 1, "RuntimeError: no"))
    if told:
        ledger.tell(record.key)
    ledger = open_toy()
    failed = ledger.get(record.key)
    assert (failed.status, failed.reason) == ("failed", "RuntimeError: no")
    assert ledger.reopen(record.key)
    assert not ledger.reopen(record.key)
    assert ledger.get(record.key) == open_toy().get(record.key)
    again = open_toy().get(record.key)
    assert (again.status, again.reason, again.ending, list(again.epochs)) == ("running", None, None, [1])


def test_a_trial_that_an_earlier_version_closed_as_failed_stays_so(open_toy):
    ledger = open_toy()
    record = added(ledger)
    ledger.set_ending(record.key, Ending("failed", 1, "RuntimeError: no"))
    ledger.storage.set_trial_state_values(ledger._trial_ids[record.key], TrialState.FAIL)
    ledger = open_toy()
    assert not ledger.reopen(record.key)
    assert ledger.get(record.key).status == "failed"


def test_a_kill_between_value_and_tell_leaves_a_trial_that_is_told_at_the_next_start(open_toy):
    ledger = open_toy()
    record = added(ledger)
    ledger.set_ending(record.key, Ending("pruned", 1))
    ledger.add_epoch(record.key, 1, {"best/accuracy": 0.5})
    assert open_toy().get(record.key).status == "pruned"


def test_a_kill_between_decision_and_value_leaves_a_running_trial_with_its_decision(open_toy):
    ledger = open_toy()
    record = added(ledger)
    ledger.set_ending(record.key, Ending("pruned", 1))
    found = open_toy().get(record.key)
    assert (found.status, found.ending) == ("running", Ending("pruned", 1))


def test_a_kill_between_metrics_and_value_leaves_both_at_the_next_start(open_toy):
    ledger = open_toy()
    record = added(ledger)
    ledger._attribute(record.key, "epoch/1", {"time": 1.0, "metrics": {"best/accuracy": 0.5}})
    open_toy()
    assert trial_state(ledger).intermediate_values == {1: 0.5}


def test_studies_of_other_names_in_the_same_database_stay_apart(open_toy):
    ledger = open_toy()
    added(ledger)
    assert Ledger(ledger.url, "toy2").records() == []


def test_an_unreadable_database_is_named(tmp_path):
    (tmp_path / "ledger.db").write_text("this is no database, but long enough to be taken for one " * 20)
    with pytest.raises(InputError, match=r"ledger\.db cannot be opened"):
        Ledger(f"sqlite:///{tmp_path}/ledger.db", "toy")


@pytest.mark.parametrize("address", ["redis://host", "mssql://host/ledger", "/results/ledger.log", ""])
def test_an_address_of_another_kind_is_refused_with_the_kinds_that_there_are(address):
    with pytest.raises(InputError, match="takes addresses of sqlite, postgresql, mysql, journal, such as"):
        Ledger(address, "toy")


def test_a_ledger_of_an_earlier_version_is_read_as_it_was_written(tmp_path):
    path = shutil.copy(KEPT, tmp_path)
    with contextlib.closing(sqlite3.connect(path)) as database:
        query = "SELECT value_json FROM study_user_attributes WHERE key = 'settings'"
        written = json.loads(database.execute(query).fetchone()[0])
    ledger = Ledger(sqlite_url(path), "features_dr-toy")
    assert ledger.plain_settings == ledger.settings.to_json() == written
    assert Counter((record.stage, record.method) for record in ledger.records()) == {
        ("search", "joint"): 2,
        ("search", "diagnose_relearn"): 2,
        ("confirm", "joint"): 2,
        ("confirm", "diagnose_relearn"): 2,
        ("sensitivity", "diagnose_relearn"): 8,
    }
    for record in ledger.records():
        proposal = Proposal(record.config, record.seed, record.protocol)
        assert record.key == trial_key(record.stage, record.method, proposal, ledger.digest)
        assert (record.status, sorted(record.epochs), record.ending.epoch) == ("completed", [1, 2], 2)
        assert record.value == record.epochs[2]["best/accuracy"]
        assert record.mlflow_run
    ledger.close()


def test_no_study_of_optunas_is_without_trials(open_toy):
    ledger = open_toy()
    record = added(ledger)
    ledger.set_mlflow_run(record.key, "run")
    studies = {study.study_name: study.user_attrs for study in ledger.storage.get_all_studies()}
    assert {name: set(attributes) for name, attributes in studies.items()} == {
        "toy/search/joint": {"settings", f"mlflow/{record.key}"}
    }


def test_a_ledger_of_an_earlier_version_goes_on_with_its_own_holder_of_settings(tmp_path):
    ledger = Ledger(sqlite_url(shutil.copy(KEPT, tmp_path)), "features_dr-toy")
    before = [study.study_name for study in ledger.storage.get_all_studies()]
    ledger.save_settings(replace(ledger.settings, exhausted=("joint",)))
    again = Ledger(ledger.url, "features_dr-toy")
    assert again.settings.exhausted == ("joint",)
    assert [study.study_name for study in again.storage.get_all_studies()] == before
    ledger.close()
    again.close()


def test_a_study_that_was_never_begun_has_no_settings(tmp_path):
    ledger = Ledger(sqlite_url(tmp_path / "ledger.db"), "toy")
    assert not ledger.begun
    assert ledger.plain_settings == {}
    with pytest.raises(LookupError, match="holds no study named toy"):
        _ = ledger.settings
    ledger.close()


def test_settings_that_cannot_be_read_leave_the_study_to_the_next_driver(open_toy, tmp_path):
    ledger = open_toy()
    ledger._share("settings", {"study": "toy"})
    for name in ("first", "second"):
        folder = tmp_path / name
        folder.mkdir()
        with pytest.raises(InputError, match="not those of a study"):
            Ledger(ledger.url, "toy", folder)


def test_settings_come_back_typed_with_the_methods_that_the_ledger_was_given(open_toy):
    own = {"joint": STUDY_METHODS["late_fusion"]}
    ledger = Ledger(open_toy().url, "toy", table=own)
    assert ledger.settings == TOY
    assert ledger.settings.label("joint") == "Late fusion"
    ledger.close()


def test_trials_of_a_stage_and_method_are_counted_and_given_by_number(open_toy):
    first = open_toy()
    for number in range(3):
        for method in ("joint", "other"):
            proposal = Proposal({"lr": 0.1 * number}, seed=0)
            first.add("search", method, trial_key("search", method, proposal, "d"), proposal)
    for ledger in (first, open_toy()):
        assert (ledger.count("search", "joint"), ledger.count("confirm", "joint")) == (3, 0)
        assert [record.number for record in ledger.records("search", "other")] == [0, 1, 2]
        assert [trial.number for trial in ledger.frozen("search", "other", start=1)] == [1, 2]
