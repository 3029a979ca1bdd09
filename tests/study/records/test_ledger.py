"""The ledger: what is written stays, and what a killed driver left half done is finished."""

from dataclasses import asdict

import optuna
import pytest
from optuna.trial import TrialState

from study.records.ledger import Ledger
from study.records.trial_record import Ending, Proposal, trial_key
from trainables.multimodal.errors import InputError

PROPOSAL = Proposal({"lr": 0.01, "epochs": 3}, seed=5)


def born(ledger, proposal=PROPOSAL):
    key = trial_key("search", "joint", proposal, ledger.digest)
    return ledger.add("search", "joint", key, proposal)


def trial_state(ledger, number=0):
    return optuna.load_study(study_name="toy/search/joint", storage=ledger.url).trials[number]


@pytest.mark.parametrize(
    "change",
    [{"config": {"lr": 0.02, "epochs": 3}}, {"seed": 6}, {"protocol": "paper"}],
    ids=["config", "seed", "protocol"],
)
def test_a_key_changes_with_whatever_decides_a_result(change):
    other = Proposal(
        **{"config": PROPOSAL.config, "seed": PROPOSAL.seed, "protocol": PROPOSAL.protocol} | change
    )
    assert trial_key("search", "joint", PROPOSAL, "d") != trial_key("search", "joint", other, "d")


def test_a_key_does_not_depend_on_the_order_of_settings():
    swapped = Proposal({"epochs": 3, "lr": 0.01}, seed=5)
    assert trial_key("search", "joint", PROPOSAL, "d") == trial_key("search", "joint", swapped, "d")


def test_everything_written_is_read_by_the_next_driver(open_toy):
    first = open_toy()
    record = born(first)
    first.add_epoch(record.key, 1, {"best/accuracy": 0.5, "train/loss": 1.0})
    first.set_mlflow_run(record.key, "run")
    second = open_toy()
    assert asdict(second.get(record.key)) == asdict(first.get(record.key))


@pytest.mark.parametrize(
    ("status", "state", "value"),
    [
        ("completed", TrialState.COMPLETE, 0.5),
        ("pruned", TrialState.PRUNED, 0.5),
        ("diverged", TrialState.COMPLETE, 0.0),
        ("failed", TrialState.FAIL, None),
    ],
)
def test_an_ending_is_told_to_optuna_as_what_it_teaches(open_toy, status, state, value):
    ledger = open_toy()
    record = born(ledger)
    ledger.set_ending(record.key, Ending(status, 1))
    ledger.add_epoch(record.key, 1, {"best/accuracy": 0.5})
    ledger.tell(record.key)
    trial = trial_state(ledger)
    assert (trial.state, trial.value) == (state, value)


def test_a_kill_between_value_and_tell_leaves_a_trial_that_is_told_at_the_next_start(open_toy):
    ledger = open_toy()
    record = born(ledger)
    ledger.set_ending(record.key, Ending("pruned", 1))
    ledger.add_epoch(record.key, 1, {"best/accuracy": 0.5})
    assert open_toy().get(record.key).status == "pruned"


def test_a_kill_between_decision_and_value_leaves_a_running_trial_with_its_decision(open_toy):
    ledger = open_toy()
    record = born(ledger)
    ledger.set_ending(record.key, Ending("pruned", 1))
    found = open_toy().get(record.key)
    assert (found.status, found.ending) == ("running", Ending("pruned", 1))


def test_a_kill_between_metrics_and_value_leaves_both_at_the_next_start(open_toy):
    ledger = open_toy()
    record = born(ledger)
    ledger._attribute(record.key, "epoch/1", {"time": 1.0, "metrics": {"best/accuracy": 0.5}})
    open_toy()
    assert trial_state(ledger).intermediate_values == {1: 0.5}


def test_studies_of_other_names_in_the_same_database_stay_apart(open_toy):
    ledger = open_toy()
    born(ledger)
    assert Ledger(ledger.url, "toy2").records() == []


def test_an_unreadable_database_is_named(tmp_path):
    (tmp_path / "ledger.db").write_text("this is no database, but long enough to be taken for one " * 20)
    with pytest.raises(InputError, match=r"ledger\.db cannot be opened"):
        Ledger(f"sqlite:///{tmp_path}/ledger.db", "toy")
