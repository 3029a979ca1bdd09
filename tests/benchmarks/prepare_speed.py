"""Clips per second of preparation on one and on all cores, and what a store saves over decoding every epoch.

    python tests/benchmarks/prepare_speed.py                      # 2,560 clips of 2 s (wav and flv, 96 px)
    python tests/benchmarks/prepare_speed.py --clips 24 --actors 3

- clips per second with 1 process and with --workers, and the share of the cores' time that those used: at
  least 150 clips/s on two cores and 0.9 of both.
- epoch: decoding and transforming all clips, against reading them from the store; at least 50.

Clips are spread over as many files as CREMA-D makes. To start the processes, which takes seconds, counts:
small sizes show whether the script works, not how fast the preparation is. Prints a line per measurement and
one JSON object at the end; exit code 1 if one is below its limit.
"""

import argparse
import contextlib
import json
import os
import sys
import tempfile
import threading
import time
import wave
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import psutil

from trainables.multimodal.data.adapters import cremad
from trainables.multimodal.data.media.audio import Fbank
from trainables.multimodal.data.media.video import Frames
from trainables.multimodal.data.preparing import shards, worker_processes
from trainables.multimodal.data.preparing.writer import write_store
from trainables.multimodal.data.recipes import Recipe
from trainables.multimodal.data.source import Source
from trainables.multimodal.data.store.feature_store import FeatureStore

LIMITS = {"clips_per_second": 150.0, "share_of_cores": 0.9, "epoch": 50.0}
RATE, PICTURES, SECONDS, SIZE = 16_000, 30, 2, 96
EPOCHS = 5
FILES = 30


def main() -> int:
    """Measure, compare, print."""
    options = parse()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "raw")
        write_clips(root, options.clips, options.actors)
        recipe = Recipe("dnr-fbank", {"audio": Fbank(time_steps=256), "visual": Frames(image_size=SIZE)})
        report = measure(cremad.read(root, recipe), Path(folder), options.workers)
    for name, value in report.items():
        print(f"{name}: {value:.2f}{f', at least {LIMITS[name]}' if name in LIMITS else ''}")
    print(json.dumps({**vars(options), "cores": os.cpu_count(), **report}))
    return int(any(report[name] < limit for name, limit in LIMITS.items()))


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Sizes of the measurement."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=int, default=2560)
    parser.add_argument("--actors", type=int, default=20, help="whom the clips are shared among")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    return parser.parse_args(arguments)


def write_clips(root: Path, clips: int, actors: int) -> None:
    """Noise as sound and moving colours as pictures, in CREMA-D's layout, every class for every actor."""
    for name in ("AudioWAV", "VideoFlash"):
        (root / name).mkdir(parents=True)
    for number in range(clips):
        draw = np.random.default_rng(number)
        place, actor = divmod(number, actors)
        emotion = cremad.CLASSES[place % len(cremad.CLASSES)]
        sentence = "".join(chr(ord("A") + place // 6 // 26**power % 26) for power in (2, 1, 0))
        clip = f"{1001 + actor}_{sentence}_{emotion}_XX"
        write_wav(root / "AudioWAV" / f"{clip}.wav", draw)
        write_flv(root / "VideoFlash" / f"{clip}.flv", draw)


def write_wav(file: Path, draw: np.random.Generator) -> None:
    """Two seconds of noise, 16 bit mono."""
    with wave.open(str(file), "wb") as stream:
        stream.setnchannels(1)
        stream.setsampwidth(2)
        stream.setframerate(RATE)
        stream.writeframes(draw.integers(-9000, 9000, RATE * SECONDS).astype("<i2").tobytes())


def write_flv(file: Path, draw: np.random.Generator) -> None:
    """Two seconds of coloured blocks that move."""
    blocks = np.kron(draw.integers(0, 256, (6, 6, 3), dtype=np.uint8), np.ones((16, 16, 1), np.uint8))
    with av.open(str(file), "w", format="flv") as container:
        stream: Any = container.add_stream("flv", rate=Fraction(PICTURES))
        stream.width = stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        for step in range(PICTURES * SECONDS):
            frame = av.VideoFrame.from_ndarray(np.roll(blocks, step, axis=1), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def measure(source: Source, folder: Path, processes: int) -> dict[str, float]:
    """Rates, the share of the cores that was used, and the ratio of the two kinds of epoch."""
    clips = len(source.ids)
    shards.MOST_SHARD_SAMPLES = max(1, clips // FILES)
    one, _ = timed(lambda: write_store(source, folder / "one"))
    worker_processes.WORTH_SECONDS = 0.0  # processes at once, however short the work is
    many, used = timed(lambda: write_store(source, folder / "many", workers=processes))
    store = FeatureStore.open(folder / "one")
    decoding, _ = timed(lambda: [source.load(row) for row in range(clips)])
    reading, _ = timed(lambda: [read(store, epoch) for epoch in range(EPOCHS)])
    return {
        "clips_per_second_alone": clips / one,
        "clips_per_second": clips / many,
        "share_of_cores": used / many / min(processes, os.cpu_count() or 1),
        "epoch": decoding / (reading / EPOCHS),
    }


def read(store: FeatureStore, epoch: int) -> None:
    """Every sample once, in batches of 64, in an order of the epoch's own."""
    order = np.random.default_rng(epoch).permutation(len(store))
    for start in range(0, len(order), 64):
        for name in store.modalities:
            store.read(name, order[start : start + 64])


def timed(action: Callable[[], Any]) -> tuple[float, float]:
    """Seconds that an action takes by the clock, and of processors, in this process and all below it."""
    used: dict[int, float] = {}
    over = threading.Event()
    watch = threading.Thread(target=_watch, args=(used, over))
    before, started = _seconds(psutil.Process()), time.perf_counter()
    watch.start()
    action()
    elapsed = time.perf_counter() - started
    over.set()
    watch.join()
    return elapsed, _seconds(psutil.Process()) - before + sum(used.values())


def _watch(used: dict[int, float], over: threading.Event) -> None:
    """Note what each process below this one has used, until it ends: nobody tells afterwards."""
    while not over.wait(0.1):
        for process in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                used[process.pid] = _seconds(process)


def _seconds(process: psutil.Process) -> float:
    """What a process itself has used."""
    times = process.cpu_times()
    return float(times.user + times.system)


if __name__ == "__main__":
    sys.exit(main())
