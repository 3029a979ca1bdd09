"""F6: the disk is full; the study stops with a sentence, keeps what it has, and goes on with room."""

import contextlib
import os
import re
import subprocess
import time

import pytest
from disturbed import SHORT, Disturbed
from small_study import ending

from study.running.stage_run import TRIES

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 48 MiB in memory; it needs root."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=48m", "none", str(place)]
    if os.getuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a file system of its own can be mounted only by root, where the machine allows it")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(file):
    """Take all that is left of a disk, also what is given back for two seconds."""
    with file.open("wb", buffering=0) as opened:
        for _ in range(20):
            with contextlib.suppress(OSError):
                while opened.write(bytes(65536)):
                    pass
            time.sleep(0.1)


def test_f6_a_full_disk_stops_the_study_which_goes_on_when_there_is_room(store, small_disk, calm):
    filler = small_disk / "filler"
    with Disturbed(store, small_disk / "results", SHORT) as study:
        study.trace = small_disk.with_name("epochs.jsonl")
        driver = study.start()
        study.wait_for_epoch(12)
        with study.hit(times=TRIES):  # each of which meets the full disk, unless the driver meets it before
            fill(filler)
            code, said, complained = ending(driver)
            filler.unlink()
        assert code in (2, 3), said + complained
        assert re.search(r"Stopped: .*(No space left on device|disk is full)", said), said + complained
        study.require(calm, study.run()[0])
