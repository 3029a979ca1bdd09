"""Where MLflow shows a study."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from study.records.addresses import shown

SERVERS: Final = ("http", "https")


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
