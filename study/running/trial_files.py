"""Files of one trial below a study's checkpoints: attempts, their checkpoints, and exported weights."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from study.records.trial_record import Record
from trainables.multimodal.checkpoint import write_checkpoint

CHECKPOINTS = "checkpoints"  # folder of a study that holds those of its trials while it runs
CONSTANTS = "constants.ckpt"
KEPT = 2  # newest checkpoints of an attempt; the second answers when the first is damaged


def trial_folder(study: Path, record: Record) -> Path:
    """Folder of a trial below that of its study."""
    return study / CHECKPOINTS / record.stage / record.method / str(record.number)


@dataclass(frozen=True)
class TrialFiles:
    """Files of a trial: <folder>/<attempt>/epoch-<n>.ckpt and export/, and constants beside the attempts."""

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
        folder = self.folder / str(self.attempt)
        write_checkpoint(folder / f"epoch-{epoch:06d}.ckpt", state)
        for path in sorted(folder.glob("epoch-*.ckpt"))[:-KEPT]:
            path.unlink()


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
