"""Samples per second of the trainer on data that lies on the device, against the bare pair of ResNet-18s.

    python tests/benchmarks/device_throughput.py                  # 224 px, full width: for a GPU
    python tests/benchmarks/device_throughput.py --size 64 --width 0.1 --samples 64 --batch-size 32

Prints a line per measurement and one JSON object at the end. `lost` is the share of the time that goes to
anything but forward pass, backward pass and optimizer step of the bare pair on one decoded batch.
Then 20 steps in bf16 with channels_last are compared with the same steps in fp32; exit code 1 if they differ
by more than the tolerances below.
"""

import argparse
import dataclasses
import itertools
import json
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from trainables.multimodal.balancers.diagnose_relearn import DiagnoseRelearn
from trainables.multimodal.config import TrainerConfig
from trainables.multimodal.data.preparing.writer import write_store
from trainables.multimodal.data.source import Source
from trainables.multimodal.data.store.feature_store import Modality
from trainables.multimodal.trainer import Trainer

CLASSES = 6
STEPS = 20
LOSS_TOLERANCE = 0.05  # largest difference of the loss of a step, relative to the fp32 loss of the first step
COSINE_TOLERANCE = 0.8  # least cosine between the ways in which both have moved all weights


def main() -> int:
    """Measure, compare, print."""
    options = parse()
    with tempfile.TemporaryDirectory() as folder:
        config = build_config(options, write_random_store(Path(folder), options))
        report = throughput(config, options.epochs)
        report |= agreement(config)
    print(json.dumps({**vars(options), **report}, indent=1))
    return 0 if report["agrees"] else 1


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Sizes of the measurement."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=224, help="side of the frames in pixels")
    parser.add_argument("--spectrogram", type=int, help="time steps of the spectrogram (default: the size)")
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--samples", type=int, default=2048, help="in the training split")
    parser.add_argument("--epochs", type=int, default=2, help="timed epochs, after one that is not")
    parser.add_argument("--device", default="auto")
    return parser.parse_args(arguments)


