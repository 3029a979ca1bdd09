"""Files of one trial below a study's checkpoints: attempts, their checkpoints, and exported weights."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from study.records.trial_record import Record
from trainables.multimodal.checkpoint import read_checkpoint, write_checkpoint

CHECKPOINTS = "checkpoints"  # folder of a study that holds those of its trials while it runs
CONSTANTS = "constants.ckpt"
BEST = "best"  # entry of a runner's state that has a file of its own
KEPT = 2  # newest checkpoints of an attempt; the second answers when the first is damaged


def trial_folder(study: Path, record: Record) -> Path:
    """Folder of a trial below that of its study."""
    return study / CHECKPOINTS / record.stage / record.method / str(record.number)


@dataclass(frozen=True)
class TrialFiles:
    """Files of a trial: <folder>/<attempt>/epoch-<n>.ckpt, best-<n>.ckpt and export/, and constants beside.

    The best weights of a runner change seldom: an epoch's checkpoint names the file that holds them.
    """

    folder: Path
    attempt: int

    @classmethod
    def begin_attempt(cls, folder: Path) -> "TrialFiles":
        """Make the next attempt's folder; making it is what claims it."""
        folder.mkdir(parents=True, exist_ok=True)
        attempt = max((int(p.name) for p in folder.iterdir() if p.name.isdigit()), default=0) + 1
        while True:
            try:
                (folder / str(attempt)).mkdir()
            except FileExistsError:
                attempt += 1
            else:
                return cls(folder, attempt)

    def earlier(self) -> list[Path]:
        """Checkpoints of earlier attempts, furthest first."""
        checkpoints = [p for n in range(self.attempt) for p in (self.folder / str(n)).glob("epoch-*.ckpt")]
        return sorted(checkpoints, key=lambda path: (path.name, int(path.parent.name)), reverse=True)

    @property
    def export(self) -> Path:
        """Where this attempt puts weights for inference."""
        return self.folder / str(self.attempt) / "export"

    def write(self, epoch: int, state: Mapping[str, Any]) -> None:
        """Write an epoch's checkpoint, then forget those that are no longer needed."""
        folder, runner = self.folder / str(self.attempt), dict(state["runner"])
        best = runner.pop(BEST, None)
        if best:
            state = {**state, "runner": runner, BEST: f"best-{best['epoch']:06d}.ckpt"}
            if not (folder / state[BEST]).exists():
                write_checkpoint(folder / state[BEST], best)
        write_checkpoint(folder / f"epoch-{epoch:06d}.ckpt", state)
        for path in sorted(folder.glob("epoch-*.ckpt"))[:-KEPT]:
            path.unlink()
        _forget_bests(folder)


def _forget_bests(folder: Path) -> None:
    """Keep the best weights that the kept checkpoints name: those from the last that the oldest has seen."""
    oldest = min(_number(path) for path in folder.glob("epoch-*.ckpt"))
    seen = sorted(path for path in folder.glob("best-*.ckpt") if _number(path) <= oldest)
    for path in seen[:-1]:
        path.unlink()


def _number(path: Path) -> int:
    return int(path.stem.split("-")[1])


def read_trial_checkpoint(path: Path) -> dict[str, Any]:
    """What `TrialFiles.write` was given; CheckpointError where either file is missing or damaged."""
    state = read_checkpoint(path)
    best = state.pop(BEST, None)
    if best:
        state["runner"][BEST] = read_checkpoint(path.parent / best)
    return state


def exported(folder: Path) -> Path | None:
    """Return the weights that a trial exported: those of its last attempt, none other reported its end."""
    return max(folder.glob("*/export"), key=lambda path: int(path.parent.name), default=None)


def discard_checkpoints(folder: Path) -> None:
    """Forget the checkpoints of a finished trial; exported weights stay."""
    for path in (folder / CONSTANTS, *folder.glob("*/*")):
        if not path.is_dir():
            path.unlink(missing_ok=True)
    for attempt in folder.glob("*"):
        with contextlib.suppress(OSError):  # one that holds weights
            attempt.rmdir()
