"""MLflow is tried before any work begins: whatever would refuse a run at the end refuses it then."""

import base64
import contextlib
import http.server
import shutil
import socket
import sqlite3
import threading

import mlflow
import pytest

from study.records import database, mlflow_checks
from study.records.database import sqlite_url
from study.records.mlflow_checks import require_tracking
from study.records.mlflow_store import make_database
from study.records.mlflow_target import Target
from trainables.multimodal.errors import InputError


@pytest.fixture
def target(tmp_path):
    """A database that is not there yet."""
    return Target(sqlite_url(tmp_path / "mlflow.db"), "toy", tmp_path / "artifacts")


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """A database of MLflow; making one takes seconds."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    make_database(Target(sqlite_url(path), "toy", path.parent / "artifacts"))
    return path


@pytest.fixture
def made(target, empty, tmp_path):
    """The same as `target`, made."""
    shutil.copy(empty, tmp_path / "mlflow.db")
    return target


@pytest.fixture(scope="module")
def server():
    """Some server that is none of MLflow's, and what it was asked."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append((self.path, self.headers.get("Authorization")))
            self.send_error(404)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *arguments):
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{serving.server_port}", asked
        serving.shutdown()


def refused(uri, tmp_path):
    """What is said of this address."""
    with pytest.raises(InputError) as said:
        require_tracking(Target(uri, "toy", tmp_path / "artifacts"))
    return str(said.value)


def nowhere():
    """A port where nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.mark.parametrize(
    "uri", ["./mlruns", "mlruns", "/data/mlruns", "file:///data/mlruns", "ftp://host/x", "s3://b/x"]
)
def test_places_that_mlflow_tracks_into_no_longer_are_refused_by_name(uri, tmp_path):
    assert f"cannot track into {uri}" in refused(uri, tmp_path)
    assert "sqlite:///FILE" in refused(uri, tmp_path)


def test_a_server_that_is_away_is_a_sentence(tmp_path):
    assert "does not answer" in refused(f"http://127.0.0.1:{nowhere()}", tmp_path)


def test_a_proxy_in_the_way_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("http_proxy", f"http://me:SECRET@127.0.0.1:{nowhere()}")
    monkeypatch.delenv("no_proxy", raising=False)
    said = refused("http://tracking.invalid:5000", tmp_path)
    assert "through the proxy http://me:***@127.0.0.1" in said
    assert "no_proxy=tracking.invalid" in said
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert "proxy" not in refused(f"http://127.0.0.1:{nowhere()}", tmp_path)


def test_the_login_of_an_address_is_used_and_not_shown(server, tmp_path):
    host, asked = server
    said = refused(f"http://alice:S%40CRET@{host}", tmp_path)
    assert asked[0] == ("/health", f"Basic {base64.b64encode(b'alice:S@CRET').decode()}")
    assert f"http://alice:***@{host}" in said
    assert "CRET" not in said


def test_a_server_that_is_no_mlflow_takes_no_runs(server, tmp_path):
    assert "takes no runs" in refused(f"http://{server[0]}", tmp_path)


def test_a_database_that_is_away_is_a_sentence_without_its_password(tmp_path):
    said = refused(f"mysql+pymysql://alice:SECRET@127.0.0.1:{nowhere()}/mlflow?password=SECRET2", tmp_path)
    assert "mysql+pymysql://alice:***@127.0.0.1" in said
    assert "SECRET" not in said


@pytest.mark.parametrize(
    ("uri", "package"),
    [
        ("postgresql+psycopg://u@h/d", r"'psycopg\[binary\]'"),
        ("mysql://u@h/d", "mysqlclient"),
        ("mssql+pyodbc://u@h/d", "pyodbc"),
    ],
)
def test_a_missing_driver_is_named(uri, package, tmp_path, monkeypatch):
    for module in ("psycopg", "MySQLdb", "pyodbc"):
        monkeypatch.setitem(__import__("sys").modules, module, None)
    with pytest.raises(InputError, match=f"pip install {package}"):
        require_tracking(Target(uri, "toy", tmp_path))


def test_a_run_is_tried_and_taken_back(made):
    require_tracking(made)
    client = mlflow.MlflowClient(made.uri)
    experiment = client.get_experiment_by_name("toy")
    assert client.search_runs([experiment.experiment_id]) == []


def test_a_database_that_is_not_there_is_not_made_for_the_trial(target, tmp_path):
    require_tracking(target)
    assert list(tmp_path.iterdir()) == []


def test_a_database_in_a_place_that_is_no_folder_is_refused(tmp_path):
    (tmp_path / "file").touch()
    assert "cannot be written" in refused(sqlite_url(tmp_path / "file" / "mlflow.db"), tmp_path)


class Lockless:
    """A connection to a database on a file system without locks, as SQLite answers there."""

    def __init__(self, name):
        self.name = name

    def execute(self, statement):
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorname = self.name
        raise error

    def close(self):
        pass


@pytest.mark.parametrize("name", ["SQLITE_IOERR_LOCK", "SQLITE_BUSY"])
@pytest.mark.parametrize("there", [True, False])
def test_a_file_system_without_locks_is_refused(target, made, tmp_path, monkeypatch, name, there):
    monkeypatch.setattr(database.sqlite3, "connect", lambda *given, **named: Lockless(name))
    if not there:
        (tmp_path / "mlflow.db").unlink()
    said = rf"MLflow's database cannot lie in {tmp_path}: .* keeps no locks .* --tracking-uri"
    with pytest.raises(InputError, match=said):
        require_tracking(target)
    with pytest.raises(InputError, match=r"the ledger cannot lie in .* or --storage journal:///"):
        database.Database(sqlite_url(tmp_path / "ledger.db"))
    assert not (tmp_path / "ledger.db").exists()


def test_a_deleted_experiment_says_how_to_restore_it(made, tmp_path):
    client = mlflow.MlflowClient(made.uri)
    number = client.create_experiment("toy")
    client.delete_experiment(number)
    assert f"mlflow experiments restore --experiment-id {number}" in refused(made.uri, tmp_path)


def test_a_database_of_another_version_is_refused(made, tmp_path):
    with contextlib.closing(sqlite3.connect(tmp_path / "mlflow.db")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'none of ours'")
        connection.commit()
    assert "takes no runs" in refused(made.uri, tmp_path)


def test_a_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("not a database, but long enough to be taken for one" * 30)
    assert "takes no runs" in refused(sqlite_url(tmp_path / "notes.txt"), tmp_path)


@pytest.mark.parametrize("uri", ["http://[::1", "postgresql://u:SECRET@[x/d", "http://u:SECRET@h\u2100"])
def test_what_is_no_address_is_a_sentence(uri, tmp_path):
    said = refused(uri, tmp_path)
    assert "an address cannot be read" in said
    assert "SECRET" not in said


@pytest.mark.parametrize("uri", ["databricks", "databricks://profile"])
def test_databricks_is_left_to_mlflow(uri, tmp_path, monkeypatch):
    tried = []
    monkeypatch.setattr(mlflow_checks, "try_out", tried.append)
    target = Target(uri, "toy", tmp_path)
    require_tracking(target)
    assert tried == [target]
