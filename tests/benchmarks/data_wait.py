"""How long training waits for its data, and what memory a second trial on the same store takes for them.

    python tests/benchmarks/data_wait.py                      # ResNet-18 pair of full width at 64 px
    python tests/benchmarks/data_wait.py --samples 64 --width 0.25

- waiting: time that training steps wait for their batches, as a share of all the time they take; at most .05.
- second_trial: MiB of memory of its own (unique set size, the highest while it reads an epoch and trains on
  its first batches) that a second process needs beside one that has read the same store, less what it needs
  on a store of two batches, which is the process, the model and a step; at most 100.

Prints a line per measurement and one JSON object at the end; exit code 1 if one is above its limit.
"""

import argparse
import itertools
import json
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import device_throughput
import psutil

from trainables.multimodal.config import TrainerConfig
from trainables.multimodal.trainer import Trainer

MIB = 2**20
KEPT: list[Trainer] = []  # a process that trains on holds what it has mapped
LIMITS = {"waiting": 0.05, "second_trial": 100.0}


def main() -> int:
    """Measure, compare, print."""
    options = parse()
    with tempfile.TemporaryDirectory() as folder:
        few = argparse.Namespace(**{**vars(options), "samples": 2 * options.batch_size})
        large, small = stored(made(folder, "large"), options), stored(made(folder, "small"), few)
        found = {
            "waiting": waiting(Trainer(large), options.steps),
            "second_trial": second_trial(large, small),
        }
        found["store"] = sum(file.stat().st_size for file in Path(large.data).iterdir()) / MIB
    for name, limit in LIMITS.items():
        print(f"{name}: {found[name]:.4g}, at most {limit:g}")
    print(json.dumps({**vars(options), **found}))
    return int(any(found[name] > limit for name, limit in LIMITS.items()))


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Sizes of the measurement."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=64, help="side of the frames in pixels")
    parser.add_argument("--spectrogram", type=int, help="time steps of the spectrogram (default: the size)")
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--samples", type=int, default=4096, help="in the training split")
    parser.add_argument("--steps", type=int, default=20, help="timed training steps")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    return parser.parse_args(arguments)


def stored(folder: Path, options: argparse.Namespace) -> TrainerConfig:
    """The settings of a trial on a new random store."""
    store = device_throughput.write_random_store(folder, options)
    return device_throughput.build_config(options, store)


def made(folder: str, name: str) -> Path:
    """A new folder."""
    path = Path(folder, name)
    path.mkdir()
    return path


def waiting(trainer: Trainer, steps: int) -> float:
    """Share of the time of `steps` training steps, after one to warm up, that passes before their batches."""
    trainer.model.train()
    batches = trainer._training_batches()
    trainer._stepper.step(trainer, next(batches))
    waited, started = 0.0, time.perf_counter()
    for _ in range(steps):
        asked = time.perf_counter()
        batch = next(batches)
        waited += time.perf_counter() - asked
        trainer._stepper.step(trainer, batch)
    share = waited / (time.perf_counter() - started)
    batches.close()
    return share


def second_trial(large: TrainerConfig, small: TrainerConfig) -> float:
    """MiB that a second process on the large store needs for its data."""
    with process() as first, process() as second, process() as other:
        first.submit(own_memory, large).result()
        needed = second.submit(own_memory, large).result()
        return needed - other.submit(own_memory, small).result()


def process() -> ProcessPoolExecutor:
    """A process that begins empty and lives on after its work."""
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"))


def own_memory(config: TrainerConfig) -> float:
    """MiB of this process alone at its highest, while it trains on two batches and reads all others."""
    trainer, peak = Trainer(config), 0.0
    KEPT.append(trainer)
    trainer.model.train()
    batches = trainer._training_batches()
    for place, batch in zip(itertools.count(), batches, strict=False):
        if place < 2:
            trainer._stepper.step(trainer, batch)
        peak = max(peak, psutil.Process().memory_full_info().uss / MIB)
    return peak


if __name__ == "__main__":
    sys.exit(main())
