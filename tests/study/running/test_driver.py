"""How a study ends when it is not left to finish."""

import io
import signal
from pathlib import Path
from pickle import UnpicklingError
from types import SimpleNamespace
from typing import ClassVar

import pytest
from ray import cloudpickle
from ray.exceptions import RayTaskError
from ray.tune import TuneError
from rich.console import Console

from study import run
from study.records.mlflow_target import Target
from study.reporting import write_report
from study.running import driver
from study.running.signals import Interrupted
from study.settings import Resources
from trainables.multimodal.command_line import BAD_INPUT, INTERRUPTED, UNSENT
from trainables.multimodal.errors import InputError


class Quiet:
    """A tracker that has sent everything."""

    error = ""
    broken = False
    page = ""
    parent_run = "abc"
    closed: ClassVar[list[str]] = []

    def __init__(self, target, ledger, announce):
        self.target = Target("http://alice:SECRET@host", "toy", Path("artifacts"))

    def start(self):
        pass

    def finish(self, patience):
        return 0

    def close_study(self, status, results):
        self.closed.append(status)
        return status == "KILLED"


@pytest.fixture
def handlers():
    """The handlers of signals, as they were before the test."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(
    ("raised", "said"),
    [(Interrupted("SIGTERM"), "Stopped: SIGTERM."), (KeyboardInterrupt(), "Stopped: interrupted.")],
)
@pytest.mark.usefixtures("handlers")
def test_a_signal_stops_a_study_also_where_ray_waits(monkeypatch, open_toy, raised, said):
    def interrupted(*arguments):
        raise raised

    monkeypatch.setattr(driver, "Tracker", Quiet)
    monkeypatch.setattr(driver, "_run_stages", interrupted)
    job = SimpleNamespace(resources=Resources(1, 0), target=None)
    text = io.StringIO()
    assert driver.carry_out(job, open_toy(), Console(file=text)) == INTERRUPTED
    assert text.getvalue().startswith(f"{said} 0 trials are finished; run the same command again")


def test_own_parts_are_looked_for_before_any_trial(monkeypatch):
    done = []

    def lacking(parts):
        done.append(("looked for", parts))
        raise InputError("in the processes of trials on here: own_nets:Net cannot be imported")

    monkeypatch.setattr(driver, "connect", lambda resources, parts: done.append(("sent", parts)))
    monkeypatch.setattr(driver, "require_everywhere", lacking)
    own = {"own_nets:Net": "digest"}
    run = SimpleNamespace(ledger=SimpleNamespace(settings=SimpleNamespace(own_parts=own)))
    with pytest.raises(InputError, match="own_nets:Net cannot be imported"):
        driver._with_ray(SimpleNamespace(resources=Resources(1, 0)), run, Console())
    assert done == [("sent", own), ("looked for", own)]


@pytest.mark.parametrize("kept", [0.0, 0.01, 0.5, 0.99])
def test_what_a_full_disk_kept_of_an_error_hides_no_cause_that_is_known(monkeypatch, tmp_path, kept):
    whole = cloudpickle.dumps(RayTaskError("step", "the traceback", OSError(28, "No space left on device")))
    cut = whole[: int(kept * len(whole))]

    def tuner(*arguments, **options):
        return SimpleNamespace(fit=lambda: cloudpickle.loads(cut))

    monkeypatch.setattr(driver, "tuner", tuner)
    monkeypatch.setattr(driver, "_patience", lambda *arguments: None)
    monkeypatch.setattr(driver.ray, "cluster_resources", lambda: {"CPU": 1.0})
    job = SimpleNamespace(folder=tmp_path, resources=Resources(1, 0))
    driver._execute(job, SimpleNamespace(halted="No space left on device", ledger=None))
    with pytest.raises((EOFError, UnpicklingError)):
        driver._execute(job, SimpleNamespace(halted="", ledger=None))
    assert not list(tmp_path.iterdir())


@pytest.fixture
def carried_out(monkeypatch, open_toy, handlers):
    """Runs a study whose trials end with this; returns its exit code and what it said."""
    monkeypatch.setattr(driver, "Tracker", Quiet)
    monkeypatch.setattr(Quiet, "closed", [])

    def carry_out(raised, folder=None):
        def ends(*arguments):
            if raised:
                raise raised
            return False

        monkeypatch.setattr(driver, "_run_stages", ends)
        text = io.StringIO()
        job = SimpleNamespace(resources=Resources(1, 0), target=None, folder=folder)
        return driver.carry_out(job, open_toy(), Console(file=text, width=200)), text.getvalue()

    return carry_out


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        (OSError(28, "No space left on device"), INTERRUPTED),
        (driver.Halted("OSError: [Errno 28] No space left on device"), INTERRUPTED),
        (TuneError("sqlalchemy\noptuna.exceptions.StorageInternalError: database is locked"), INTERRUPTED),
        (PermissionError(13, "Permission denied"), BAD_INPUT),
        (driver.Halted("ModuleNotFoundError: No module named 'mine'"), BAD_INPUT),
        (TuneError("OSError: [Errno 30] Read-only file system: '/results'"), BAD_INPUT),
    ],
)
def test_the_same_command_is_named_as_the_remedy_where_it_is_one(carried_out, raised, code):
    ended, said = carried_out(raised)
    assert ended == code
    assert ("remove this cause, then run the same command again" in said) == (code == BAD_INPUT)
    assert "run the same command again to continue" in said


def test_where_ray_cannot_work_mlflow_is_left_with_no_running_study(carried_out):
    with pytest.raises(InputError, match="no process of Ray starts"):
        carried_out(InputError("no process of Ray starts"))
    assert Quiet.closed == ["KILLED"]


def test_a_bug_in_a_callback_is_no_error_of_the_surroundings(carried_out):
    with pytest.raises(TuneError):
        carried_out(TuneError("KeyError: 'x'"))


@pytest.fixture
def reported(monkeypatch, tmp_path):
    """A complete report is written, without drawing."""
    written = SimpleNamespace(summary={"complete": True}, findings=[], html=tmp_path / "report.html")
    monkeypatch.setattr(write_report, "write", lambda *arguments: written)


@pytest.mark.usefixtures("reported")
def test_a_study_that_mlflow_lacks_a_part_of_says_so_and_shows_no_login(carried_out, tmp_path):
    ended, said = carried_out(None, folder=tmp_path)
    assert ended == UNSENT
    assert "MLflow lacks the report (it is slow): the same command sends it, once MLflow answers" in said
    assert "http://alice:***@host" in said
    assert "SECRET" not in said


@pytest.mark.usefixtures("reported")
def test_a_copy_that_broke_off_is_told_by_its_error_and_not_as_an_mlflow_that_is_away(
    carried_out, monkeypatch, tmp_path
):
    monkeypatch.setattr(Quiet, "error", "the copy broke off by KeyError: 'x'")
    monkeypatch.setattr(Quiet, "broken", True)
    monkeypatch.setattr(Quiet, "finish", lambda self, patience: 3)
    ended, said = carried_out(None, folder=tmp_path)
    assert ended == UNSENT
    assert (
        "MLflow lacks 3 trials (the copy broke off by KeyError: 'x'): the same command tries again." in said
    )


@pytest.mark.parametrize("raised", [Interrupted("SIGTERM"), KeyboardInterrupt()])
@pytest.mark.usefixtures("handlers")
def test_a_signal_before_anything_has_begun_is_one_sentence(monkeypatch, capsys, raised):
    def interrupted(*arguments):
        raise raised

    monkeypatch.setattr(run, "_run", interrupted)
    assert run.main(["features_dr"]) == INTERRUPTED
    assert "run the same command again" in capsys.readouterr().err
