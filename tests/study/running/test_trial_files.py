"""Files of a trial: attempts never meet, checkpoints are few, and weights outlive them."""

import contextlib
import shutil

import pytest

from study.records.trial_record import Record
from study.running.trial_files import (
    CONSTANTS,
    KEPT,
    TakenOver,
    TrialFiles,
    discard_checkpoints,
    exported,
    read_trial_checkpoint,
    trial_folder,
)


def attempt(folder, *epochs):
    """An attempt that has written these epochs."""
    files = TrialFiles.begin_attempt(folder)
    for epoch in epochs:
        files.write(epoch, {"runner": {"epoch": epoch}})
    return files


def names(paths):
    """Attempt and file of each path."""
    return [f"{path.parent.name}/{path.name}" for path in paths]


def test_every_process_begins_an_attempt_of_its_own(tmp_path):
    assert [TrialFiles.begin_attempt(tmp_path).attempt for _ in range(3)] == [1, 2, 3]


def test_an_attempt_reads_earlier_ones_the_furthest_first(tmp_path):
    attempt(tmp_path, 1, 2, 3)
    attempt(tmp_path, 3)
    assert names(TrialFiles.begin_attempt(tmp_path).earlier()) == [
        "2.closed/epoch-000003.ckpt",
        "1.closed/epoch-000003.ckpt",
        "1.closed/epoch-000002.ckpt",
    ]


def test_an_attempt_that_was_taken_over_writes_nothing(tmp_path):
    late = attempt(tmp_path, 1)
    late.export.mkdir()
    attempt(tmp_path, 1, 2)
    before = tree(tmp_path)
    with pytest.raises(TakenOver, match="another process has taken over"):
        late.write(2, {"runner": {"epoch": 2}})
    with pytest.raises(TakenOver), late.owned():
        raise AssertionError("nothing is begun")
    assert tree(tmp_path) == before


def test_what_an_attempt_makes_anew_while_it_is_taken_over_is_removed_and_read_by_none(tmp_path):
    late = attempt(tmp_path, 1)

    stack = contextlib.ExitStack()
    stack.enter_context(late.owned())
    next_one = attempt(tmp_path, 1)
    before = tree(tmp_path)
    late.export.mkdir(parents=True)  # as libraries write: with the folders above
    (late.export / "model.safetensors").touch()
    late.export.with_name("epoch-000009.ckpt").touch()
    assert exported(tmp_path) is None
    assert names(next_one.earlier()) == ["1.closed/epoch-000001.ckpt"]
    with pytest.raises(TakenOver):
        stack.close()
    assert tree(tmp_path) == before


def test_an_attempt_of_a_trial_that_has_ended_brings_no_folder_back(tmp_path):
    late = attempt(tmp_path / "checkpoints" / "search" / "joint" / "0", 1)
    stack = contextlib.ExitStack()
    stack.enter_context(late.owned())
    shutil.rmtree(tmp_path / "checkpoints")
    late.export.mkdir(parents=True)
    with pytest.raises(TakenOver):
        stack.close()
    with pytest.raises(TakenOver):
        late.write(2, {"runner": {"epoch": 2}})
    assert not (tmp_path / "checkpoints").exists()


def test_weights_that_were_exported_before_an_attempt_was_taken_over_are_found(tmp_path):
    first = attempt(tmp_path, 1)
    first.export.mkdir()
    attempt(tmp_path)
    assert exported(tmp_path) == tmp_path / "1.closed" / "export"


def tree(folder):
    """All paths below a folder, with the content of files."""
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def test_only_the_newest_checkpoints_are_kept(tmp_path):
    attempt(tmp_path, *range(1, 8))
    assert len(TrialFiles.begin_attempt(tmp_path).earlier()) == KEPT


@pytest.mark.parametrize("epochs", [1, 2, 3])
def test_however_many_processes_are_killed_checkpoints_are_few(tmp_path, epochs):
    most = 0
    for number in range(8):
        files = TrialFiles.begin_attempt(tmp_path)
        for epoch in range(number + 1, number + 1 + epochs):
            files.write(epoch, {"runner": {"epoch": epoch, "best": {"epoch": epoch, "score": 0.5}}})
            most = max(most, *(len(list(tmp_path.rglob(f"{name}-*.ckpt"))) for name in ("epoch", "best")))
        newest, *older = TrialFiles(tmp_path, files.attempt + 1).earlier()
        assert read_trial_checkpoint(newest)["runner"]["epoch"] == number + epochs
        assert [read_trial_checkpoint(path)["runner"]["epoch"] for path in older][:1] == (
            [number + epochs - 1] if number + epochs > 1 else []
        )
    assert most <= 2 * KEPT


def test_weights_are_those_of_the_last_attempt_and_outlive_the_checkpoints(tmp_path):
    (tmp_path / CONSTANTS).write_text("")
    for _ in range(11):
        files = attempt(tmp_path, 1)
        files.export.mkdir()
        (files.export / "model.safetensors").write_text("")
    discard_checkpoints(tmp_path)
    assert exported(tmp_path) == tmp_path / "11" / "export"
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == {"model.safetensors"}


def test_a_trial_without_weights_leaves_nothing(tmp_path):
    attempt(tmp_path, 1)
    discard_checkpoints(tmp_path)
    assert exported(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_trials_of_all_stages_and_methods_have_folders_of_their_own(tmp_path):
    record = Record("search", "joint", 3, "key", 0, "clean", {}, "running")
    assert trial_folder(tmp_path, record) == tmp_path / "checkpoints" / "search" / "joint" / "3"


def test_best_weights_are_kept_as_long_as_a_checkpoint_names_them(tmp_path):
    files = TrialFiles.begin_attempt(tmp_path)
    for epoch, best in enumerate((1, 2, 2, 2, 5, 6, 6), start=1):
        files.write(epoch, {"runner": {"epoch": epoch, "best": {"epoch": best, "score": best / 10}}})
        newest, *older = TrialFiles(tmp_path, attempt=2).earlier()
        assert read_trial_checkpoint(newest)["runner"]["best"] == {"epoch": best, "score": best / 10}
        assert all(read_trial_checkpoint(path)["runner"]["best"]["epoch"] <= best for path in older)
    assert [path.name for path in files.folder.rglob("best-*")] == ["best-000006.ckpt"]


def test_a_runner_without_best_weights_has_no_file_for_them(tmp_path):
    attempt(tmp_path, 1)
    (kept,) = TrialFiles.begin_attempt(tmp_path).earlier()
    assert read_trial_checkpoint(kept) == {"runner": {"epoch": 1}}
    assert not list(tmp_path.rglob("best-*"))
