"""One trial of a study, as a Ray Trainable that can be killed at any moment.

Read `trial_files` first: it says where attempts, checkpoints and weights lie.
"""

import contextlib
import gc
import re
import time
from collections import UserDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Protocol

from trainables.multimodal.collector import collector_off

with collector_off():  # which makes imports a quarter quicker
    import torch
    from ray import tune
    from ray.actor import exit_actor

from study.records.trial_record import BEST_ACCURACY, BEST_OBJECTIVE, CROWDED
from study.running.checkpoint_writer import CheckpointWriter
from study.running.draining import is_draining
from study.running.machine_type import machine_type
from study.running.trial_files import CONSTANTS, TrialFiles, read_trial_checkpoint
from trainables.multimodal import tasks
from trainables.multimodal.checkpoint import CheckpointError, read_checkpoint
from trainables.multimodal.data.store.manifest import require_digest
from trainables.multimodal.errors import Diverged
from trainables.multimodal.metrics import worst_result
from trainables.multimodal.own_parts import require_unchanged

_OUT_OF_MEMORY: Final = re.compile(r"CUDA error: out of memory|CU(BLAS|DNN)_STATUS_ALLOC_FAILED")
"""How CUDA and its libraries say it, where it is not the allocator of torch."""


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
        """Everything that was learned, as data that training changes no more: it is written beside it."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take up what was learned."""

    def constants(self) -> dict[str, Any]:
        """Whatever never changes during a run."""

    def load_constants(self, state: Mapping[str, Any]) -> None:
        """Take up what never changes."""


