"""How fast the trainer is on data that lie on the device, against the bare pair of ResNet-18s.

    python tests/benchmarks/device_throughput.py                  # 224 px, full width: for a GPU
    python tests/benchmarks/device_throughput.py --size 64 --spectrogram 64 --width 0.25 --samples 64 \
        --batch-size 16 --processes 2

Needs torch, torchvision, numpy, pyarrow, safetensors and scikit-learn. Prints a row per measurement, in
training samples per second and as a share of the bare pair: forward pass, backward pass and optimizer step
on one decoded batch, measured anew before each row, since the speed of a machine drifts. Then come processes
that share the device, without and with MPS where `nvidia-cuda-mps-control` is there, the first epochs of two
compiled runs that share a cache, and what a checkpoint takes. At the end 20 steps in bf16 with channels_last
are compared with the same steps in fp32; exit code 1 if they differ by more than the tolerances below. The
last line is all of it as JSON.
"""

import argparse
import contextlib
import dataclasses
import functools
import itertools
import json
import multiprocessing
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from trainables.multimodal.balancers.base import Balancer
from trainables.multimodal.balancers.boosting import Boosting
from trainables.multimodal.balancers.diagnose_relearn import DiagnoseRelearn
from trainables.multimodal.checkpoint import write_checkpoint
from trainables.multimodal.config import TrainerConfig
from trainables.multimodal.data.preparing.writer import write_store
from trainables.multimodal.data.source import Source
from trainables.multimodal.data.store.feature_store import Modality
from trainables.multimodal.trainer import Trainer

CLASSES = 6
STEPS = 20
LOSS_TOLERANCE = 0.05  # largest difference of the loss of a step, relative to the fp32 loss of the first step
COSINE_TOLERANCE = 0.8  # least cosine between the ways in which both have moved all weights
LARGE = 4  # times the batch, in the rows of large batches
MPS = "nvidia-cuda-mps-control"

Rate = Callable[[TrainerConfig, int], float]


def main() -> int:
    """Measure, compare, print."""
    options = parse()
    with tempfile.TemporaryDirectory() as folder:
        config = build_config(options, write_random_store(Path(folder), options))
        rates = measured(config, options)
        shared = shared_rates(config, options)
        waits = {**compile_seconds(config), **checkpoint_seconds(config)}
        report = agreement(config)
    found = {"device_name": device_name(config), **rates, "shared": shared, "seconds": waits, **report}
    print(json.dumps({**vars(options), **found}))
    return 0 if report["agrees"] else 1


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Sizes of the measurement."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, default=224, help="side of the frames in pixels")
    parser.add_argument("--spectrogram", type=int, default=1024, help="time steps of the spectrogram")
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--samples", type=int, default=2048, help="in the training split")
    parser.add_argument(
        "--epochs", type=int, default=3, help="timed epochs of each row, after one that is not"
    )
    parser.add_argument("--device", default="auto")
    parser.add_argument(
        "--rows", nargs="*", default=list(ROWS), choices=ROWS, metavar="ROW", help=str(list(ROWS))
    )
    parser.add_argument("--processes", type=int, nargs="*", default=[2, 4, 8], help="that share the device")
    return parser.parse_args(arguments)


# -- data ----------------------------------------------------------------------------------------------------


def write_random_store(folder: Path, options: argparse.Namespace) -> Path:
    """Noise with a faint trace of the label, as one-channel spectrograms and clips of two stored frames."""
    held_out = max(2 * CLASSES, options.samples // 8)
    parts = ["train"] * options.samples + ["validation"] * held_out + ["test"] * held_out
    labels = np.arange(len(parts), dtype=np.int64) % CLASSES
    shapes = {"spectrogram": (1, options.spectrogram, 128), "clip": (2, 3, options.size, options.size)}
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
        load=functools.partial(random_sample, shapes, labels),
    )
    return write_store(source, folder / "store", workers=len(os.sched_getaffinity(0))).path


def random_sample(shapes: dict[str, tuple[int, ...]], labels: np.ndarray, row: int) -> dict[str, np.ndarray]:
    """Sample `row`, always the same."""
    draw = np.random.default_rng(row)
    level = int(labels[row])
    spectrogram = draw.standard_normal(shapes["spectrogram"], dtype=np.float32) + np.float32(level / 2)
    clip = draw.integers(10 * level, 200 + 10 * level, shapes["clip"], dtype=np.uint8)
    return {"spectrogram": spectrogram, "clip": clip}


def build_config(options: argparse.Namespace, store: Path) -> TrainerConfig:
    """Everything but the sizes is the trainer's default, and nothing is compiled."""
    return TrainerConfig(
        data=str(store),
        epochs=100,
        batch_size=options.batch_size,
        width=options.width,
        device=options.device,
        compile=False,
    )


# -- one process -------------------------------------------------------------------------------------------


def bare(config: TrainerConfig, epochs: int) -> float:
    """The model alone: one batch, decoded already, that never changes; forward, backward, step."""
    trainer = Trainer(config)
    step = bare_step(trainer)
    return rate_of_steps(trainer, epochs, step)