def write_random_store(folder: Path, options: argparse.Namespace) -> Path:
    """Noise with a faint trace of the label, as one-channel spectrograms and clips of two stored frames."""
    held_out = max(2 * CLASSES, options.samples // 16)
    parts = ["train"] * options.samples + ["validation"] * held_out + ["test"] * held_out
    labels = np.arange(len(parts), dtype=np.int64) % CLASSES
    length = options.spectrogram or options.size
    shapes = {"spectrogram": (1, length, 128), "clip": (2, 3, options.size, options.size)}

    def load(row: int) -> dict[str, np.ndarray]:
        draw = np.random.default_rng(row)
        level = int(labels[row])
        spectrogram = draw.normal(level / 2, 1, shapes["spectrogram"]).astype(np.float32)
        clip = draw.integers(10 * level, 200 + 10 * level, shapes["clip"]).astype(np.uint8)
        return {"spectrogram": spectrogram, "clip": clip}

    source = Source(
        name="random",
        root=folder,
        files=[],
        recipe={"name": "random"},
        classes=tuple("abcdef"),
        modalities={
            "spectrogram": Modality("spectrogram", shapes["spectrogram"], "float32", (1.25,), (1.3,)),
            "clip": Modality("clip", shapes["clip"], "uint8", (125.0,) * 3, (60.0,) * 3),
        },
        ids=[str(row) for row in range(len(parts))],
        labels=labels,
        groups=None,
        splits={"fixed": parts},
        default_split="fixed",
        load=load,
    )
    return write_store(source, folder / "store").path


def build_config(options: argparse.Namespace, store: Path) -> TrainerConfig:
    """Everything but the sizes is the trainer's default."""
    return TrainerConfig(
        data=str(store),
        epochs=options.epochs + 1,
        batch_size=options.batch_size,
        width=options.width,
        device=options.device,
    )


def throughput(config: TrainerConfig, epochs: int) -> dict[str, Any]:
    """Training samples per second of joint, D&R and the bare pair, and the share of time that is lost."""
    bare = bare_samples_per_second(Trainer(config), epochs)
    rates = {
        "joint, training pass": training_samples_per_second(Trainer(config), epochs),
        "joint, whole epoch": epoch_samples_per_second(Trainer(config), epochs),
        "diagnose_relearn, whole epoch": epoch_samples_per_second(
            Trainer(config, [DiagnoseRelearn(every=1)]), epochs
        ),
    }
    lost = {name: 1 - rate / bare for name, rate in rates.items()}
    for name, rate in {"bare pair": bare, **rates}.items():
        print(f"{name}: {rate:.1f} samples/s, {1 - rate / bare:.1%} lost")
    return {"device_name": device_name(config), "samples_per_second": {"bare": bare, **rates}, "lost": lost}


def training_samples_per_second(trainer: Trainer, epochs: int) -> float:
    """Loading, training step and probes, without evaluation."""
    trainer.run_epoch()
    synchronise()
    started = time.perf_counter()
    for _ in range(epochs):
        trainer._train()
    synchronise()
    return epochs * len(trainer.store.split()["train"]) / (time.perf_counter() - started)


def epoch_samples_per_second(trainer: Trainer, epochs: int) -> float:
    """All of an epoch; for D&R a re-learning after each, the first one apart."""
    trainer.run_epoch()
    started = time.perf_counter()
    for _ in range(epochs):
        trainer.run_epoch()
    return epochs * len(trainer.store.split()["train"]) / (time.perf_counter() - started)


def bare_samples_per_second(trainer: Trainer, epochs: int) -> float:
    """The model alone: one batch, decoded already, that never changes; forward, backward, step."""
    batch = next(iter(trainer._loader("train").ordered()))
    decoded = {name: trainer.model.inputs[name](raw) for name, raw in batch.inputs.items()}
    count = epochs * max(1, len(trainer.store.split()["train"]) // len(batch.labels))
    trainer.model.train()
    for _ in range(2):
        bare_step(trainer, decoded, batch.labels)
    synchronise()
    started = time.perf_counter()
    for _ in range(count):
        bare_step(trainer, decoded, batch.labels)
    synchronise()
    return count * len(batch.labels) / (time.perf_counter() - started)


def bare_step(trainer: Trainer, decoded: dict[str, Tensor], labels: Tensor) -> Tensor:
    """A training step of encoders and head with nothing around it; gives the loss."""
    with trainer.runtime.autocast():
        features = {name: e(decoded[name]).float() for name, e in trainer.model.encoders.items()}
    loss = functional.cross_entropy(trainer.model.fusion(features).fused, labels)
    trainer.optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    trainer.optimizer.step()
    return loss.detach()


def agreement(config: TrainerConfig) -> dict[str, Any]:
    """Whether 20 steps in bf16 with channels_last stay within the tolerances of the same steps in fp32."""
    exact = run_steps(replaced(config, "fp32", channels_last=False))
    coarse = run_steps(replaced(config, "bf16", channels_last=True))
    loss = (exact.losses - coarse.losses).abs().max() / exact.losses[0]
    cosine = functional.cosine_similarity(exact.end - exact.start, coarse.end - coarse.start, dim=0)
    agrees = bool(loss <= LOSS_TOLERANCE and cosine >= COSINE_TOLERANCE)
    print(f"bf16 against fp32 over {STEPS} steps: loss {loss:.4f}, cosine {cosine:.4f}, agrees: {agrees}")
    return {"loss_difference": float(loss), "cosine": float(cosine), "agrees": agrees}


def replaced(config: TrainerConfig, precision: str, channels_last: bool) -> Trainer:
    """A trainer in another precision and memory format."""
    return Trainer(dataclasses.replace(config, precision=precision, channels_last=channels_last))


@dataclass(frozen=True)
class Steps:
    """Losses of some steps, and all weights before and after them, on the CPU."""

    losses: Tensor
    start: Tensor
    end: Tensor


def run_steps(trainer: Trainer) -> Steps:
    """Train STEPS batches, the same ones for the same seed."""
    start = flat_weights(trainer)
    trainer.model.train()
    epochs = (trainer._loader("train").shuffled(0, epoch) for epoch in itertools.count())
    batches = itertools.islice(itertools.chain.from_iterable(epochs), STEPS)
    losses = [trainer.joint_step(batch)["loss"] for batch in batches]
    return Steps(torch.stack(losses).cpu(), start, flat_weights(trainer))


def flat_weights(trainer: Trainer) -> Tensor:
    """All parameters as one vector on the CPU."""
    return torch.cat([p.detach().float().cpu().flatten() for p in trainer.model.parameters()])


def device_name(config: TrainerConfig) -> str:
    """What the numbers were measured on."""
    if config.device == "cpu" or not torch.cuda.is_available():
        return f"CPU, {torch.get_num_threads()} threads"
    return torch.cuda.get_device_name()


def synchronise() -> None:
    """Wait for the device, if there is one that runs ahead."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


if __name__ == "__main__":
    sys.exit(main())
