"""One driver at a time on a ledger that several folders share, and none locked out by a dead one."""

import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from toy_study import TOY

from study.records import driver_lease
from study.records.ledger import Ledger
from study.records.study_folder import open_ledger, read_ledger
from study.records.trial_record import Ending, Proposal
from trainables.multimodal.errors import InputError

DRIVER = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from toy_study import TOY
from study.records.study_folder import open_ledger
ledger = open_ledger(Path(sys.argv[1]), TOY, sys.argv[2])
print("at work", flush=True)
time.sleep(60)
"""
PROPOSAL = Proposal({"lr": 0.1}, seed=0)


@pytest.fixture(autouse=True)
def impatience(monkeypatch):
    """Seconds become tenths."""
    monkeypatch.setattr(driver_lease, "BEAT", 0.1)
    monkeypatch.setattr(driver_lease, "PATIENCE", 1.0)
    monkeypatch.setattr(driver_lease, "_LOOK", 0.05)


@pytest.fixture
def folders(tmp_path):
    """The same study below two --results."""
    made = [tmp_path / "one" / "toy", tmp_path / "two" / "toy"]
    for folder in made:
        folder.mkdir(parents=True)
    return made


@pytest.fixture(params=["database", "journal"])
def shared(request, begun, tmp_path):
    """The ledger that --storage names."""
    if request.param == "database":
        return f"sqlite:///{shutil.copy(begun, tmp_path)}"
    url = f"journal://{tmp_path}/ledger.log"
    ledger = Ledger(url, "toy")
    ledger.save_settings(TOY)
    ledger.close()
    return url


@pytest.fixture
def drive(shared):
    """Opens the shared ledger as the driver of a folder."""
    opened = []

    def open_for(folder, **changes):
        opened.append(open_ledger(folder, replace(TOY, **changes), shared))
        return opened[-1]

    yield open_for
    for ledger in opened:
        ledger.close()


@pytest.fixture
def killed_driver(folders, shared):
    """A driver of the first folder that was killed at work."""
    here = str(Path(__file__).parents[1])
    process = subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(folders[0]), shared, here], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "at work\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()


def test_a_second_driver_of_another_folder_is_refused_and_told_where_the_first_is(drive, folders, capsys):
    drive(folders[0])
    with pytest.raises(InputError, match=f"another driver works on toy in the same ledger.*{folders[0]}"):
        drive(folders[1])
    assert capsys.readouterr().err == ""


def test_a_report_is_refused_while_a_driver_works_elsewhere(drive, folders, shared):
    drive(folders[0])
    with pytest.raises(InputError, match="another driver works on toy"):
        read_ledger(folders[1], shared)


def test_the_next_driver_need_not_wait_for_one_that_ended(drive, folders, capsys):
    drive(folders[0]).close()
    drive(folders[1])
    assert "no life" not in capsys.readouterr().err


def test_refused_settings_leave_the_ledger_free(drive, folders, capsys):
    with pytest.raises(InputError, match="other settings"):
        drive(folders[0], base={"width": 2})
    drive(folders[1])
    assert "no life" not in capsys.readouterr().err


def test_other_studies_of_the_same_database_have_drivers_of_their_own(drive, folders):
    drive(folders[0])
    assert drive(folders[1], study="other").study == "other"


def test_a_killed_driver_of_the_same_folder_is_followed_at_once(killed_driver, drive, folders, capsys):
    drive(folders[0])
    assert "no life" not in capsys.readouterr().err


def test_a_killed_driver_of_another_folder_is_followed_after_a_while(killed_driver, drive, folders, capsys):
    drive(folders[1])
    assert "shows no life: taking over in" in capsys.readouterr().err


def test_a_driver_that_was_taken_over_writes_nothing_more(drive, folders, monkeypatch):
    first = drive(folders[0])
    record = first.add("search", "joint", "key", PROPOSAL)
    first._lease._released.set()  # its process stands still
    first._lease._thread.join()
    time.sleep(2 * driver_lease.BEAT)
    second = drive(folders[1])
    with pytest.raises(OSError, match="another driver has taken over"):
        first.set_ending(record.key, Ending("completed", 1))
    second.close()
    assert drive(folders[1]).get(record.key).ending is None


def test_a_driver_that_stood_still_goes_on_if_nobody_took_over(drive, folders):
    first = drive(folders[0])
    first._lease._released.set()
    first._lease._thread.join()
    time.sleep(driver_lease.PATIENCE + 2 * driver_lease.BEAT)
    assert first.add("search", "joint", "key", PROPOSAL).number == 0


def test_of_two_drivers_that_begin_at_once_one_is_refused(drive, folders):
    together = threading.Barrier(2)

    def begin(folder):
        together.wait()
        try:
            drive(folder)
        except InputError as error:
            return str(error)
        return "at work"

    with ThreadPoolExecutor(2) as pool:
        said = sorted(pool.map(begin, folders))
    assert said[1] == "at work"
    assert said[0].startswith("another driver works on toy")