def bare_in_a_graph(config: TrainerConfig, epochs: int) -> float:
    """The same kernels, recorded once as a CUDA graph and replayed."""
    trainer = Trainer(config)
    step, graph = bare_step(trainer), torch.cuda.CUDAGraph()
    aside = torch.cuda.Stream()
    with torch.cuda.stream(aside):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(aside)
    with torch.cuda.graph(graph):
        step()
    return rate_of_steps(trainer, epochs, graph.replay)


def bare_forward(config: TrainerConfig, epochs: int) -> float:
    """Encoders in eval mode, without gradients: the least that features of all samples cost."""
    trainer = Trainer(config)
    decoded = decoded_batch(trainer)[0]
    trainer.model.eval()

    @torch.no_grad()
    def step() -> None:
        with trainer.runtime.autocast():
            for name, encoder in trainer.model.encoders.items():
                encoder(decoded[name])

    return rate_of_steps(trainer, epochs, step)


def decoded_batch(trainer: Trainer) -> tuple[dict[str, Tensor], Tensor]:
    """Inputs of the encoders and labels of the first training batch."""
    batch = next(iter(trainer._loader("train").ordered()))
    return {name: trainer.model.inputs[name](raw) for name, raw in batch.inputs.items()}, batch.labels


def bare_step(trainer: Trainer) -> Callable[[], None]:
    """A training step of encoders and head with nothing around it."""
    decoded, labels = decoded_batch(trainer)
    trainer.model.train()

    def step() -> None:
        with trainer.runtime.autocast():
            features = {name: e(decoded[name]).float() for name, e in trainer.model.encoders.items()}
        loss = functional.cross_entropy(trainer.model.fusion(features).fused, labels)
        trainer.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        trainer.optimizer.step()

    return step


