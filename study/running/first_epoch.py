"""How long the first epoch of a study takes, forecast beside its first trials.

Until a trial has a result nothing else tells how long one may be silent. A process of Ray measures it, which
holds what a trial holds: the driver may be on a machine without a GPU.
"""

import signal
import sys
from pathlib import Path
from typing import Any, Final

import ray
from ray.exceptions import RayError

from study.running.forecast import first_epoch, joint_run
from study.running.surroundings import last_line
from study.settings import Resources, StudySettings

LONGEST: Final = 600
"""Seconds after which the process is ended: what makes trials hang may make it hang, too."""


class FirstEpoch:
    """Seconds of a first epoch, asked for at once and called for when they are needed."""

    def __init__(self, settings: StudySettings, store: Path, resources: Resources) -> None:
        held = resources.held(alone=False)
        measuring = ray.remote(num_cpus=held["cpu"], num_gpus=held["gpu"], max_calls=1, max_retries=0)(
            _measured
        )
        self._answer: Any = measuring.remote(*joint_run(settings, store))
        self._seconds: float | None = None

    def __call__(self) -> float | None:
        """Return the forecast; None while it is not there, and where it failed, which is said once."""
        if self._answer is not None and ray.wait([self._answer], timeout=0)[0]:
            answer, self._answer = self._answer, None
            try:
                self._seconds = ray.get(answer)
            except RayError as error:
                print(f"no first epoch could be forecast ({last_line(error)})", file=sys.stderr)
        return self._seconds


def _measured(trained: Any, config: dict[str, Any]) -> float:
    signal.alarm(LONGEST)  # which ends the process
    try:
        return first_epoch(trained, config)
    finally:
        signal.alarm(0)
