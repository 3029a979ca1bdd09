"""Data change while a study runs, or a node's copy of them: the study says what has changed, and stops."""

import os
import shutil
from pathlib import Path

import pytest
from disturbed import SHORT, Disturbed, end_driver
from small_study import ending
from toy_study import write_toy_store

from trainables.multimodal.data.store.feature_store import FeatureStore

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(300)]


def test_a_byte_of_the_data_that_has_changed_stops_a_study_with_a_sentence(store, tmp_path):
    damaged = Path(shutil.copytree(store, tmp_path / "toy"))
    shard = next(damaged.glob("*.arrow"))
    content, status = bytearray(shard.read_bytes()), shard.stat()
    content[content.index(FeatureStore.open(store).read("strong", [7]).tobytes())] ^= 1
    shard.write_bytes(content)
    os.utime(shard, ns=(status.st_atime_ns, status.st_mtime_ns))
    with Disturbed(damaged, tmp_path / "results", SHORT) as study:
        code, said, _ = study.run()
        assert code == 2
        assert f"{shard} on " in said
        assert "is damaged" in said
        assert study.epochs() == 0


def test_a_damaged_copy_of_the_data_stops_a_study_which_goes_on_when_it_is_removed(study, calm, tmp_path):
    disk = tmp_path / "disk"
    study.start("--stage-data", str(disk))
    study.wait_for_epoch(4)
    end_driver(study)
    (copy,) = disk.iterdir()
    next(copy.glob("*.arrow")).write_bytes(b"")
    with study.hit():
        code, said, _ = study.run("--stage-data", str(disk))
    assert code == 2
    assert f"is not as it was made: remove it there with `rm -r {copy}`" in said
    shutil.rmtree(copy)
    study.require(calm, study.run("--stage-data", str(disk))[0])


def test_data_that_are_replaced_while_a_study_runs_stop_it_and_are_never_trained_on(store, calm, tmp_path):
    data = Path(shutil.copytree(store, tmp_path / "toy"))
    (tmp_path / "other").mkdir()
    other, kept = write_toy_store(tmp_path / "other", seed=1), tmp_path / "kept"
    with Disturbed(data, tmp_path / "results", SHORT) as study:
        driver = study.start()
        study.wait_for_epoch(4)
        with study.hit():
            data.rename(kept)
            other.rename(data)
            code, said, _ = ending(driver)
        assert code == 2
        assert f"{data} holds other data than the study was begun with" in said
        data.rename(other)
        kept.rename(data)
        study.require(calm, study.run()[0])
