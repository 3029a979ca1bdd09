"""A copy of the data is damaged while a study is stopped: it is refused by its place, and made anew."""

import shutil

import pytest
from disturbed import end_driver

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(300)]


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
