"""One trial of a study, as a Ray Trainable that can be killed at any moment.

Checkpoints are the study's own, not Ray's. Every process that works on a trial makes an attempt folder of
its own and reads earlier attempts only: a process that was given up but still lives can write nothing that
matters.
"""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import torch
from ray import tune

from study.running.trial_files import CONSTANTS, TrialFiles
from trainables.multimodal.checkpoint import CheckpointError, read_checkpoint, write_checkpoint
from trainables.multimodal.trainer import Diverged


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


class StudyTrial(tune.Trainable):  # type: ignore[misc]
    """Trains one configuration, checkpoints every epoch and continues where an earlier attempt ended.

    The Ray config holds ``trainable`` (module:class whose ``build`` makes the runner), ``settings`` (for
    it), ``folder`` (absolute, on storage that all nodes share), ``known`` (epochs the ledger already has)
    and ``test`` (whether to read the test split at the end).
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
        self.files = TrialFiles.begin_attempt(Path(self.trial["folder"]))
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
        metrics = {"epoch": epoch, "best/accuracy": 0.0}
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


def _build(trial: Mapping[str, Any]) -> Runner:
    module, name = trial["trainable"].split(":")
    runner: Runner = getattr(import_module(module), name).build(trial["settings"])
    return runner
