"""A password is used and shown nowhere: on no terminal, in no result, not in MLflow or Ray's files."""

import base64
import contextlib
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import pytest
from database_servers import PASSWORD, free_port, postgresql

from study import replay, report, run, ui
from study.records.ledger import Ledger

CANARY = "CANARY"
LOGIN = f"bob:{CANARY}1"
SPELLINGS = [CANARY, "SECRET/1", PASSWORD, base64.b64encode(LOGIN.encode()).decode()]
SMALL = ["--epochs", "2", "--trials", "1", "--seeds", "1", "--finalists", "0", "--stages", "search,confirm"]


@pytest.mark.parametrize(
    "options",
    [
        ("--storage", "host=h user=u password=CANARY"),
        ("--storage", "host=h password = 'CAN CANARY' user=u"),
        ("--storage", "postgresql+psycopg://alice:CAN/CANARY?#@127.0.0.1:1/d"),
        ("--storage", "postgresql+psycopg://alice@127.0.0.1:1/d?password=CANARY&nothing=1"),
        ("--storage", "postgresql+psycopg://alice:CANARY@127.0.0.1:1/d?connect_timeout=CANARY"),
        ("--storage", "postgresql+none://alice:CANARY@h/d"),
        ("--storage", "postgresql+psycopg://alice:CANARY@h:x/d"),
        ("--storage", "postgresql:/alice:CANARY@h/d"),
        ("--storage", "alice:CANARY@h/d"),
        ("--storage", "journal://alice:CANARY@h/d"),
        ("--tracking-uri", "http://alice:CANARY@127.0.0.1:1"),
        ("--tracking-uri", "http://alice:CAN/CANARY@127.0.0.1"),
        ("--tracking-uri", "http://127.0.0.1:1/?token=CANARY"),
        ("--tracking-uri", "mysql+pymysql://alice:CANARY@127.0.0.1:1/d?password=CANARY"),
        ("--tracking-uri", "host=h password=CANARY"),
        ("--tracking_uri", "http://alice:CANARY@h"),
        ("--address", "ray://alice:CANARY@127.0.0.1:1"),
        ("--address", "127.0.0.1:1?token=CANARY"),
        ("--trials", "http://alice:CANARY@h"),
        ("http://alice:CANARY@h",),
    ],
)
def test_a_refusal_shows_no_password(options, toy_store, tmp_path, capsys):
    where = ["--data", str(toy_store), "--results", str(tmp_path / "results")]
    assert run.main(["features_dr", *where, *options]) == 2
    out, err = capsys.readouterr()
    assert err.count("\n") == 1
    assert CANARY not in out + err


def test_other_commands_refuse_without_the_password(tmp_path, capsys):
    below = ["--results", str(tmp_path)]
    assert report.main(["x", *below, "--storage", "postgresql+psycopg://u:CANARY@127.0.0.1:1/d"]) == 2
    assert report.main(["x", *below, "--storage_", "postgresql://u:CANARY@127.0.0.1:1/d"]) == 2
    assert replay.main(["x", *below, "--storage_", "postgresql://u:CANARY@127.0.0.1:1/d"]) == 2
    assert replay.main(["postgresql://u:CANARY@127.0.0.1:1/d", *below]) == 2
    assert ui.main(["--tracking-uri", "host=h password=CANARY"]) == 2
    assert ui.main(["--tracking-uri", "postgresql+psycopg://u:CANARY@127.0.0.1:1/d"]) == 2
    out, err = capsys.readouterr()
    assert CANARY not in out + err


def test_a_cluster_whose_address_has_no_login_is_not_refused_for_it(toy_store, tmp_path, capsys):
    where = ["--data", str(toy_store), "--results", str(tmp_path / "results"), "--dry-run"]
    assert run.main(["features_dr", *where, "--address", "ray://127.0.0.1:1"]) == 0
    assert run.main(["features_dr", *where, "--address", "ray://u:CANARY@127.0.0.1:1"]) == 2
    assert "--address takes HOST:PORT" in capsys.readouterr().err


@contextlib.contextmanager
def tracking_server(folder):
    """Gives host and port of an MLflow server, which takes any login."""
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "1", "--backend-store-uri", f"sqlite:///{folder}/mlflow.db"]
    command += ["--serve-artifacts", "--artifacts-destination", str(folder / "artifacts")]
    quiet = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen(command, env=quiet, cwd=folder, stdout=log, stderr=subprocess.STDOUT)
        try:
            _wait_for(f"http://127.0.0.1:{port}/health")
            yield f"127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(30)


def _wait_for(page):
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(page).close()
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.3)
        else:
            return


def holding(folder):
    """Files below a folder that hold a secret in some spelling."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    assert files
    return [path for path in files if any(word.encode() in path.read_bytes() for word in SPELLINGS)]


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_study_with_logins_everywhere_keeps_and_says_none(make_toy_store, tmp_path, capsys, monkeypatch):
    store, results, serving = make_toy_store(tmp_path), tmp_path / "results", tmp_path / "server"
    serving.mkdir()
    secrets = {
        "MLFLOW_TRACKING_PASSWORD": f"{CANARY}2",
        "MLFLOW_TRACKING_USERNAME": "bob",
        "MLFLOW_TRACKING_TOKEN": f"{CANARY}3",
        "RAY_AUTH_TOKEN": CANARY * 8,
        "AWS_SECRET_ACCESS_KEY": f"{CANARY}4",  # which Tune hands to trials, and Ray's agents log
        "AWS_SESSION_TOKEN": f"{CANARY}5",
    }
    with (
        postgresql() as database,
        tracking_server(serving) as host,
        tempfile.TemporaryDirectory(dir="/tmp", prefix="ray-") as ray,
    ):
        where = ["--storage", f"{database}/optuna", "--tracking-uri", f"http://{LOGIN}@{host}"]
        arguments = ["features_dr", "--data", str(store), "--results", str(results), "--device", "cpu"]
        command = [sys.executable, "-m", "study.run", *arguments, *SMALL]
        environment = {**os.environ, **secrets, "RAY_TMPDIR": ray}
        done = subprocess.run(
            [*command, *where], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert not [word for word in SPELLINGS if word in done.stdout + done.stderr]
        assert holding(results) == holding(serving) == holding(Path(ray)) == []
        assert list(serving.glob("artifacts/**/report.html"))
        with contextlib.closing(Ledger(f"{database}/optuna", "features_dr-toy")) as ledger:
            assert not [word for word in SPELLINGS if word in str(ledger.plain_settings)]
            assert f"http://bob:***@{host}" in str(ledger.plain_settings)
        # the login is given again, this time in the environment, and the study goes on
        bare = [part.replace(f":{PASSWORD}", "").replace(f"{LOGIN}@", "") for part in where]
        for name, value in (secrets | {"PGPASSWORD": "SECRET/1"}).items():
            monkeypatch.setenv(name, value)
        assert run.main([*arguments, *SMALL, *bare]) == 0
        out, err = capsys.readouterr()
        assert "nothing is left to run" in out
        assert not [word for word in SPELLINGS if word in out + err]
        assert holding(results) == holding(serving) == []
