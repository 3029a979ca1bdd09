"""The folder of a study: one driver, one ledger, nothing overwritten."""

import os
from dataclasses import replace

import pytest
from toy_study import TOY

from study.records.ledger_copy import damage, write_copy
from study.records.study_folder import LEDGER, locked, open_ledger, read_ledger, set_aside
from study.settings import Resources
from trainables.multimodal.errors import InputError


@pytest.fixture
def study(tmp_path):
    """A study that was begun."""
    folder = tmp_path / "toy"
    folder.mkdir()
    open_ledger(folder, TOY, None).close()
    return folder


def test_a_second_driver_is_refused(study):
    with locked(study), pytest.raises(InputError, match="another driver works on"), locked(study):
        pass


def test_the_folder_is_free_after_its_driver(study):
    with locked(study):
        pass
    with locked(study):
        pass


def test_a_begun_study_is_continued_with_its_own_settings(study):
    ledger = open_ledger(study, replace(TOY, id="another"), None)
    assert ledger.settings.id == TOY.id
    ledger.close()


def test_a_study_goes_on_with_its_data_copied_elsewhere(study):
    for folder in ("/disk", "/scratch", None):
        ledger = open_ledger(study, replace(TOY, resources=Resources(stage_data=folder)), None)
        assert ledger.settings.resources == Resources(stage_data=folder)
        ledger.close()


def test_a_fresh_start_keeps_the_old_folder(study):
    set_aside(study, None)
    assert (study.with_name("toy.1") / LEDGER).exists()
    assert not study.exists()


def test_every_fresh_start_keeps_one_more(study):
    study.with_name("toy.1").mkdir()
    set_aside(study, None)
    assert study.with_name("toy.2").exists()


def test_a_fresh_start_leaves_a_foreign_database_alone(study):
    with pytest.raises(InputError, match="--storage"):
        set_aside(study, "postgresql://somewhere")


def test_a_moved_study_is_read_where_it_lies(study):
    moved = study.parent / "elsewhere" / "toy"
    moved.parent.mkdir()
    os.rename(study, moved)
    ledger = read_ledger(moved, None)
    assert ledger.settings.id == TOY.id
    ledger.close()


def test_a_study_that_was_never_begun_is_a_sentence(tmp_path):
    with pytest.raises(InputError, match="there is no study at"):
        read_ledger(tmp_path / "nothing", None)


@pytest.mark.fault
@pytest.mark.parametrize("kept", [0, 4096 * 3, 4096 * 3 + 5, -1])
def test_a_truncated_ledger_is_refused(study, kept):
    path = study / LEDGER
    os.truncate(path, kept if kept >= 0 else path.stat().st_size - 1)
    with pytest.raises(InputError, match="is damaged"):
        open_ledger(study, TOY, None)


@pytest.mark.fault
def test_a_ledger_that_is_gone_is_refused_while_results_are_there(study):
    (study / LEDGER).unlink()
    (study / "report.html").write_text("old")
    with pytest.raises(InputError, match="restore it, or use --fresh"):
        open_ledger(study, TOY, None)


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"), locked(tmp_path / "file" / "study"):
        pass


def test_a_study_kept_under_another_name_is_still_read(study):
    set_aside(study, None)
    ledger = read_ledger(study.with_name("toy.1"), None)
    assert ledger.study == "toy"
    ledger.close()


def test_a_study_does_not_begin_without_its_search(tmp_path):
    with pytest.raises(InputError, match="add search to --stages"):
        open_ledger(tmp_path, replace(TOY, stages=("confirm",)), None)
    assert list(tmp_path.iterdir()) == []


def test_an_error_inside_is_not_taken_for_one_of_the_lock(study):
    with pytest.raises(OSError, match="disk full"), locked(study):
        raise OSError("disk full")


def test_a_folder_whose_name_is_no_text_is_refused(tmp_path):
    name = os.fsdecode(b"\xff\xfe")
    with pytest.raises(InputError, match=r"no UTF-8: choose another --results"), locked(tmp_path / name):
        """Nobody gets here."""
    assert not list(tmp_path.iterdir())


@pytest.mark.fault
def test_a_damaged_ledger_leaves_its_log_alone_and_names_its_copy(study):
    write_copy(study / LEDGER)
    (study / LEDGER).write_bytes(b"")
    log = study / f"{LEDGER}-wal"
    log.write_bytes(b"what was not yet moved")
    with pytest.raises(InputError, match="--restore goes on from its copy of 20"):
        open_ledger(study, TOY, None)
    assert log.read_bytes() == b"what was not yet moved"


def test_a_ledger_that_is_read_keeps_what_its_log_holds(study):
    ledger = open_ledger(study, TOY, None)
    log = study / f"{LEDGER}-wal"
    assert log.stat().st_size
    before = log.read_bytes()
    assert damage(study / LEDGER) == ""
    assert log.read_bytes() == before
    ledger.close()
