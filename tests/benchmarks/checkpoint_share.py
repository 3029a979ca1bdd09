"""What share of a trial's time its checkpoints take, for the weights of a pair of ResNet-18s at full width.

    python tests/benchmarks/checkpoint_share.py [--epochs 60] [--seconds 2.4]

An epoch is a stub that takes so many seconds and then changes all weights; every third one is the best so
far. Prints the share of the time beyond the stubs: with a checkpoint of everything at every epoch, written
before the next one begins, and as trials write them.
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from study.running.study_trial import StudyTrial
from study.running.trial_files import TrialFiles
from trainables.multimodal.model import MultimodalModel
from trainables.multimodal.networks.model_spec import ModelSpec

SHAPES = {"audio": (1, 64, 64), "visual": (3, 64, 64)}


class Stub:
    """Trains nothing, in as much time and with as many weights as a real one."""

    def __init__(self, epochs: int, seconds: float) -> None:
        self.epoch, self.epochs, self.seconds = 0, epochs, seconds
        classes = ("a", "b", "c", "d", "e", "f")
        self.weights = {
            n: v.clone() for n, v in MultimodalModel(ModelSpec(classes, SHAPES)).state_dict().items()
        }
        self.momentum = {name: torch.zeros_like(value) for name, value in self.weights.items()}
        self.best: dict[str, Any] = {}

    @property
    def done(self) -> bool:
        """Whether all epochs are over."""
        return self.epoch >= self.epochs

    def run_epoch(self) -> dict[str, float]:
        """Take the time, on a core of its own as a GPU would, and change the weights."""
        time.sleep(self.seconds)
        self.epoch += 1
        for value in self.weights.values():
            value += 1
        if self.epoch % 3 == 1:
            self.best = {"epoch": self.epoch, "weights": copied(self.weights)}
        return {"best/accuracy": 0.5}

    def state_dict(self) -> dict[str, Any]:
        """Weights and momentum, copied, and the best weights, which change no more."""
        return {"model": copied(self.weights), "optimizer": copied(self.momentum), "best": self.best}

    def load_state_dict(self, state: Any) -> None:
        """Never asked for."""

    def constants(self) -> dict[str, Any]:
        """None."""
        return {}

    def load_constants(self, state: Any) -> None:
        """Never asked for."""


class Method:
    """Builds a stub."""

    @staticmethod
    def build(settings: dict[str, Any]) -> Stub:
        """One that takes as long as is asked for."""
        return Stub(settings["epochs"], settings["seconds"])


def copied(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same numbers elsewhere."""
    return {name: value.clone() for name, value in tensors.items()}


def as_trials_do(settings: dict[str, Any], folder: Path) -> None:
    """All epochs of a trial."""
    trial = StudyTrial.__new__(StudyTrial)
    known = {"known": 0, "judged": [settings["epochs"] // 2], "test": False}
    known |= {"shares_gpu": False, "staged": None, "digest": None, "own_parts": {}}
    trial.setup({"method": Method, "settings": settings, "folder": str(folder), **known})
    while not trial.step().get("done"):
        pass


def at_every_epoch(settings: dict[str, Any], folder: Path) -> None:
    """All epochs, each of which is kept as a whole before the next one begins."""
    runner, files = Method.build(settings), TrialFiles.begin_attempt(folder)
    while not runner.done:
        runner.run_epoch()
        state = runner.state_dict()
        files.write(runner.epoch, {"runner": {"all": state}})


def main(arguments: Sequence[str] | None = None) -> None:
    """Print both shares."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=2.4)
    parser.add_argument("--folder", type=Path, help="where checkpoints are written, default a temporary one")
    asked = parser.parse_args(arguments)
    settings = {"epochs": asked.epochs, "seconds": asked.seconds}
    for train in (at_every_epoch, as_trials_do):
        with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
            started = time.perf_counter()
            train(settings, Path(folder))
            took, stubs = time.perf_counter() - started, asked.epochs * asked.seconds
            share = 100 * (took - stubs) / took
            print(f"{train.__name__}: {share:.1f} % of the time, beyond {stubs:.0f} s of epochs")


if __name__ == "__main__":
    main()
