"""A copy of the ledger that a thread of its own keeps up to date, whatever the receiver does.

The ledger is the spool. Only keys wait here, each once, so the queue never holds more than there are trials.
What is lost with the process is found in the ledger by the next start.
"""

import threading
import time
from collections.abc import Callable, Iterable

HEAD_START = 30.0  # seconds that the first trials may take before anything is copied beside them
PAUSE = 1.0  # seconds in which changes of one trial gather into one exchange
BACKOFF = (1, 2, 5, 10, 30)  # seconds between tries while the receiver is away


class BackgroundCopy:
    """Copies trials that changed, as often as it takes.

    Args:
        name: Name of the thread.
        prepare: Called once in the thread, while the first trials wait for their processes.
        attempt: Copies what is `pending` and calls `settle` for each; False if the receiver is away.
        broke: Called with an error that none of the others expects: it ends the copy, and not the study.
        keys: Trials to be copied at first.

    """

    def __init__(
        self,
        name: str,
        *,
        prepare: Callable[[], object],
        attempt: Callable[[], bool],
        broke: Callable[[Exception], None],
        keys: Iterable[str],
    ) -> None:
        self._prepare = prepare
        self._attempt = attempt
        self._broke = broke
        self._pending = set(keys)
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._training = threading.Event()
        self._stop = threading.Event()
        self._deadline = float("inf")
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)

    def start(self) -> None:
        """Begin to copy; what an earlier driver left comes first."""
        self._thread.start()

    def note(self, key: str, *, trained: bool) -> None:
        """Note that a trial has something new, an epoch it has `trained` or less; returns at once."""
        with self._lock:
            self._pending.add(key)
        self._wake.set()
        if trained:
            self._training.set()

    def finish(self, timeout: float) -> int:
        """Copy the rest and end the thread.

        Returns:
            How many trials are still to be copied after `timeout` seconds; the next start sends them.

        """
        self._deadline = time.monotonic() + timeout
        self._stop.set()
        self._training.set()
        self._wake.set()
        self._thread.join(timeout)
        return len(self._pending)

    @property
    def at_work(self) -> bool:
        """Whether the thread is alive, as it is after `finish` where the receiver takes longer."""
        return self._thread.is_alive()

    # -- for the thread's own use --------------------------------------------------------------------------

    def pending(self) -> list[str]:
        """Keys of the trials that the receiver lacks something of."""
        with self._lock:
            return list(self._pending)

    def settle(self, key: str, complete: Callable[[str], bool]) -> None:
        """Take a trial off the list if its copy is complete; asked under the lock, as `note` may add more."""
        with self._lock:
            if complete(key):
                self._pending.discard(key)

    def _work(self) -> None:
        try:
            self._copy()
        except Exception as error:  # noqa: BLE001  (whatever it is, a study says so at its end)
            if time.monotonic() < self._deadline:  # after it a process that ends breaks what it still does
                self._broke(error)

    def _copy(self) -> None:
        self._prepare()
        self._training.wait(HEAD_START)
        failures = 0
        while True:
            stopping = self._stop.is_set()  # asked first: whatever came before the question is in this copy
            done = self._attempt()
            if stopping and (done or time.monotonic() > self._deadline):
                return
            failures = 0 if done else failures + 1
            self._rest(failures)

    def _rest(self, failures: int) -> None:
        """Wait for changes and let some gather; after a failure wait longer each time."""
        if failures:
            self._stop.wait(BACKOFF[min(failures, len(BACKOFF)) - 1])
            time.sleep(0.2)
        else:
            self._wake.wait()
            self._wake.clear()
            self._stop.wait(PAUSE)
