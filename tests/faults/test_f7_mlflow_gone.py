"""F7: MLflow's server is gone, hangs, or its database is held; the study goes on and is sent later."""

import contextlib
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import psutil
import pytest
from disturbed import hold
from small_study import ending

from study.records.database import sqlite_url

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(400)]


class Server:
    """A real MLflow server over a SQLite file, on a port that it keeps."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(parents=True)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self.port}"
        self.process = None

    def start(self):
        """Start it and wait for its answer."""
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port)]
        command += ["--workers", "1", "--backend-store-uri", sqlite_url(self.folder / "mlflow.db")]
        command += ["--artifacts-destination", str(self.folder / "mlartifacts"), "--serve-artifacts"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(command, **quiet, start_new_session=True)
        for _ in range(600):
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{self.uri}/health", timeout=1):
                return
            time.sleep(0.1)
        raise TimeoutError("the server does not answer")

    def signal(self, number):
        """Send a signal to all of its processes."""
        if self.process is None or self.process.poll() is not None:
            return
        for process in [*psutil.Process(self.process.pid).children(recursive=True), self.process]:
            process.send_signal(number)


@pytest.fixture
def server(tmp_path):
    """A server that runs."""
    server = Server(tmp_path / "results")
    server.start()
    yield server
    server.signal(signal.SIGCONT)
    server.signal(signal.SIGKILL)
    server.process.wait()


def test_f7_a_server_that_hangs_and_is_killed_gets_all_of_the_study_once_it_is_back(study, calm, server):
    driver = study.start("--tracking-uri", server.uri)
    study.wait_for_epoch(3)
    server.signal(signal.SIGSTOP)
    study.wait_for_epoch(20)
    server.signal(signal.SIGCONT)
    server.signal(signal.SIGKILL)
    server.process.wait()
    study.wait_for_epoch(60)
    server.start()
    code, said, complained = ending(driver)
    assert code == 0, said + complained
    study.require(calm, code)


def test_f7_a_study_whose_server_stays_away_ends_with_code_4_and_is_sent_later(study, calm, server):
    driver = study.start("--tracking-uri", server.uri)
    study.wait_for_epoch(3)
    server.signal(signal.SIGKILL)
    server.process.wait()
    code, said, _ = ending(driver)
    assert code == 4
    assert "MLflow lacks" in said
    server.start()
    study.require(calm, study.run("--tracking-uri", server.uri)[0])


def test_f7_a_database_that_is_held_gets_all_of_the_study_later(study, calm):
    driver = study.start()
    study.wait_for_epoch(3)
    holder = hold(study.results / "mlflow.db", seconds=20)
    code = ending(driver)[0]
    holder.join()
    assert code == 0
    study.require(calm, code)
