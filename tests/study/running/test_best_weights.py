"""Weights that a study publishes: each method's best confirm run by validation."""

import pytest

from study.records.trial_record import Ending, Proposal, trial_key
from study.running.best_weights import publish_best
from study.running.trial_files import trial_folder
from study.settings import StudySettings


@pytest.fixture
def confirmed(open_toy, tmp_path):
    """A ledger with a search trial and three confirm runs of it, which have exported weights."""
    ledger = open_toy()
    runs = [("confirm", 1000, 0.6, 0.4), ("confirm", 1001, 0.8, 0.9), ("confirm", 1002, 0.8, 0.9)]
    for stage, seed, accuracy, error in [("search", 0, 0.5, 0.5), *runs]:
        proposal = Proposal({"lr": 0.1}, seed)
        key = trial_key(stage, "joint", proposal, ledger.digest)
        record = ledger.add(stage, "joint", key, proposal)
        ledger.set_ending(key, Ending("completed", 1))
        scores = {"accuracy": accuracy, "mae": error, "loss": error}
        ledger.add_epoch(key, 1, {"best/epoch": 1, **{f"best/{n}": v for n, v in scores.items()}})
        ledger.tell(key)
        if stage == "confirm":
            export = trial_folder(tmp_path, record) / "1" / "export"
            export.mkdir(parents=True)
            (export / "model.safetensors").write_text(f"run {record.number}")
    return ledger


def test_the_first_of_the_best_runs_is_published_and_all_else_is_gone(confirmed, tmp_path):
    publish_best(tmp_path, confirmed)
    assert (tmp_path / "best" / "joint" / "model.safetensors").read_text() == "run 1"
    assert not (tmp_path / "checkpoints").exists()


def test_a_failed_trial_keeps_its_checkpoints_for_the_next_start(confirmed, tmp_path):
    proposal = Proposal({"lr": 0.1}, 1003)
    record = confirmed.add("confirm", "joint", "failed", proposal)
    confirmed.set_ending("failed", Ending("failed", 1, "no memory"))
    confirmed.tell("failed")
    checkpoint = trial_folder(tmp_path, record) / "1" / "epoch-1.ckpt"
    checkpoint.parent.mkdir(parents=True)
    checkpoint.touch()
    publish_best(tmp_path, confirmed)
    assert (tmp_path / "best" / "joint" / "model.safetensors").read_text() == "run 1"
    assert list((tmp_path / "checkpoints" / "confirm" / "joint").iterdir()) == [checkpoint.parents[1]]


def test_runs_that_held_nothing_back_are_judged_where_their_epoch_was_selected(confirmed, tmp_path):
    plain = confirmed.settings.to_json()
    recipe = {"settings": {"lr": 0.1, "epochs": 9, "train_on": "train+validation"}, "source": "a release"}
    protocol = {**plain["protocol"], "name": "paper", "splits": {"paper": "official"}}
    paper = {**plain, "protocol": protocol, "recipes": {"joint": recipe}}
    confirmed.save_settings(StudySettings.from_json(paper))
    for seed, accuracy in ((1000, 0.6), (1001, 0.9), (1002, 0.7)):
        proposal = Proposal(dict(recipe["settings"]), seed, "paper")
        key = trial_key("confirm", "joint", proposal, confirmed.digest)
        record = confirmed.add("confirm", "joint", key, proposal)
        confirmed.set_ending(key, Ending("completed", 1))
        confirmed.add_epoch(key, 1, {"best/accuracy": accuracy, "test/accuracy": accuracy})
        confirmed.tell(key)
        export = trial_folder(tmp_path, record) / "1" / "export"
        export.mkdir(parents=True)
        (export / "model.safetensors").write_text(f"seed {seed}")
    publish_best(tmp_path, confirmed)
    assert (tmp_path / "best" / "joint" / "model.safetensors").read_text() == "seed 1001"


@pytest.mark.parametrize("facts", [{"task": "mood", "objective": "mae"}, {"objective": "loss"}])
def test_where_smaller_is_better_the_run_with_the_smallest_error_is_published(confirmed, tmp_path, facts):
    plain = confirmed.settings.to_json()
    protocol = {**plain["protocol"], **facts}
    confirmed.save_settings(StudySettings.from_json({**plain, "protocol": protocol}))
    publish_best(tmp_path, confirmed)
    assert (tmp_path / "best" / "joint" / "model.safetensors").read_text() == "run 0"


def test_what_an_earlier_start_has_published_stays(confirmed, tmp_path):
    publish_best(tmp_path, confirmed)
    publish_best(tmp_path, confirmed)
    assert (tmp_path / "best" / "joint" / "model.safetensors").read_text() == "run 1"
