"""python -m study.ui: serve MLflow's UI to this machine alone, and say where the trials of each study are.

It needs no network, and ends with Ctrl-C. A tracking server serves its own pages: open it in its place.

Exit codes: 0 ended by Ctrl-C or SIGTERM, 1 MLflow has ended by itself, 2 bad input (one sentence).
"""

from trainables.multimodal.supported_system import require_supported_system

if __name__ == "__main__":
    require_supported_system()

import argparse
import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Final

from rich.console import Console

from study.records.addresses import without_secrets
from study.records.mlflow_checks import require_database
from study.records.mlflow_store import kept_pages
from study.records.mlflow_target import PORT, Target, tracking_uri
from study.running.signals import catch_signals, ignore_signals
from trainables.multimodal.command_line import COMPLETE, FAILED, Parser, reported, whole_number
from trainables.multimodal.errors import InputError

HOST: Final = "127.0.0.1"
_END: Final = 3.0
"""Seconds that MLflow may take to end; what a user edits is written at once, so nothing is lost."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    return reported("study.ui", lambda: _ui(_parser().parse_args(arguments)), without_secrets)


def _parser() -> Parser:
    parser = Parser(prog="python -m study.ui", description=__doc__)
    parser.add_argument("--results", type=Path, default=Path("results"), help="where studies were written")
    parser.add_argument(
        "--tracking-uri", help="MLflow's database, default MLFLOW_TRACKING_URI or the one below --results"
    )
    parser.add_argument("--port", type=whole_number, help=f"default {PORT}, or a free one where it is taken")
    return parser


def _ui(options: argparse.Namespace) -> int:
    results = options.results.resolve()
    target = Target(tracking_uri(options.tracking_uri, results), "", results / "mlartifacts")
    require_database(target)
    port = _port(options.port)
    catch_signals()
    try:
        return _serve(target, port, kept_pages(target))
    except KeyboardInterrupt:
        return COMPLETE


def _serve(target: Target, port: int, pages: Sequence[tuple[str, str]]) -> int:
    """Serve until a signal comes, which passes through; returns only if MLflow ends by itself."""
    with tempfile.TemporaryFile() as log, _mlflow(target, port, log) as process:
        if _answers(process, port):
            _tell(port, pages)
        process.wait()
        print(f"study.ui: MLflow has ended by itself ({_last_line(log)})", file=sys.stderr)
        return FAILED


@contextlib.contextmanager
def _mlflow(target: Target, port: int, log: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """MLflow's server as a process group of its own, which ends with the block.

    The address of the store is no argument of it, since all users of a machine see those.
    """
    store = {"MLFLOW_BACKEND_STORE_URI": target.uri, "MLFLOW_ARTIFACTS_DESTINATION": str(target.artifacts)}
    environment = os.environ | store | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    process = subprocess.Popen(  # noqa: S603  (nothing in it comes from outside)
        _command(port), env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
    )
    try:
        yield process
    finally:
        ignore_signals()
        _end(process)


def _command(port: int) -> list[str]:
    return [sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", str(port), "--workers", "1"]


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(_END)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    """Wait until the server answers; False if it ends before."""
    while process.poll() is None:
        connection = http.client.HTTPConnection(HOST, port, timeout=5)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == http.HTTPStatus.OK
        except OSError:
            time.sleep(0.3)
        finally:
            connection.close()
    return False


def _tell(port: int, pages: Sequence[tuple[str, str]]) -> None:
    console = Console(markup=False, highlight=False, soft_wrap=True)
    console.print(f"MLflow:  http://{HOST}:{port}/ (Ctrl-C ends it)")
    for name, page in pages:
        console.print(f"{name}\n         http://{HOST}:{port}/{page}")


def _port(wanted: int | None) -> int:
    """The port that was asked for, the usual one, or any other that is free; InputError if it is not free."""
    if wanted is None:
        return PORT if _free(PORT) else _any()
    if not _free(wanted):
        raise InputError(f"port {wanted} cannot be used: choose another, or leave out --port for a free one.")
    return wanted


def _free(port: int) -> bool:
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as MLflow does after an earlier end
        try:
            tried.bind((HOST, port))
        except (OSError, OverflowError):
            return False
    return True


def _any() -> int:
    with socket.socket() as free:
        free.bind((HOST, 0))
        port: int = free.getsockname()[1]
    return port


def _last_line(log: IO[bytes]) -> str:
    log.seek(0)
    lines = log.read().decode(errors="replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
    return without_secrets(last)


if __name__ == "__main__":
    sys.exit(main())
