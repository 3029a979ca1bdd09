"""Real database servers with a password, started for tests and reached on the loopback interface alone."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy

POSTGRESQL = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1:] or [Path("/usr/bin")]
MARIADB = Path(shutil.which("mariadbd") or "/usr/sbin/mariadbd")
MARIADB_TABLES = Path("/usr/share/mysql/mysql_system_tables.sql")
MARIADB_ACCOUNTS = """
FLUSH PRIVILEGES;
CREATE DATABASE optuna;
CREATE DATABASE mlflow;
CREATE USER alice@127.0.0.1 IDENTIFIED BY 'SECRET/1';
GRANT ALL ON *.* TO alice@127.0.0.1;
"""
PASSWORD = "SECRET%2F1"  # of SECRET/1, as an address spells it


@dataclass(frozen=True)
class Server:
    """Where a server's databases optuna and mlflow are, by the loopback interface and by a socket."""

    address: str
    folder: Path
    port: int

    def beside(self, database):
        """The address of a database by the socket: a file, which every network namespace has."""
        return f"postgresql+psycopg://alice:{PASSWORD}@/{database}?host={self.folder}&port={self.port}"


@contextlib.contextmanager
def postgresql():
    """Gives the address of a PostgreSQL server, for the database optuna or mlflow to be named."""
    with postgresql_server() as server:
        yield server.address


@contextlib.contextmanager
def postgresql_server(within=()):
    """Gives a PostgreSQL server, which is started by a command that `within` precedes."""
    pytest.importorskip("psycopg")
    if not (POSTGRESQL[0] / "initdb").exists():
        pytest.skip("PostgreSQL is not installed (package postgresql of Debian and Ubuntu)")
    user = []
    with _folder() as folder:
        (folder / "password").write_text("SECRET/1")
        if os.geteuid() == 0:
            if not shutil.which("setpriv"):
                pytest.skip("PostgreSQL refuses to run as root")
            shutil.chown(folder, "postgres")
            shutil.chown(folder / "password", "postgres")
            user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]
        made = ["-D", folder / "data", "-U", "alice", "-A", "scram-sha-256", "-N"]
        made += [f"--pwfile={folder / 'password'}"]
        initdb = [*user, POSTGRESQL[0] / "initdb", *made]
        subprocess.run(initdb, check=True, cwd=folder, capture_output=True)
        port = free_port()
        serve = [POSTGRESQL[0] / "postgres", "-D", folder / "data", "-p", str(port), "-k", folder, "-F"]
        server = Server(f"postgresql+psycopg://alice:{PASSWORD}@127.0.0.1:{port}", folder, port)
        command = [*within, *user, *serve, "-c", "listen_addresses=127.0.0.1"]
        with _serving(command, folder, signal.SIGINT):  # at SIGTERM it would wait for clients
            _execute(server.beside("postgres"), "CREATE DATABASE optuna", "CREATE DATABASE mlflow")
            yield server


@contextlib.contextmanager
def mariadb():
    """Gives the address of a MariaDB server, as of one of MySQL, likewise."""
    pytest.importorskip("pymysql")
    if not MARIADB.exists() or not MARIADB_TABLES.exists():
        pytest.skip("MariaDB is not installed")
    with _folder() as folder:
        (folder / "data").mkdir()
        own = [MARIADB, "--no-defaults", f"--datadir={folder / 'data'}"]
        own += ["--user=root"] if os.geteuid() == 0 else []
        tables = f"CREATE DATABASE mysql;\nUSE mysql;\n{MARIADB_TABLES.read_text()}{MARIADB_ACCOUNTS}"
        made = [*own, "--bootstrap"]
        subprocess.run(made, input=tables, check=True, cwd=folder, capture_output=True, text=True)
        port = free_port()
        where = ["--bind-address=127.0.0.1", f"--port={port}", f"--socket={folder / 'socket'}"]
        address = f"mysql+pymysql://alice:{PASSWORD}@127.0.0.1:{port}"
        with _serving([*own, *where, f"--pid-file={folder / 'pid'}"], folder):
            _execute(f"{address}/optuna", "SELECT 1")
            yield address


@contextlib.contextmanager
def _folder():
    """A folder whose path is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="server-", dir="/tmp") as folder:
        yield Path(folder)


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextlib.contextmanager
def _serving(command, folder, ending=signal.SIGTERM):
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.send_signal(ending)
        process.wait(60)


def _execute(url, *statements):
    """Execute statements as soon as the server answers."""
    engine = sqlalchemy.create_engine(url, isolation_level="AUTOCOMMIT")
    deadline = time.monotonic() + 60
    while True:
        try:
            with engine.connect() as connection:
                for statement in statements:
                    connection.exec_driver_sql(statement)
            break
        except sqlalchemy.exc.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
    engine.dispose()
