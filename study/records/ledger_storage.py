"""What holds a ledger, told by the scheme of its address: a database, or a journal file."""

from collections.abc import Callable, Mapping
from typing import Final, Protocol

from optuna.storages import BaseStorage

from study.records.addresses import shown
from study.records.database import Database
from study.records.driver_rows import DriverRows
from study.records.journal import Journal
from trainables.multimodal.errors import InputError


class LedgerStorage(Protocol):
    """What a ledger needs of the place that holds it."""

    @property
    def storage(self) -> BaseStorage:
        """Where Optuna writes; each of its changes is there as a whole or not at all."""

    def drivers(self) -> DriverRows:
        """Where the drivers of its studies are noted."""

    def close(self) -> None:
        """Give back what is held open."""


LEDGERS: Final[Mapping[str, Callable[[str], LedgerStorage]]] = {
    "sqlite": Database,
    "postgresql": Database,
    "mysql": Database,
    "journal": Journal,
}


def open_storage(url: str) -> LedgerStorage:
    """Open what is behind a ledger's address; InputError if no ledger can be kept there."""
    scheme = url.partition("://")[0].partition("+")[0]
    if scheme not in LEDGERS:
        raise InputError(
            f"a ledger cannot be kept in {shown(url)}: --storage takes addresses of {', '.join(LEDGERS)}, "
            "such as postgresql://USER@HOST/DATABASE or journal:///FOLDER/ledger.log"
        )
    return LEDGERS[scheme](url)