def rate_of_steps(trainer: Trainer, epochs: int, step: Callable[[], None]) -> float:
    """Samples per second of as many steps as make so many epochs."""
    size = trainer.config.batch_size
    count = epochs * max(1, len(trainer.store.split()["train"]) // size)
    for _ in range(3):
        step()
    return count * size / seconds(lambda: [step() for _ in range(count)])


def training_pass(config: TrainerConfig, epochs: int) -> float:
    """Loading, training step and probes, without evaluation."""
    trainer = Trainer(config)
    trainer.run_epoch()
    return rate(trainer, epochs, lambda: trainer._train())


def features_pass(config: TrainerConfig, epochs: int) -> float:
    """What a diagnosis needs first: features of the training split in eval mode."""
    trainer = Trainer(config)
    trainer.run_epoch()

    def evaluate() -> None:
        trainer._evaluator.forget()
        trainer.evaluate("train")

    return rate(trainer, epochs, evaluate)


def whole_epoch(config: TrainerConfig, epochs: int, balancers: Sequence[Balancer] = ()) -> float:
    """All of an epoch; for D&R a diagnosis after each, and a re-learning."""
    trainer = Trainer(config, balancers)
    trainer.run_epoch()
    trainer.state_dict()  # takes pinned memory, which stays for the best weights, too
    return rate(trainer, epochs, lambda: trainer.run_epoch())


def rate(trainer: Trainer, epochs: int, epoch: Callable[[], object]) -> float:
    """Samples per second of so many epochs."""
    return epochs * len(trainer.store.split()["train"]) / seconds(lambda: [epoch() for _ in range(epochs)])


def seconds(work: Callable[[], object]) -> float:
    """How long it takes until the device has done it."""
    synchronise()
    started = time.perf_counter()
    work()
    synchronise()
    return time.perf_counter() - started


def with_settings(measure: Rate, **settings: Any) -> Rate:
    """The same with other settings."""
    return lambda config, epochs: measure(dataclasses.replace(config, **settings), epochs)


def with_large_batches(measure: Rate) -> Rate:
    """The same with batches LARGE times as big."""
    return lambda config, epochs: measure(
        dataclasses.replace(config, batch_size=LARGE * config.batch_size), epochs
    )


def of_method(make: Callable[[], Balancer], **settings: Any) -> Rate:
    """Whole epochs of a method."""
    return with_settings(lambda config, epochs: whole_epoch(config, epochs, [make()]), **settings)


ROWS: dict[str, Rate] = {
    "bare pair": bare,
    "bare pair, CUDA graph": bare_in_a_graph,
    "bare pair, large batches": with_large_batches(bare),
    "bare pair, forward pass alone": bare_forward,
    "bare pair, forward pass alone, large batches": with_large_batches(bare_forward),
    "joint, training pass": training_pass,
    "joint, training pass without probes": with_settings(training_pass, probes=False),
    "joint, training pass in fp32": with_settings(training_pass, precision="fp32"),
    "joint, training pass, large batches": with_large_batches(training_pass),
    "joint, training pass, two frames": with_settings(training_pass, frames=2),
    "joint, training pass, compiled": with_settings(training_pass, compile=True),
    "joint, features of the training split": features_pass,
    "joint, whole epoch": whole_epoch,
    "joint, whole epoch, compiled": with_settings(whole_epoch, compile=True),
    "boosting, whole epoch": of_method(lambda: Boosting(period=1)),
    "D&R, whole epoch, diagnosed": of_method(lambda: DiagnoseRelearn(every=1), diagnose="every_epoch"),
}
"""Name -> what gives its samples per second."""


def measured(config: TrainerConfig, options: argparse.Namespace) -> dict[str, Any]:
    """Samples per second of each row that the device can run."""
    rates: dict[str, float] = {}
    shares: dict[str, float] = {}
    for name in options.rows:
        if "CUDA" in name and not torch.cuda.is_available():
            continue
        beside = bare(config, 1)
        started = time.perf_counter()
        rates[name] = ROWS[name](config, options.epochs)
        shares[name] = rates[name] / beside
        took = time.perf_counter() - started
        print(
            f"{name:38} {rates[name]:8.1f} samples/s, {shares[name]:5.3f} of bare ({took:.0f} s)", flush=True
        )
    return {"samples_per_second": rates, "shares_of_bare": shares, "graphs": compiled_graphs()}


def compiled_graphs() -> int:
    """Graphs that were compiled in this process."""
    from torch._dynamo.utils import counters

    return int(counters["stats"]["unique_graphs"])


# -- several processes -------------------------------------------------------------------------------------


def shared_rates(config: TrainerConfig, options: argparse.Namespace) -> dict[str, float]:
    """Samples per second of processes that train joint beside each other, in total."""
    totals: dict[str, float] = {}
    for name, around in {"plain": contextlib.nullcontext, "MPS": mps}.items():
        if name == "MPS" and not (shutil.which(MPS) and torch.cuda.is_available()):
            continue
        with around():
            for compiled, count in itertools.product((False, True), options.processes):
                title = f"{count} processes, {name}{', compiled' if compiled else ''}"
                totals[title] = together(dataclasses.replace(config, compile=compiled), count, options.epochs)
                print(f"{title:38} {totals[title]:8.1f} samples/s in total", flush=True)
    return totals


@contextlib.contextmanager
def mps() -> Iterator[None]:
    """A daemon of our own, which the processes that begin inside find."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CUDA_MPS_PIPE_DIRECTORY"], os.environ["CUDA_MPS_LOG_DIRECTORY"] = folder, folder
        subprocess.run([MPS, "-d"], check=True)
        try:
            yield
        finally:
            subprocess.run([MPS], input=b"quit\n", check=True)
            del os.environ["CUDA_MPS_PIPE_DIRECTORY"], os.environ["CUDA_MPS_LOG_DIRECTORY"]


def together(config: TrainerConfig, count: int, epochs: int) -> float:
    """Samples per second of so many processes, each over epochs in which all others train, too."""
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager:
        ready = manager.Barrier(count)
        with ProcessPoolExecutor(count, mp_context=context) as pool:
            rates = pool.map(one_of_several, [config] * count, [ready] * count, [epochs] * count)
            return sum(rates)


def one_of_several(config: TrainerConfig, ready: Any, epochs: int) -> float:
    """Samples per second of this process, from when all are ready; the median of its epochs."""
    trainer = Trainer(config)
    trainer.run_epoch()
    ready.wait()
    rates = [rate(trainer, 1, lambda: trainer._train()) for _ in range(2 * epochs)]
    ready.wait()  # nobody has ended before all are done
    return statistics.median(rates)


# -- waiting -----------------------------------------------------------------------------------------------


def compile_seconds(config: TrainerConfig) -> dict[str, float]:
    """Building a trainer and its first epoch, in two processes one after the other that share a new cache."""
    context, taken = multiprocessing.get_context("spawn"), {}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = folder
        for name in ("first", "second"):
            with ProcessPoolExecutor(1, mp_context=context) as pool:
                compiled = dataclasses.replace(config, compile=True)
                taken[f"{name} compiled run of a node"] = pool.submit(first_epoch, compiled).result()
        del os.environ["TORCHINDUCTOR_CACHE_DIR"]
    taken["a run that is not compiled"] = first_epoch(config)
    for name, value in taken.items():
        print(f"{name}, built and one epoch trained: {value:.1f} s", flush=True)
    return taken


def first_epoch(config: TrainerConfig) -> float:
    """Seconds until a trainer is built and has trained an epoch."""
    return seconds(lambda: Trainer(config).run_epoch())


def checkpoint_seconds(config: TrainerConfig) -> dict[str, float]:
    """What training waits for, and what a thread does beside it."""
    trainer = Trainer(config)
    trainer.run_epoch()
    trainer.state_dict()  # takes pinned memory, which stays
    copied = seconds(trainer.state_dict)
    state = trainer.state_dict()
    with tempfile.TemporaryDirectory() as folder:
        written = seconds(lambda: write_checkpoint(Path(folder, "state"), state))
    print(f"a checkpoint is copied in {copied:.3f} s and written in {written:.3f} s", flush=True)
    return {"checkpoint copied": copied, "checkpoint written": written}


# -- precision ---------------------------------------------------------------------------------------------


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
