"""When a trial's checkpoint is written, and the thread that writes it while training goes on."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final

from study.running.trial_files import TrialFiles

MOST_SHARE: Final = 0.05
"""Of the time that writing may take."""
MOST_LOST: Final = 60.0
"""Seconds of work that a kill may cost, or an epoch where that is longer; it outweighs the share."""


class CheckpointWriter:
    """Writes an attempt's checkpoints, one at a time, as often as it pays."""

    def __init__(self, files: TrialFiles, clock: Callable[[], float] = time.monotonic) -> None:
        self._files, self._clock = files, clock
        self._pool = ThreadPoolExecutor(1)
        self._under_way: Future[None] | None = None
        self._taken: float | None = None
        self._cost = 0.0

    def is_due(self, epoch_seconds: float) -> bool:
        """Whether to write before another epoch, which is thought to take so long: at first always."""
        if self._taken is None:
            return True
        waited = self._clock() - self._taken
        return waited * MOST_SHARE >= self._cost or waited + epoch_seconds > MOST_LOST

    def write(self, epoch: int, state: Mapping[str, Any]) -> None:
        """Have an epoch's checkpoint written; `state` must not change until `wait` has returned."""
        self.wait()
        self._taken = self._clock()
        self._under_way = self._pool.submit(self._write, epoch, state)

    def wait(self) -> None:
        """Return once what was to be written lies on the disk; raise what went wrong."""
        under_way, self._under_way = self._under_way, None
        if under_way:
            under_way.result()

    def _write(self, epoch: int, state: Mapping[str, Any]) -> None:
        started = self._clock()
        self._files.write(epoch, state)
        self._cost = self._clock() - started
