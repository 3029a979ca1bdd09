"""What each balancer costs, as ratios measured in one run.

    python tests/benchmarks/balancer_cost.py                      # 224 px, full width, batches of 64
    python tests/benchmarks/balancer_cost.py --size 64 --width 0.25 --batch-size 32 --samples 256

- diagnosis: D&R's purity of all modalities on training and validation split, against one evaluation pass over
  the same samples plus the k-means alone; at most 1.3.
- heads: a boosting step with 10 heads a modality against one with 1; at most 1.15.
- ogm_ge: a step with modulated gradients against a joint step; at most 1.05.

Steps of the two that are compared alternate, and the median of the ratios counts, so that a busy machine
slows both. Prints a line per ratio and one JSON object at the end; exit code 1 if one is above its limit.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import device_throughput

from trainables.multimodal.balancers.base import Balancer
from trainables.multimodal.balancers.boosting import Boosting
from trainables.multimodal.balancers.ogm_ge import OgmGe
from trainables.multimodal.config import TrainerConfig
from trainables.multimodal.diagnostics import cluster
from trainables.multimodal.trainer import Trainer

LIMITS = {"diagnosis": 1.3, "heads": 1.15, "ogm_ge": 1.05}
HEADS = 10
WARM = 2  # steps before the clock starts


def main() -> int:
    """Measure, compare, print."""
    options = parse()
    with tempfile.TemporaryDirectory() as folder:
        store = device_throughput.write_random_store(Path(folder), options)
        ratios = measure(
            device_throughput.build_config(options, store), options.steps, device_throughput.synchronise
        )
    for name, ratio in ratios.items():
        print(f"{name}: {ratio:.3f}, at most {LIMITS[name]}")
    print(json.dumps({**vars(options), "ratios": ratios}))
    return int(any(ratio > LIMITS[name] for name, ratio in ratios.items()))


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Sizes of the measurement."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=224, help="side of the frames in pixels")
    parser.add_argument("--spectrogram", type=int, help="time steps of the spectrogram (default: the size)")
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--samples", type=int, default=96, help="in the training split")
    parser.add_argument("--steps", type=int, default=10, help="timed steps of each kind")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--device", default="auto")
    return parser.parse_args(arguments)


def measure(config: TrainerConfig, steps: int, synchronise: Callable[[], None]) -> dict[str, float]:
    """The three ratios."""

    def stepper(balancer: Balancer, heads: int = 1) -> Callable[[], float]:
        """A function that times one training step."""
        trainer = Trainer(config, [balancer])
        for name in list(trainer.model.encoders) * (heads - 1):
            assert isinstance(balancer, Boosting)
            balancer.grow(trainer, name)
        trainer.model.train()
        batch = next(iter(trainer._loader("train").ordered()))

        def step() -> float:
            return timed(lambda: balancer.step(trainer, batch), synchronise)

        return step

    return {
        "diagnosis": diagnosis_ratio(config, synchronise),
        "heads": ratio(stepper(Boosting(), HEADS), stepper(Boosting()), steps),
        "ogm_ge": ratio(stepper(OgmGe(alpha=0.5)), stepper(Balancer()), steps),
    }


def ratio(one: Callable[[], float], other: Callable[[], float], steps: int) -> float:
    """Median of one's time over the other's, measured in turns."""
    for _ in range(WARM):
        one(), other()
    return statistics.median(one() / other() for _ in range(steps))


def diagnosis_ratio(config: TrainerConfig, synchronise: Callable[[], None]) -> float:
    """A diagnosis against an evaluation of both splits plus the k-means of each modality."""
    trainer = Trainer(config)
    trainer.diagnose()

    def evaluate_and_cluster() -> None:
        trainer._evaluator.forget()
        for split in ("train", "validation"):
            for features in trainer.features(split).values():
                cluster(features, len(trainer.store.classes))

    def diagnose() -> None:
        trainer._evaluator.forget_all()
        trainer.diagnose()

    times = [(timed(diagnose, synchronise), timed(evaluate_and_cluster, synchronise)) for _ in range(3)]
    return statistics.median(whole / parts for whole, parts in times)


def timed(action: Callable[[], Any], synchronise: Callable[[], None]) -> float:
    """Seconds that an action takes."""
    synchronise()
    started = time.perf_counter()
    action()
    synchronise()
    return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(main())
