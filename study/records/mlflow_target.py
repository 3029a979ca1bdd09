"""Where MLflow shows a study."""

import os
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from study.records.addresses import shown
from study.records.database import sqlite_path, sqlite_url

SERVERS: Final = ("http", "https")
DATABRICKS: Final = "databricks"
ELSEWHERE: Final = (*SERVERS, DATABRICKS)
"""Where pages are served already."""
DATABASE: Final = "mlflow.db"
PORT: Final = 5000
"""Of the UI, where it is free."""


@dataclass(frozen=True)
class Target:
    """A store of MLflow and the experiment in it."""

    uri: str
    experiment: str
    artifacts: Path  # artifact root of a database store; a server keeps its own

    @property
    def shown(self) -> str:
        """The URI as it may be printed and kept."""
        return shown(self.uri)

    @property
    def served(self) -> bool:
        """Whether pages are served already, by a server elsewhere."""
        return self.uri.startswith(ELSEWHERE)

    def address(self, page: str) -> str | None:
        """Where a page of the UI is, at the server or on this machine; None where only databricks knows."""
        if self.uri.startswith(DATABRICKS):
            return None
        return f"{self.shown.rstrip('/') if self.served else f'http://127.0.0.1:{PORT}'}/{page}"

    def directions(self, page: str) -> list[str]:
        """How to come to a page of the UI, in lines: what serves it, if nothing does yet, and its address."""
        address = self.address(page)
        if address is None:
            return [f"{self.shown}, experiment {self.experiment}"]
        return [address] if self.served else [self._command, f"then open {address}"]

    @property
    def _command(self) -> str:
        """What serves the pages of a database."""
        results = self.artifacts.parent
        if sqlite_path(self.uri) == results / DATABASE:
            return f"python -m study.ui --results {shlex.quote(str(results))}"
        return f"python -m study.ui --tracking-uri {shlex.quote(self.shown)}"


def tracking_uri(given: str | None, results: Path) -> str:
    """MLflow's store: the one given, that of MLFLOW_TRACKING_URI, or the database below the results."""
    return given or os.environ.get("MLFLOW_TRACKING_URI") or sqlite_url(results / DATABASE)
