"""One trial of a study, as a Ray Trainable that can be killed at any moment.

Checkpoints are the study's own, not Ray's. Every process that works on a trial makes an attempt folder of
its own and reads earlier attempts only: a process that was given up but still lives can write nothing that
matters.
"""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from ray import tune

from trainables.multimodal.checkpoint import CheckpointError, read_checkpoint, write_checkpoint
from trainables.multimodal.errors import Diverged
from trainables.multimodal.metrics import worst_result

CONSTANTS = "constants.ckpt"
KEPT = 2  # newest checkpoints of an attempt; the second answers when the first is damaged


class Runner(Protocol):
    """What a trial drives; `trainables.multimodal.trainer.Trainer` is one."""

    epoch: int
    done: bool

    def run_epoch(self) -> dict[str, float]:
        """Train and evaluate one epoch."""

    def test(self) -> dict[str, float]:
        """Evaluate the best weights on the test split."""

    def export(self, folder: Path) -> None:
        """Write the best weights for inference."""

    def state_dict(self) -> dict[str, Any]:
        """Everything that was learned."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up what was learned."""

    def constants(self) -> dict[str, Any]:
        """Whatever never changes during a run."""

    def load_constants(self, state: Mapping[str, Any]) -> None:
        """Take up what never changes."""


@dataclass(frozen=True)
class Files:
    """Files of a trial: <folder>/<attempt>/epoch-<n>.ckpt and export/, and constants beside the attempts."""

    folder: Path
    attempt: int

    @classmethod
    def begin_attempt(cls, folder: Path) -> "Files":
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
        found = [p for n in range(self.attempt) for p in (self.folder / str(n)).glob("epoch-*.ckpt")]
        return sorted(found, key=lambda path: (path.name, int(path.parent.name)), reverse=True)

    @property
    def export(self) -> Path:
        """Where this attempt puts weights for inference."""
        return self.folder / str(self.attempt) / "export"

    def write(self, epoch: int, state: Mapping[str, Any]) -> None:
        """Write an epoch's checkpoint, then forget those that are no longer needed."""
        own = self.folder / str(self.attempt)
        write_checkpoint(own / f"epoch-{epoch:06d}.ckpt", state)
        for path in sorted(own.glob("epoch-*.ckpt"))[:-KEPT]:
            path.unlink()


class StudyTrial(tune.Trainable):  # type: ignore[misc]
    """Trains one configuration, checkpoints every epoch and continues where an earlier attempt ended.

    The Ray config holds ``method`` (an object whose ``build`` makes the runner from ``settings``), ``folder``
    (absolute, on storage that all nodes share), ``known`` (epochs the ledger already has) and ``test``
    (whether to read the test split at the end).
    """

    def setup(self, config: dict[str, Any]) -> None:
        """Keep the configuration; building waits for the first step, where Ray retries what a kill ends."""
        self.runner: Runner | None = None
        self.trial = config

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Serve another trial in the same process."""
        self.setup(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """Return the next epoch that the ledger lacks."""
        try:
            if self.runner is None:
                self._begin()
            return self._replayed() or self._trained()
        except Diverged as error:
            return self._ended("diverged", str(error))
        except torch.OutOfMemoryError as error:
            return self._ended("failed", f"out of memory: {str(error).splitlines()[0]}")

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Leave Ray nothing to keep: checkpoints are the trial's own."""

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Take nothing from Ray."""

    # -- inside --------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        self.files = Files.begin_attempt(Path(self.trial["folder"]))
        self.history: list[dict[str, Any]] = []
        runner = _build(self.trial)
        _share_constants(runner, self.files.folder / CONSTANTS)
        state = _newest_good(self.files.earlier())
        if state:
            runner.load_state_dict(state["runner"])
            self.history = list(state["history"])
        self.runner = runner
        self.replay = [result for result in self.history if result["epoch"] > self.trial["known"]]

    def _replayed(self) -> dict[str, Any] | None:
        return self.replay.pop(0) if self.replay else None

    def _trained(self) -> dict[str, Any]:
        runner = self.runner
        assert runner is not None  # noqa: S101  (set by _begin)
        metrics = runner.run_epoch()
        result: dict[str, Any] = {"epoch": runner.epoch, "metrics": metrics}
        if runner.done:
            result |= {"status": "completed", "done": True}
            if self.trial["test"]:
                metrics |= runner.test()
                runner.export(self.files.export)
        self.history.append(result)
        self.files.write(runner.epoch, {"runner": runner.state_dict(), "history": self.history})
        return result

    def _ended(self, status: str, reason: str) -> dict[str, Any]:
        """End with a finite worst value: not-a-number would never be stopped nor learned from."""
        epoch = 1 + max(self.trial["known"], self.history[-1]["epoch"] if self.history else 0)
        metrics = worst_result(epoch, ["best/accuracy"])
        return {"epoch": epoch, "metrics": metrics, "status": status, "reason": reason, "done": True}


def _share_constants(runner: Runner, path: Path) -> None:
    """Read what an earlier attempt stored; a missing or damaged file is made from the same seed again."""
    try:
        runner.load_constants(read_checkpoint(path))
    except CheckpointError:
        write_checkpoint(path, runner.constants())


def _newest_good(paths: list[Path]) -> dict[str, Any]:
    """Read the first checkpoint that is whole; an empty dict if none is."""
    for path in paths:
        try:
            return read_checkpoint(path)
        except CheckpointError as error:
            print(f"{error}; the one before it is used")
    return {}


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


def _build(trial: Mapping[str, Any]) -> Runner:
    runner: Runner = trial["method"].build(trial["settings"])
    return runner
