"""The trainer as a Ray Tune Trainable."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from ray import tune

from trainables.multimodal.checkpoint import read_checkpoint, write_checkpoint
from trainables.multimodal.errors import Diverged
from trainables.multimodal.methods import Method
from trainables.multimodal.metrics import worst_result
from trainables.multimodal.trainer import Trainer

STATE, CONSTANTS = "state.pt", "constants.pt"


class MultimodalTrainable(tune.Trainable):  # type: ignore[misc]
    """One trial; its config is search-space keys and trainer settings, flat, any of them.

    A step is an epoch. Results hold the trainer's metrics, `done` and `diverged` (0 or 1); let schedulers
    use time_attr="epoch", mode="max" and metric="best/accuracy", where `objective` is another score
    "best/objective", which is the negative of a loss or an error. `data` must be an absolute path: workers
    change folder.

    Checkpoints go where Ray says, because its schedulers move whole folders from trial to trial and delete
    old ones (population-based training). A trial of a study (`study.running.study_trial`) keeps folders of
    its own: it must survive kills, Ray's lost snapshots, and a process that was given up but still writes.
    """

    method: ClassVar[Method]
    """What is trained: its balancers' constructor arguments are settings beside the trainer's."""
    result: dict[str, Any]
    """Metrics of the last step; empty before the first."""

    @classmethod
    def build(cls, settings: Mapping[str, Any]) -> Trainer:
        """The trainer for flat settings; InputError for a key that nobody knows."""
        return cls.method.build(settings)

    def setup(self, config: dict[str, Any]) -> None:
        """Build the trainer in the worker's own process."""
        self._start_over(config)

    def step(self) -> dict[str, Any]:
        """Train one epoch; a run that diverges ends with the worst values, which are finite.

        A finished run repeats its last result: under schedulers that pause trials, Ray has been seen to ask
        for an epoch more than there are.
        """
        if not self._finished:
            self.result = self._train_epoch()
        return {**self.result, "done": self._finished}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Write all of the run into one folder: schedulers hand it to other trials and delete old ones."""
        state = {"trainer": self.trainer.state_dict(), "result": self.result}
        write_checkpoint(Path(checkpoint_dir, STATE), state)
        write_checkpoint(Path(checkpoint_dir, CONSTANTS), self.trainer.constants())

    def load_checkpoint(self, checkpoint: str | os.PathLike[str]) -> None:
        """Go on from a folder; the settings stay this trial's own, as population-based training expects."""
        if self.trainer.epoch:  # what has trained may have grown, and growth cannot be undone
            self._start_over(self.config)
        self.trainer.load_constants(read_checkpoint(Path(checkpoint, CONSTANTS)))
        state = read_checkpoint(Path(checkpoint, STATE))
        self.trainer.load_state_dict(state["trainer"])
        self.result = state["result"]

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Start over with other settings in the same worker: a new trainer, so nothing is left behind."""
        self._start_over(new_config)
        return True

    @property
    def _finished(self) -> bool:
        return self.trainer.done or bool(self.result.get("diverged"))

    def _start_over(self, config: Mapping[str, Any]) -> None:
        self.trainer = self.build(config)
        self.result = {}

    def _train_epoch(self) -> dict[str, Any]:
        epoch = self.trainer.epoch + 1  # which is counted before all of it has been judged
        try:
            metrics = self.trainer.run_epoch()
        except Diverged:
            return {**worst_result(epoch), "diverged": 1}
        return {**metrics, "diverged": 0}
