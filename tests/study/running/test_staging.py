"""Copies of the data on nodes: asked for by an absolute folder, and what prevents them stops a study."""

import shutil
from types import SimpleNamespace

import pytest

from study.running.staging import SLOWEST, staged_data
from study.running.surroundings import described, lasts, of_surroundings
from study.settings import Resources
from trainables.multimodal.data.store.feature_store import FeatureStore
from trainables.multimodal.errors import InputError


@pytest.fixture
def store(toy_store):
    return FeatureStore.open(toy_store)


@pytest.fixture
def staged(store, tmp_path):
    return staged_data(Resources(stage_data=str(tmp_path / "disk")), store)


def stopped_by(staged, store):
    """How the process of a trial ends."""
    with pytest.raises((OSError, InputError)) as error:
        staged.on_this_node({"data": str(store.path)})
    return described(error.value)


def test_nothing_is_copied_unless_asked_for(store):
    assert staged_data(Resources(), store) is None


def test_a_folder_that_is_another_in_every_process_is_refused(store):
    with pytest.raises(InputError, match=r"absolute path, the same on every node, got disk\."):
        staged_data(Resources(stage_data="disk"), store)


def test_a_copy_takes_its_place_in_the_settings_of_a_trial(staged, store):
    assert staged.on_this_node({"data": str(store.path), "lr": 1}) == {"data": str(staged.folder), "lr": 1}
    assert sum(file.stat().st_size for file in staged.folder.glob("*.arrow")) == staged.size
    assert staged.longest == staged.size / SLOWEST


def test_a_disk_without_room_stops_the_study_until_somebody_makes_some(staged, store, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=0))
    error = stopped_by(staged, store)
    assert of_surroundings(error)
    assert lasts(error)


def test_a_folder_that_cannot_be_written_stops_the_study(staged, store):
    staged.folder.parent.touch()
    error = stopped_by(staged, store)
    assert of_surroundings(error)
    assert lasts(error)


def test_a_disk_that_others_fill_meanwhile_stops_the_study_which_may_go_on_by_itself(
    staged, store, monkeypatch
):
    def full(source, target):
        raise OSError(28, "No space left on device", str(target))

    monkeypatch.setattr(shutil, "copyfile", full)
    error = stopped_by(staged, store)
    assert of_surroundings(error)
    assert not lasts(error)


def test_a_changed_copy_stops_the_study(staged, store):
    staged.on_this_node({"data": str(store.path)})
    next(staged.folder.glob("*.arrow")).write_bytes(b"")
    error = stopped_by(staged, store)
    assert of_surroundings(error)
    assert lasts(error)
