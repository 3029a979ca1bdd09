"""One driver at a time on a ledger, wherever its results lie: a row in the place that holds the ledger.

The driver that holds the row changes it every few seconds. Another driver that finds a row watches it: one
that changes has a living driver, one that stands still has lost it and is taken over. Clocks of two machines
are never compared. A driver that stood still itself, until another took its row, learns so before it writes.
"""

import contextlib
import socket
import sys
import threading
import time
import uuid
from pathlib import Path

from study.records.driver_rows import DriverRows, Row
from trainables.multimodal.errors import InputError

BEAT = 5.0  # seconds between two signs of life
PATIENCE = 30.0  # seconds without any, after which a driver counts as dead
_LOOK = 0.5  # seconds between two looks at another driver's row


class Lease:
    """Holds a study of a ledger until it is released, or this process is dead for a while.

    A row left by a driver of the same folder is taken at once: whoever asks holds the lock of that folder.

    Args:
        rows: Where the ledger's drivers are noted.
        study: Name of the study.
        folder: The study's folder, which exists and is locked.

    Raises:
        InputError: Another driver lives, or no row can be written.

    """

    def __init__(self, rows: DriverRows, study: str, folder: Path) -> None:
        self._rows = rows
        self.study = study
        self._place = f"{folder} on {socket.gethostname()}"
        self._inode = folder.stat().st_ino
        self._driver = uuid.uuid4().hex
        self._renewed = time.time()  # unlike the monotonic clock, this one goes on while a machine sleeps
        self._lost = False
        self._released = threading.Event()
        self._take()
        self._thread = threading.Thread(target=self._live, name="lease", daemon=True)
        self._thread.start()

    def require(self) -> None:
        """Make sure that the study is still ours; looks at the row only if the thread was kept from it.

        Raises:
            OSError: Another driver has taken it over, or may have done so.

        """
        if time.time() - self._renewed > 2 * BEAT:
            self._renew()
        if self._lost or time.time() - self._renewed > PATIENCE:
            raise OSError(f"another driver has taken over the ledger of {self.study}")

    def release(self) -> None:
        """Let the next driver in at once; without an answer it waits until this one counts as dead."""
        self._released.set()
        self._thread.join(BEAT)
        with contextlib.suppress(OSError):
            self._rows.free(self.study, self._driver)

    # -- inside --------------------------------------------------------------------------------------------

    def _take(self) -> None:
        try:
            row = self._rows.read(self.study)
            if row and (row["place"], row["inode"]) != (self._place, self._inode):
                row = self._outlast(row)
            if not self._claim(row):
                raise self._refusal(self._rows.read(self.study) or {"place": "another folder"})
        except OSError as error:
            raise InputError(f"no driver can be noted beside the ledger of {self.study}: {error}.") from error

    def _outlast(self, row: Row) -> Row | None:
        """Return the row of a dead driver, or None once it is released."""
        still = self._watch(row, 2 * BEAT)
        if still:
            where = f"the driver of {self.study} with its results in {row['place']}"
            print(f"{where} shows no life: taking over in {PATIENCE - 2 * BEAT:g} s", file=sys.stderr)
            still = self._watch(row, PATIENCE - 2 * BEAT)
        return still

    def _watch(self, row: Row, seconds: float) -> Row | None:
        """Return the row after it stood still for so long, or None once it is released."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(_LOOK)
            now = self._rows.read(self.study)
            if now is None:
                return None
            if now != row:
                raise self._refusal(now)
        return row

    def _refusal(self, row: Row) -> InputError:
        return InputError(
            f"another driver works on {self.study} in the same ledger, with its results in {row['place']}: "
            "wait for it, or use another --storage."
        )

    def _claim(self, seen: Row | None) -> bool:
        """Put our row in place of the one that was seen, unless another driver was faster."""
        ours = {"study": self.study, "driver": self._driver, "place": self._place, "inode": self._inode}
        self._renewed = time.time()
        return self._rows.claim(seen, {**ours, "beat": 0})

    def _live(self) -> None:
        while not self._released.wait(BEAT):
            self._renew()

    def _renew(self) -> None:
        """Show life; rows that cannot be reached are tried again at the next beat."""
        now = time.time()
        with contextlib.suppress(OSError):
            ours = self._rows.beat(self.study, self._driver)
            self._renewed, self._lost = (now, False) if ours else (self._renewed, True)
