"""How a study ends when it is not left to finish."""

import io
import signal
from types import SimpleNamespace

import pytest
from rich.console import Console

from study import run
from study.running import driver
from study.running.signals import Interrupted
from study.settings import Resources
from trainables.multimodal.command_line import INTERRUPTED


class Quiet:
    """A tracker that has sent everything."""

    error = ""

    def __init__(self, target, ledger):
        pass

    def start(self):
        pass

    def finish(self, patience):
        return 0

    def close_study(self, status, folder):
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


@pytest.mark.parametrize("raised", [Interrupted("SIGTERM"), KeyboardInterrupt()])
@pytest.mark.usefixtures("handlers")
def test_a_signal_before_anything_has_begun_is_one_sentence(monkeypatch, capsys, raised):
    def interrupted(*arguments):
        raise raised

    monkeypatch.setattr(run, "_run", interrupted)
    assert run.main(["features_dr"]) == INTERRUPTED
    assert "run the same command again" in capsys.readouterr().err
