"""A ledger in a journal file: no cut of it loses what was acted on, and nothing else is taken for one."""

import os
from pathlib import Path

import mlflow
import optuna
import pytest
from toy_study import TOY, report, stage_run, work_all

from study.records import journal
from study.records.ledger import Ledger
from study.records.mlflow_target import Target
from study.records.mlflow_tracking import Tracker
from study.records.study_folder import open_ledger
from study.records.trial_record import Proposal
from trainables.multimodal.errors import InputError

SMALL = {"methods": ("joint",), "count": 3}
TORN = b'{"op_code":8,"worker_id":"torn'


def outcome(ledger):
    """Of all trials what does not depend on the time."""
    return {record.key: (record.number, record.status, record.epochs) for record in ledger.records()}


def finished(ledger):
    """Of the trials that have ended."""
    return {key: what for key, what in outcome(ledger).items() if what[1] != "running"}


@pytest.fixture
def path(tmp_path):
    """Where a journal is to be."""
    return tmp_path / "ledger.log"


@pytest.fixture
def drive(path, tmp_path):
    """Opens the journal as the driver of the study's folder, anew each time."""
    folder = tmp_path / "toy"
    folder.mkdir()
    opened = []

    def open_again():
        if opened:
            opened[-1].close()
        opened.append(open_ledger(folder, TOY, f"journal://{path}"))
        return opened[-1]

    yield open_again
    opened[-1].close()


def test_everything_written_is_read_by_the_next_driver(drive):
    work_all(stage_run(drive(), **SMALL))
    first = drive()
    assert first.settings == TOY
    before = first.records()
    assert [record.status for record in before]
    assert drive().records() == before


def test_a_journal_cut_anywhere_goes_on_to_the_same_end_and_loses_no_finished_trial(drive, path):
    work_all(stage_run(drive(), **SMALL))
    calm, whole = outcome(drive()), path.read_bytes()
    lines = whole.splitlines(keepends=True)
    assert len(lines) > 40
    for kept in range(0, len(lines), 13):
        start = b"".join(lines[:kept])
        path.write_bytes(start)
        before = finished(drive())
        for torn in (b"", lines[kept][:1], lines[kept][:-1]):
            path.write_bytes(start + torn)
            ledger = drive()
            assert finished(ledger) == before
        work_all(stage_run(ledger, **SMALL))
        assert outcome(drive()) == calm
    path.write_bytes(whole)
    assert finished(drive()) == calm


def test_a_line_torn_by_a_full_disk_does_not_spoil_the_next(drive, path):
    run = stage_run(drive(), **SMALL)
    run.next("ray")
    with path.open("ab") as file:
        file.write(TORN)
    report(run, "ray", 1)
    assert TORN not in path.read_bytes()
    assert list(drive().records()[0].epochs) == [1]


def test_a_journal_that_is_gone_stops_the_study_and_is_not_begun_anew(drive, path):
    ledger = drive()
    path.unlink()
    with pytest.raises(FileNotFoundError):
        ledger.add("search", "joint", "key", Proposal({"lr": 0.1}, seed=0))
    assert not path.exists()
    assert not os.path.lexists(f"{path}.lock")


@pytest.mark.fault
def test_a_lock_left_by_a_killed_process_is_broken(drive, path, monkeypatch):
    monkeypatch.setattr(journal, "GRACE", 3)
    drive()
    Path(f"{path}.lock").symlink_to(path)
    ledger = drive()
    assert ledger.add("search", "joint", "key", Proposal({"lr": 0.1}, seed=0)).number == 0


def test_optuna_reads_the_file_as_its_own(drive, path):
    work_all(stage_run(drive(), **SMALL))
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(path)))
    study = optuna.load_study(study_name="toy/search/joint", storage=storage)
    assert [trial.state.is_finished() for trial in study.trials] == [True] * 3


@pytest.mark.slow
def test_mlflow_catches_up_from_a_journal(drive, tmp_path):
    work_all(stage_run(drive(), **SMALL))
    target = Target(f"sqlite:///{tmp_path}/mlflow.db", "toy", tmp_path / "artifacts")
    for _ in range(2):  # the second driver finds that nothing is missing
        tracker = Tracker(target, drive())
        tracker.start()
        assert tracker.finish(100) == 0
    client = mlflow.MlflowClient(target.uri)
    experiment = client.get_experiment_by_name("toy")
    children = client.search_runs([experiment.experiment_id], "tags.`study.trial` != ''")
    assert {run.info.run_id for run in children} == {record.mlflow_run for record in drive().records()}
    assert len(children) == 3


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"notes", 1),
        (b"notes\n", 1),
        (b"5\n", 1),
        (b'{"op_code":0}\n{"op_c\x00\x00\n', 2),
        (b'{"op_code":0}\n\x00\x00', 2),
    ],
)
def test_a_file_that_is_no_journal_is_refused_and_left_as_it_is(path, content, line):
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"ledger.log is no journal of Optuna's, or damaged in line {line}"):
        Ledger(f"journal://{path}", "toy")
    assert path.read_bytes() == content


@pytest.mark.parametrize("address", ["journal://ledger.log", "journal://", "journal:///"])
def test_an_address_without_an_absolute_path_is_refused(address):
    with pytest.raises(InputError, match="takes a journal as journal:///ABSOLUTE/PATH"):
        Ledger(address, "toy")


def test_a_folder_that_is_not_there_is_told_and_not_made(tmp_path):
    with pytest.raises(InputError, match=r"cannot be opened \(No such file or directory\)"):
        Ledger(f"journal://{tmp_path}/none/ledger.log", "toy")
    assert not (tmp_path / "none").exists()


def test_a_path_with_spaces_and_signs_is_written_with_escapes(tmp_path):
    ledger = Ledger(f"journal://{tmp_path}/a%20b%3F%25.log", "toy")
    ledger.save_settings(TOY)
    assert (tmp_path / "a b?%.log").exists()
