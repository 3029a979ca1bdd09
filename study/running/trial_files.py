"""Files of one trial below a study's checkpoints: attempts, their checkpoints, and exported weights.

An attempt that begins takes the trial over: it renames the folders of those before it. A process that was
given up, and wakes up again, finds its own folder gone, so that nothing it writes is ever read.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from study.records.trial_record import Record
from trainables.multimodal.checkpoint import read_checkpoint, write_checkpoint

CHECKPOINTS = "checkpoints"  # folder of a study that holds those of its trials while it runs
CONSTANTS = "constants.ckpt"
BEST = "best"  # entry of a runner's state that has a file of its own
KEPT = 2  # newest checkpoints of an attempt, and of all before it: the second answers for a damaged one
CLAIM = ".claim"  # file in an attempt's folder, which one that is made anew under its name lacks
CLOSED = ".closed"  # end of the name of an attempt that another one has taken over


def trial_folder(study: Path, record: Record) -> Path:
    """Folder of a trial below that of its study."""
    return study / CHECKPOINTS / record.stage / record.method / str(record.number)


class TakenOver(OSError):  # noqa: N818  (what happened to an attempt, not a mistake)
    """Another process works on the trial, or it has ended."""


@dataclass(frozen=True)
class TrialFiles:
    """Files of a trial: <folder>/<attempt>/epoch-<n>.ckpt, best-<n>.ckpt and export/, and constants beside.

    The best weights of a runner change seldom: an epoch's checkpoint names the file that holds them.
    """

    folder: Path
    attempt: int

    @classmethod
    def begin_attempt(cls, folder: Path) -> "TrialFiles":
        """Make the next attempt's folder, which claims it, and close those of all attempts before."""
        folder.mkdir(parents=True, exist_ok=True)
        attempt = max(_attempts(folder), default=0) + 1
        while True:
            try:
                (folder / str(attempt)).mkdir()
            except FileExistsError:
                attempt += 1
            else:
                (folder / str(attempt) / CLAIM).touch()
                _close(folder, before=attempt)
                return cls(folder, attempt)

    def earlier(self) -> list[Path]:
        """Checkpoints of earlier attempts, furthest first."""
        before = {n: path for n, path in _attempts(self.folder).items() if n < self.attempt}
        checkpoints = [(path.name, n, path) for n in before for path in before[n].glob("epoch-*.ckpt")]
        return [path for *_, path in sorted(checkpoints, reverse=True)]

    @property
    def export(self) -> Path:
        """Where this attempt puts weights for inference."""
        return self._own / "export"

    @contextlib.contextmanager
    def owned(self) -> Iterator[None]:
        """Meanwhile write into the attempt's folder; what another attempt's folder has replaced is removed.

        Raises TakenOver: the folder was closed before, or while this process stood still.
        """
        self._require_own()
        try:
            yield
        finally:
            self._require_own()

    def write(self, epoch: int, state: Mapping[str, Any]) -> None:
        """Write an epoch's checkpoint, then forget those that are no longer needed."""
        with self.owned():
            self._write(epoch, state)

    def share_constants(self, constants: Mapping[str, Any]) -> None:
        """Put what never changes beside the attempts, by way of this one's folder: it may be taken over."""
        with self.owned():
            write_checkpoint(self._own / CONSTANTS, constants)
            (self._own / CONSTANTS).replace(self.folder / CONSTANTS)

    @property
    def _own(self) -> Path:
        return self.folder / str(self.attempt)

    def _require_own(self) -> None:
        if (self._own / CLAIM).exists():
            return
        if self._own.exists():  # made anew by this process, with all folders above it
            shutil.rmtree(self._own)
            with contextlib.suppress(OSError):  # what is not empty was there
                os.removedirs(self.folder)
        raise TakenOver(f"another process has taken over {self.folder}, or the trial has ended")

    def _write(self, epoch: int, state: Mapping[str, Any]) -> None:
        folder, runner = self._own, dict(state["runner"])
        best = runner.pop(BEST, None)
        if best:
            state = {**state, "runner": runner, BEST: f"best-{best['epoch']:06d}.ckpt"}
            if not (folder / state[BEST]).exists():
                write_checkpoint(folder / state[BEST], best)
        write_checkpoint(folder / f"epoch-{epoch:06d}.ckpt", state)
        own, earlier = sorted(folder.glob("epoch-*.ckpt")), self.earlier()
        _forget([*own[:-KEPT], *(earlier if len(own) >= KEPT else earlier[KEPT:])])


def _attempts(folder: Path) -> dict[int, Path]:
    """Folder of each attempt by number: of one that was closed that, whatever lies under its old name."""
    opened = {int(path.name): path for path in folder.glob("*") if path.name.isdigit()}
    closed = {int(path.stem): path for path in folder.glob(f"*{CLOSED}") if path.stem.isdigit()}
    return opened | closed


def _close(folder: Path, before: int) -> None:
    """Take the folders of earlier attempts away from their processes, which may be asleep."""
    for number, path in _attempts(folder).items():
        if number < before and path.suffix != CLOSED:
            with contextlib.suppress(FileNotFoundError):  # another process was faster
                path.rename(path.with_name(path.name + CLOSED))


def _forget(checkpoints: list[Path]) -> None:
    """Remove checkpoints, and the best weights that no other one beside them names.

    Those that are left name the best weights since the last that the oldest of them has seen.
    """
    for path in checkpoints:
        path.unlink()
    for folder in {path.parent for path in checkpoints}:
        bests = sorted(folder.glob("best-*.ckpt"))
        oldest = min((_number(path) for path in folder.glob("epoch-*.ckpt")), default=None)
        needless = bests if oldest is None else [path for path in bests if _number(path) <= oldest][:-1]
        for path in needless:
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
    exports = {n: path / "export" for n, path in _attempts(folder).items() if (path / "export").exists()}
    return exports[max(exports)] if exports else None


def discard_checkpoints(folder: Path) -> None:
    """Forget the checkpoints of a finished trial; exported weights stay."""
    for path in (folder / CONSTANTS, *folder.glob("*/*")):
        if not path.is_dir():
            path.unlink(missing_ok=True)
    for attempt in folder.glob("*"):
        with contextlib.suppress(OSError):  # one that holds weights
            attempt.rmdir()
