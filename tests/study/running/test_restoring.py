"""A damaged ledger, its copy, and what goes on from it."""

import os

import pytest
from toy_study import TOY, stage_run, work, work_all

from study.records import ledger_copy
from study.records.ledger_copy import COPY, copied, damage, write_copy
from study.records.study_folder import LEDGER, open_ledger, read_ledger
from study.running.restoring import restore
from study.running.trial_files import trial_folder
from trainables.multimodal.errors import InputError


@pytest.fixture
def study(tmp_path):
    """A study with three trials, the last of which began after the copy, and their checkpoints."""
    folder = tmp_path / TOY.study
    folder.mkdir()
    ledger = open_ledger(folder, TOY, None)
    run = stage_run(ledger)
    for name in ("a", "b"):
        work(run, name)
    write_copy(folder / LEDGER)
    work(run, "c")
    for record in ledger.records():
        trial_folder(folder, record).mkdir(parents=True)
    ledger.close()
    return folder


def records(folder):
    """What a study has tried."""
    ledger = read_ledger(folder, None)
    found = ledger.records()
    ledger.close()
    return found


@pytest.mark.fault
@pytest.mark.parametrize("share", [0.0, 0.5, None])
def test_a_study_goes_on_from_the_copy_of_a_ledger_that_is_damaged_or_gone(study, share):
    whole = records(study)
    if share is None:
        (study / LEDGER).unlink()
    else:
        os.truncate(study / LEDGER, int((study / LEDGER).stat().st_size * share))
    assert "with 2 trials, is in its place" in restore(study)
    assert records(study) == whole[:2]
    assert (study / "ledger.damaged.1.db").exists() == (share is not None)
    assert [trial_folder(study, record).exists() for record in whole] == [True, True, False]
    ledger = open_ledger(study, TOY, None)
    work_all(stage_run(ledger))
    assert [record.key for record in ledger.records()][:3] == [record.key for record in whole]
    ledger.close()


def test_a_whole_ledger_is_left_in_its_place(study):
    with pytest.raises(InputError, match="is whole"):
        restore(study)
    assert len(records(study)) == 3


def test_without_a_whole_copy_nothing_is_touched(study):
    (study / LEDGER).write_bytes(b"")
    os.truncate(study / COPY, 5000)
    with pytest.raises(InputError, match="no whole copy"):
        restore(study)
    assert not (study / "ledger.damaged.1.db").exists()


def test_a_copy_is_renewed_while_a_study_runs_and_at_its_end(tmp_path, monkeypatch):
    monkeypatch.setattr(ledger_copy, "EVERY", 0.05)
    renewed = []
    monkeypatch.setattr(ledger_copy, "write_copy", renewed.append)
    with copied(tmp_path / LEDGER):
        while len(renewed) < 2:
            pass
    begun = len(renewed)
    assert begun >= 3
    with copied(None):
        pass
    assert len(renewed) == begun


def test_a_copy_that_cannot_be_made_leaves_the_one_before(study, capsys):
    before = (study / COPY).read_bytes()
    (study / LEDGER).write_bytes(b"no database" * 1000)
    write_copy(study / LEDGER)
    assert "the copy before it stays" in capsys.readouterr().err
    assert (study / COPY).read_bytes() == before
    assert damage(study / COPY) == ""


def test_damage_in_the_middle_of_a_ledger_does_not_reach_its_copy(study, capsys):
    before = (study / COPY).read_bytes()
    with (study / LEDGER).open("r+b") as file:
        file.seek(5 * 4096)
        file.write(b"\xff" * 4096)
    write_copy(study / LEDGER)
    assert "the copy before it stays" in capsys.readouterr().err
    assert (study / COPY).read_bytes() == before
