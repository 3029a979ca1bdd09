"""What each balancer costs, as ratios measured in one run.

    python tests/benchmarks/balancer_cost.py                      # 224 px, full width, batches of 64
    python tests/benchmarks/balancer_cost.py --size 64 --width 0.25 --batch-size 32 --samples 256

- diagnosis: D&R's purity of all modalities on training and validation split, against one evaluation pass over
  the same samples plus the k-means alone; at most 1.3.
- heads: a boosting step with 10 heads a modality against one with 1; at most 1.15.
- ogm_ge: a step with modulated gradients against a joint step; at most 1.05.
- every other method: a step against a joint step, without limit. What a method does between epochs, as D&R's
  diagnosis or the copies that Gradient-Blending trains, is no part of it.

Steps of the two that are compared alternate, and the median of the ratios counts, so that a busy machine
slows both. Prints a line per ratio and one JSON object at the end; exit code 1 if one is above its limit.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import device_throughput

from trainables.multimodal.balancers.base import Balancer
from trainables.multimodal.balancers.boosting import Boosting
from trainables.multimodal.balancers.ogm_ge import OgmGe
from trainables.multimodal.config import TrainerConfig
from trainables.multimodal.diagnostics import cluster
from trainables.multimodal.methods import METHODS, Method
from trainables.multimodal.trainer import Trainer

LIMITS = {"diagnosis": 1.3, "heads": 1.15, "ogm_ge": 1.05}
STEPS = [
    name
    for name, method in METHODS.items()
    if method.balancers and name != "ogm_ge" and not name.startswith("boosting_")
]
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
        print(f"{name}: {ratio:.3f}" + (f", at most {LIMITS[name]}" if name in LIMITS else ""))
    print(json.dumps({**vars(options), "ratios": ratios}))
    return int(any(ratios[name] > limit for name, limit in LIMITS.items()))


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
    options = parser.parse_args(arguments)
    options.spectrogram = options.spectrogram or options.size
    return options


def measure(config: TrainerConfig, steps: int, synchronise: Callable[[], None]) -> dict[str, float]:
    """All ratios."""

    def stepper(balancers: Sequence[Balancer], heads: int = 1) -> Callable[[], float]:
        """A function that times one training step."""
        trainer = Trainer(config, balancers)
        for name in list(trainer.model.encoders) * (heads - 1):
            boosting = balancers[0]
            assert isinstance(boosting, Boosting)
            boosting.grow(trainer, name)
        trainer.model.train()
        batch = next(iter(trainer._loader("train").ordered()))

        def step() -> float:
            return timed(lambda: trainer._stepper.step(trainer, batch), synchronise)

        return step

    def against_joint(method: Method) -> float:
        """A step of a method against one of joint training."""
        arguments = {**method.early(), "data": config.data, "epochs": config.epochs}
        return ratio(stepper(method.check(arguments)[1]), stepper([]), steps)

    return {
        "diagnosis": diagnosis_ratio(config, synchronise),
        "heads": ratio(stepper([Boosting()], HEADS), stepper([Boosting()]), steps),
        "ogm_ge": ratio(stepper([OgmGe(alpha=0.5)]), stepper([]), steps),
    } | {name: against_joint(METHODS[name]) for name in STEPS}


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
