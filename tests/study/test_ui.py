"""MLflow's UI as a process: on loopback alone, with the addresses of studies, and gone when it is told to."""

import re
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

from study import ui
from study.records.database import sqlite_url
from study.records.mlflow_store import make_database
from study.records.mlflow_target import Target
from study.records.mlflow_tracking import Tracker


def refused(capsys, *arguments):
    """The one sentence that the command refuses these arguments with."""
    assert ui.main(list(arguments)) == 2
    out, err = capsys.readouterr()
    assert not out
    assert err.startswith("study.ui: ")
    assert len(err.splitlines()) == 1
    return err


@pytest.fixture(autouse=True)
def _no_other_store(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def test_without_a_database_it_says_what_makes_one(tmp_path, capsys):
    assert f"there is no database of MLflow at {tmp_path}/mlflow.db" in refused(
        capsys, "--results", str(tmp_path)
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("http://alice:SECRET@host:5000", "MLflow is served at http://alice:***@host:5000 already"),
        ("databricks", "MLflow is served at databricks already"),
        ("./mlruns", "./mlruns is no database"),
    ],
)
def test_what_it_cannot_serve_is_named(uri, said, capsys):
    assert said in refused(capsys, "--tracking-uri", uri)


def test_a_file_that_is_none_of_mlflows_is_refused(tmp_path, capsys):
    (tmp_path / "mlflow.db").write_text("no database at all, but long enough to be taken for a header of one")
    assert "cannot be read" in refused(capsys, "--results", str(tmp_path))


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A folder of results with an empty database of MLflow; making one takes seconds."""
    folder = tmp_path_factory.mktemp("results")
    make_database(Target(sqlite_url(folder / "mlflow.db"), "", folder / "mlartifacts"))
    return folder


@pytest.mark.parametrize("port", ["70000", "0", "x"])
def test_ports_that_are_none_are_refused(results, port, capsys):
    assert "port" in refused(capsys, "--results", str(results), "--port", port)


def test_a_port_that_is_taken_is_refused_or_passed_over(results, monkeypatch, capsys):
    with socket.socket() as taken:
        taken.bind((ui.HOST, 0))
        taken.listen()
        number = taken.getsockname()[1]
        assert f"port {number} cannot be used" in refused(
            capsys, "--results", str(results), "--port", str(number)
        )
        monkeypatch.setattr(ui, "PORT", number)
        assert ui._port(None) != number


def test_a_server_that_ends_by_itself_is_an_error_with_its_last_line(tmp_path, monkeypatch, capsys):
    failing = [sys.executable, "-c", "print('first'); print('no room left')"]
    monkeypatch.setattr(ui, "_command", lambda port: failing)
    monkeypatch.setattr(ui, "ignore_signals", lambda: None)
    assert ui._serve(Target(sqlite_url(tmp_path / "x.db"), "", tmp_path), ui._any(), []) == 1
    assert capsys.readouterr().err == "study.ui: MLflow has ended by itself (no room left)\n"


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_it_serves_the_studies_until_a_signal(results, number, open_toy, tmp_path):
    target = Target(sqlite_url(results / "mlflow.db"), number.name, results / "mlartifacts")
    tracker = Tracker(target, open_toy())
    tracker.start()
    assert tracker.finish(60) == 0
    command = [sys.executable, "-m", "study.ui", "--results", str(results), "--port", str(ui._any())]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        site = re.search(r"http://127\.0\.0\.1:\d+/", process.stdout.readline())[0]
        with urllib.request.urlopen(site) as front:
            assert b"MLflow" in front.read()
        assert process.stdout.readline() == "toy: trials\n"
        assert process.stdout.readline().strip() == site + tracker.page
        process.send_signal(number)
        assert process.wait(90) == 0
    with socket.socket() as gone:
        assert gone.connect_ex((ui.HOST, int(site.split(":")[2].rstrip("/"))))
    assert not list(tmp_path.glob("ml*"))
