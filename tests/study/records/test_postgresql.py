"""A real PostgreSQL server, with a password, under the ledger and under MLflow."""

import os
import re
import shutil
import socket
import subprocess
import time
from functools import partial
from pathlib import Path

import mlflow
import pytest
from toy_study import TOY, stage_run, work_all

from study.records.ledger import Ledger
from study.records.ledger_storage import open_storage
from study.records.mlflow_checks import require_tracking
from study.records.mlflow_target import Target
from study.records.mlflow_tracking import Tracker
from trainables.multimodal.errors import InputError

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1:] or [Path("/usr/bin")]
PASSWORD = "SECRET%2F1"  # of SECRET/1, as an address spells it
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (BINARIES[0] / "initdb").exists(), reason="PostgreSQL is not installed"),
    pytest.mark.skipif(
        os.geteuid() == 0 and not shutil.which("runuser"), reason="PostgreSQL refuses to run as root"
    ),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The address of a server of our own, for a database to be named."""
    pytest.importorskip("psycopg")
    folder = Path(f"/tmp/postgresql-{os.getpid()}")
    folder.mkdir()
    (folder / "password").write_text("SECRET/1")
    user = []
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
        shutil.chown(folder / "password", "postgres")
        user = ["runuser", "-u", "postgres", "--"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    made = ["initdb", "-D", folder / "data", "-U", "alice", "-A", "scram-sha-256", "-N"]
    made += [f"--pwfile={folder / 'password'}"]
    subprocess.run([*user, BINARIES[0] / made[0], *made[1:]], check=True, cwd=folder, capture_output=True)
    serve = [BINARIES[0] / "postgres", "-D", folder / "data", "-p", str(port), "-k", folder, "-F"]
    serve += ["-c", "listen_addresses=127.0.0.1"]
    process = subprocess.Popen([*user, *serve], cwd=folder, stderr=subprocess.DEVNULL)
    address = f"postgresql+psycopg://alice:{PASSWORD}@127.0.0.1:{port}"
    try:
        until_it_answers(f"{address}/postgres")
        yield address
    finally:
        process.terminate()
        process.wait(30)
        shutil.rmtree(folder)


def until_it_answers(url):
    """Wait for the server."""
    import psycopg

    plain = url.replace("+psycopg", "")
    deadline = time.monotonic() + 60
    while True:
        try:
            with psycopg.connect(plain, autocommit=True) as connection:
                connection.execute("CREATE DATABASE optuna")
                connection.execute("CREATE DATABASE mlflow")
                return
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def test_a_ledger_and_mlflow_in_postgresql_hold_a_whole_study(server, tmp_path):
    url, uri = f"{server}/optuna", f"{server}/mlflow"
    ledger = Ledger(url, "toy", tmp_path)
    ledger.save_settings(TOY)
    work_all(stage_run(ledger))
    kept = [(record.key, record.status, record.epochs) for record in ledger.records()]
    assert kept
    target = Target(uri, "toy", tmp_path / "artifacts")
    require_tracking(target)
    tracker = Tracker(target, ledger)
    tracker.start()
    assert tracker.finish(120) == 0
    ledger.close()
    again = Ledger(url, "toy", tmp_path)
    assert [(record.key, record.status, record.epochs) for record in again.records()] == kept
    again.close()
    client = mlflow.MlflowClient(uri)
    experiment = client.get_experiment_by_name("toy")
    assert len(client.search_runs([experiment.experiment_id], max_results=1000)) == len(kept) + 1


@pytest.fixture(params=["ledger", "mlflow"])
def open_it(request, tmp_path):
    """Opens a database for one of the two."""
    return open_storage if request.param == "ledger" else partial(tracked, tmp_path)


def tracked(folder, url):
    """Try MLflow out there."""
    require_tracking(Target(url, "toy", folder))


@pytest.mark.parametrize(
    ("right", "wrong"),
    [(f":{PASSWORD}", ":SECRET2"), ("//alice", "//bob"), ("/optuna", "/nothing"), (r":\d+/", ":1/")],
)
def test_an_address_that_is_wrong_is_a_sentence_without_its_password(server, open_it, right, wrong):
    address = re.sub(right, wrong, f"{server}/optuna")
    assert address != f"{server}/optuna"
    with pytest.raises(InputError, match="does not open") as said:
        open_it(address)
    assert "SECRET" not in str(said.value)