class StudyTrial(tune.Trainable):  # type: ignore[misc]
    """Trains one configuration, checkpoints every epoch and continues where an earlier attempt ended.

    The Ray config holds ``method`` (whatever has a ``build`` that makes a `Runner`) and ``settings`` for it.
    ``folder`` is absolute, on storage that all nodes share. ``staged`` is the `StagedData` whose copy on this
    node is read, or None. ``digest`` is that of the data (None where none are read) and ``own_parts`` are
    those of a user's own parts: they must still hold. ``known`` are epochs the ledger already has, ``judged``
    those after which a trial may be stopped, and ``test`` tells whether to read the test split at the end.
    ``held`` is what Ray keeps free for it, and ``shares_gpu`` whether others may be on its GPU: if memory
    runs out there, that is reported and is no ending. The method travels as an object, so one that is defined
    in a user's own script needs no name that a worker could import.

    `MultimodalTrainable` leaves checkpoints to Ray, which hands them to other trials, as population-based
    training asks. A study keeps its own, in the trial's folder, since Ray's do not survive what a study must:

    - After a kill -9 of the driver Ray starts trials again at epoch 1, and where the newest checkpoint is
      damaged it tries no older one. Here the next attempt reads the newest that is whole.
    - A process whose driver is gone, or that was given up and wakes up again, would still write. Every
      process has an attempt folder of its own, which the next one takes away from it (see `trial_files`).
    - A checkpoint may be newer than the ledger. It holds the results of all epochs, and those that the ledger
      lacks are returned before training goes on. It may also be older: it is written when the next epoch
      begins, beside training and as often as `CheckpointWriter` finds worth it, so that a trial that is
      stopped writes none. What the ledger has is then trained again, and its results are returned again.
    """

    def setup(self, config: dict[str, Any]) -> None:
        """Keep the configuration; building waits for the first step, where Ray retries what a kill ends."""
        self.runner: Runner | None = None
        self.writer: CheckpointWriter | None = None
        self.trial = config

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Serve another trial in the same process."""
        self.cleanup()
        self.setup(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """Return the next epoch that the ledger lacks.

        Its metrics come in a mapping that is no dict: of each number in one Ray keeps the newest values, for
        every trial and until the study ends.
        """
        result = self._next()
        return {**result, "metrics": UserDict(result["metrics"])} if "metrics" in result else result

    def _next(self) -> dict[str, Any]:
        try:
            if self.runner is None or self.writer is None:
                self.runner, self.writer = self._begin()
            return self.replay.pop(0) if self.replay else self._train(self.runner, self.writer)
        except Diverged as error:
            return self._diverged(str(error))
        except RuntimeError as error:
            if not _is_out_of_memory(error):
                raise
            said = _briefly(error)
        self.cleanup()  # here, where the error and with it the arrays in its frames are gone
        return self._out_of_memory(said)

    def cleanup(self) -> None:
        """Let what is being written end, and give GPU memory back: another trial may use this process.

        The trial may be over, and its folder gone.
        """
        if self.writer:
            with contextlib.suppress(OSError):
                self.writer.wait()
        self.runner = self.writer = None
        if torch.cuda.is_available():
            gc.collect()  # a runner and its parts hold each other
            torch.cuda.empty_cache()

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Leave Ray nothing to keep: checkpoints are the trial's own."""

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Take nothing from Ray."""

    # -- inside --------------------------------------------------------------------------------------------

    def _begin(self) -> tuple[Runner, CheckpointWriter]:
        """Make the runner and bring it to the newest epoch that an earlier attempt has kept."""
        settings, staged = self.trial["settings"], self.trial["staged"]
        if staged:
            settings = staged.on_this_node(settings)
        require_unchanged(self.trial["own_parts"])
        self.files = TrialFiles.begin_attempt(Path(self.trial["folder"]))
        self.history: list[dict[str, Any]] = []
        self.kept, self.epoch_seconds = 0, 0.0
        runner: Runner = self.trial["method"].build(settings)
        if self.trial["digest"]:
            require_digest(Path(settings["data"]), self.trial["digest"])  # what comes there later is not read
        _share_constants(runner, self.files)
        state = _newest_good(self.files.earlier())
        if state:
            runner.load_state_dict(state["runner"])
            self.history = list(state["history"])
            self.kept = runner.epoch
        self.replay = [result for result in self.history if result["epoch"] > self.trial["known"]]
        return runner, CheckpointWriter(self.files)

    def _train(self, runner: Runner, writer: CheckpointWriter) -> dict[str, Any]:
        """Train an epoch; after the last one test, export and checkpoint, if the study asks for it.

        On a node that is being drained it trains no more: it checkpoints, and this process ends.

        Nothing is being written any more once a result is returned, for that may be the end of the trial and
        of its folder.
        """
        leaving = is_draining()
        if runner.epoch != self.kept and (leaving or self._is_due(runner, writer)):
            self._keep(runner, writer)
        if leaving:
            writer.wait()
            exit_actor()  # Ray starts the trial again, on another node
        started = time.monotonic()
        metrics = runner.run_epoch()
        self.epoch_seconds = time.monotonic() - started
        result: dict[str, Any] = {"epoch": runner.epoch, "metrics": metrics, "machine": self._machine}
        if runner.done:
            result |= {"status": "completed", "done": True}
            if self.trial["test"]:
                metrics |= runner.test()
                with self.files.owned():
                    runner.export(self.files.export)
        self.history.append(result)
        if runner.done:
            self._keep(runner, writer)
        writer.wait()
        return result

    def _is_due(self, runner: Runner, writer: CheckpointWriter) -> bool:
        """Whether what the last epoch has left is to be kept before the next one changes it."""
        return runner.epoch in self.trial["judged"] or writer.is_due(self.epoch_seconds)

    def _keep(self, runner: Runner, writer: CheckpointWriter) -> None:
        self.kept = runner.epoch
        writer.write(runner.epoch, {"runner": runner.state_dict(), "history": list(self.history)})

    def _out_of_memory(self, said: str) -> dict[str, Any]:
        """Tell of it where others had a part in it; alone on a GPU it is the end."""
        if self.trial["shares_gpu"]:
            return self._without_epoch(CROWDED, f"out of memory on a shared GPU ({said})")
        return self._without_epoch("failed", f"out of memory alone on a GPU: {said}")

    def _without_epoch(self, status: str, reason: str) -> dict[str, Any]:
        """End without a result: nothing was learned of the configuration."""
        return {"epoch": self._next_epoch(), "status": status, "reason": reason, "done": True}

    def _next_epoch(self) -> int:
        return int(1 + max(self.trial["known"], self.history[-1]["epoch"] if self.history else 0))

    def _diverged(self, reason: str) -> dict[str, Any]:
        """End with a finite worst value: not-a-number would never be stopped nor learned from."""
        epoch = self._next_epoch()
        chosen_by = self.trial["settings"].get("objective", tasks.ACCURACY)
        names = [BEST_ACCURACY] if chosen_by == tasks.ACCURACY else [BEST_ACCURACY, BEST_OBJECTIVE]
        metrics = worst_result(epoch, names)
        end = {"status": "diverged", "reason": reason, "done": True}
        return {"epoch": epoch, "metrics": metrics, "machine": self._machine, **end}

    @property
    def _machine(self) -> str:
        """Where an epoch is trained; a checkpoint keeps it with the results of its epochs."""
        return machine_type(self.trial["settings"]["device"])


def _is_out_of_memory(error: RuntimeError) -> bool:
    """Whether GPU memory ran out, in torch itself or in CUDA below it."""
    return isinstance(error, torch.OutOfMemoryError) or _OUT_OF_MEMORY.search(str(error)) is not None


def _briefly(error: RuntimeError) -> str:
    """What was lacking: torch goes on with every process on the GPU and with general advice."""
    return "".join(str(error).splitlines()[0].partition(" is free.")[:2])


def _share_constants(runner: Runner, files: TrialFiles) -> None:
    """Read what an earlier attempt stored; a missing or damaged file is made from the same seed again."""
    try:
        runner.load_constants(read_checkpoint(files.folder / CONSTANTS))
    except CheckpointError:
        files.share_constants(runner.constants())


def _newest_good(paths: list[Path]) -> dict[str, Any]:
    """Read the first checkpoint that is whole; an empty dict if none is."""
    for path in paths:
        try:
            return read_trial_checkpoint(path)
        except CheckpointError as error:
            print(f"{error}; the one before it is used")
    return {}
