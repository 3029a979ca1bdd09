"""How much memory a preparation takes at its highest, all its processes together.

    python tests/benchmarks/prepare_memory.py                      # every case as large as its files may be
    python tests/benchmarks/prepare_memory.py --share 0.05 --cases npz sound

Each case is generated, prepared by the command line in processes of its own and removed. Its peak is the
largest sum, over the command and all processes that it starts, of their proportional set sizes: what each has
for itself, and its share of what several have, the libraries that they import among it. At most 2 GiB.

- npz, parquet: one file of own arrays as large as all memory together, since they are read in blocks.
- columns, texts, published, pickle: what is held in memory, as large as the limit: an array that is stored
  column by column, names in Parquet, RAVDESS's table, and a pickle in the layout of unaligned_50.pkl.
- rows: as many samples as one data set may have, of a few numbers each.
- list: a list of as many clips as one data set may have, nearly all missing.
- sound: recordings as long as the limit. - pictures: of as many pixels as the limit. - films: and in files of
  as many bytes.
- flow: films of as many pixels as are held to compute it.

Processes are started after the first file of the store, and as many as by default on a machine with eight
cores. Prints a line per case and one JSON object at the end; exit code 1 if a case is above the limit, or was
refused.
"""

import argparse
import contextlib
import json
import pickle
import subprocess
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
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

MIB = 2**20
LIMIT = 2048.0
EVERY = 0.02
"""Seconds between two samples of the memory."""
COMMAND = """
import sys
import joblib
joblib.cpu_count = lambda: 8
from trainables.multimodal.data.preparing import shards
from trainables.multimodal.data.preparing import worker_processes
worker_processes.WORTH_SECONDS = worker_processes.START_SECONDS = 0.0
shards.MOST_SHARD_SAMPLES = int(sys.argv.pop(1))
from study.prepare import main
sys.exit(main())
"""
STREAMED, HELD, HELD_PARQUET = 2048 * MIB, 630 * MIB, 240 * MIB
SAMPLES, LINES = 250_000, 250_000
SECONDS, SIDE, FILM, FLOW = 600, 4096, (4096, 2304), (1328, 944)


def main() -> int:
    """Measure, compare, print."""
    options = parse()
    peaks = {name: measured(name, options.share) for name in options.cases}
    for name, peak in peaks.items():
        print(f"{name}: {peak:.0f} MiB, at most {LIMIT:.0f}")
    print(json.dumps({**vars(options), **peaks}))
    return int(any(not peak <= LIMIT for peak in peaks.values()))


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Which cases, and how large."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--share", type=float, default=1.0, help="of the limit that a case has")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    return parser.parse_args(arguments)


def measured(name: str, share: float) -> float:
    """MiB of a case at its highest; NaN where it was refused."""
    data_set, write, rows = CASES[name]
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "raw")
        source.mkdir()
        write(source, share)
        given = [
            sys.executable,
            "-c",
            COMMAND,
            str(rows),
            data_set,
            "--skip-up-to",
            "1",
            "--source",
            str(source),
        ]
        with subprocess.Popen(
            [*given, "--out", str(Path(folder, "store"))], stdout=subprocess.DEVNULL
        ) as command:
            peak = watched(command)
        return peak if command.returncode == 0 else float("nan")


def watched(command: "subprocess.Popen[bytes]") -> float:
    """MiB of a process and its descendants at their highest, until it ends."""
    peak = [0.0]

    def watch() -> None:
        while command.poll() is None:
            peak[0] = max(peak[0], together(command.pid))
            time.sleep(EVERY)

    watcher = threading.Thread(target=watch)
    watcher.start()
    watcher.join()
    return peak[0]


def together(pid: int) -> float:
    """Proportional set sizes of a process and its descendants, in MiB."""
    found = 0
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        found = sum(proportional(each.pid) for each in [process, *process.children(recursive=True)])
    return found / MIB


def proportional(pid: int) -> int:
    """Bytes of one process; 0 once it has ended."""
    with contextlib.suppress(OSError):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return 0


def write_npz(root: Path, share: float) -> None:
    """Half the numbers in float64, which the store keeps as float32."""
    rows = int(share * STREAMED / 12 / 1024)
    draw = np.random.default_rng(0)
    np.savez(
        root / "table.npz",
        **{"modality:a": draw.random((rows, 1024)), "modality:b": draw.random((rows, 1024), np.float32)},
        label=np.arange(rows) % 5,
    )


def write_parquet(root: Path, share: float) -> None:
    """The same as lists."""
    rows = int(share * STREAMED / 12 / 1024)
    columns = {
        f"modality:{kind}": pa.FixedSizeListArray.from_arrays(
            pa.array(np.random.default_rng(0).random(rows * 1024).astype(kind)), 1024
        )
        for kind in ("float32", "float64")
    }
    lists = {name: column.cast(pa.list_(column.type.value_type)) for name, column in columns.items()}
    pq.write_table(pa.table({**lists, "label": np.arange(rows) % 5}), root / "table.parquet")


def write_columns(root: Path, share: float) -> None:
    """An array as Fortran and R keep it."""
    rows = int(share * HELD / 4 / 1024)
    values = np.asfortranarray(np.random.default_rng(0).random((rows, 1024), np.float32))
    np.savez(root / "table.npz", **{"modality:a": values}, label=np.arange(rows) % 5)


def write_texts(root: Path, share: float) -> None:
    """Long names of groups, each of which the file holds once."""
    rows = int(share * SAMPLES)
    groups = [f"{row // 10:0{HELD_PARQUET // SAMPLES}d}" for row in range(rows)]
    values = pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(rows, np.float32)), 1)
    columns = {"modality:a": values, "label": np.arange(rows) % 5, "group": groups}
    pq.write_table(pa.table(columns), root / "table.parquet")


def write_published(root: Path, share: float) -> None:
    """The table of RAVDESS with spectrograms in float64, of which the store keeps bytes."""
    rows = int(share * HELD / 8 / (200 * 64 + 35))
    np.savez(
        root / "ravdess_av.npz",
        clip=np.arange(rows).astype("U"), emotion=np.arange(rows) % 8, actor=np.arange(rows) // 8 % 24 + 1,
        face_au=np.zeros((rows, 35)), logmel=np.random.default_rng(0).random((rows, 200, 64)),
    )  # fmt: skip


def write_pickle(root: Path, share: float) -> None:
    """Text as float32, sound and vision as float64, as long as in unaligned_50.pkl."""
    draw = np.random.default_rng(0)
    total = int(share * HELD / (50 * 768 * 4 + 375 * 5 * 8 + 500 * 20 * 8))
    content = {}
    for part, count in {"train": 6 * total // 10, "valid": total // 5, "test": total // 5}.items():
        content[part] = {
            "text": draw.random((count, 50, 768), np.float32),
            "audio": draw.random((count, 375, 5)),
            "vision": draw.random((count, 500, 20)),
            "id": [f"{part}{number // 10}$_${number}" for number in range(count)],
            "regression_labels": draw.uniform(-3, 3, count),
        }
    with (root / "unaligned_50.pkl").open("wb") as stream:
        pickle.dump(content, stream, 4)


def write_rows(root: Path, share: float) -> None:
    """Many small samples with long names and groups."""
    rows = int(share * SAMPLES)
    numbers = np.arange(rows)
    names = np.char.add("a-sample-with-a-name-of-some-length-", numbers.astype("U"))
    np.savez(
        root / "table.npz",
        **{"modality:a": np.random.default_rng(0).random((rows, 8), np.float32)},
        label=numbers % 5, id=names, group=np.char.add("group-", (numbers // 10).astype("U")),
    )  # fmt: skip


def write_list(root: Path, share: float) -> None:
    """A long list, of whose clips few are there."""
    write_clips(root, int(share * LINES), 800, (64, 48))


def write_films(root: Path, share: float) -> None:
    """Few clips of large frames."""
    write_clips(root, 24, 24, scaled(FILM, share))


def scaled(size: tuple[int, int], share: float) -> tuple[int, int]:
    """A size of that share of the pixels."""
    width, height = (int(share**0.5 * side) // 16 * 16 for side in size)
    return width, height


def write_clips(root: Path, listed: int, there: int, size: tuple[int, int]) -> None:
    """VGGSound's list, and one clip under many names."""
    parts = ("train", "train", "train", "test")
    names = [f"clip{number:07d}" for number in range(listed)]
    (root / "vggsound.csv").write_text(
        "".join(f"{name},30,class {n % 2},{parts[n // 2 % 4]}\n" for n, name in enumerate(names))
    )
    write_film(root / f"{names[0]}_30.mp4", size, 12)
    for name in names[1:there]:
        (root / f"{name}_30.mp4").hardlink_to(root / f"{names[0]}_30.mp4")


def write_sound(root: Path, share: float) -> None:
    """Recordings of digits, 8 kHz in four channels."""
    (root / "recordings").mkdir()
    samples = int(share * SECONDS * 8000)
    noise = np.random.default_rng(0).integers(-9000, 9000, (samples, 4), dtype=np.int16)
    for digit in range(10):
        for number in (0, 5, 10):
            with wave.open(str(root / "recordings" / f"{digit}_ann_{number}.wav"), "wb") as stream:
                stream.setnchannels(4)
                stream.setsampwidth(2)
                stream.setframerate(8000)
                stream.writeframes(noise.tobytes())


def write_pictures(root: Path, share: float) -> None:
    """Tweets with png files of four channels, which have to be converted, and progressive jpg files."""
    side = int(share**0.5 * SIDE)
    (root / "text").mkdir()
    (root / "dataset_image").mkdir()
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (side, side, 4), dtype=np.uint8))
    picture.save(root / "0.png", compress_level=1)
    picture.convert("RGB").save(root / "1.jpg", progressive=True)
    for start, table in enumerate(("train.txt", "valid2.txt", "test2.txt")):
        names = [f"9{start}{number:03d}" for number in range(12)]
        rows = [repr([name, f"words {name}", n % 2, n % 2]) for n, name in enumerate(names)]
        (root / "text" / table).write_text("\n".join(rows) + "\n")
        for n, name in enumerate(names):
            (root / "dataset_image" / f"{name}.jpg").hardlink_to(root / ("0.png", "1.jpg")[n % 2])


def write_flow(root: Path, share: float) -> None:
    """Clips of UCF-101, with flow to compute."""
    first, *others = [root / f"v_{name}_g{n:02d}_c01.avi" for name in ("Archery", "Diving") for n in range(9)]
    write_film(first, scaled(FLOW, share), 24)
    for file in others:
        file.hardlink_to(first)


def write_film(file: Path, size: tuple[int, int], frames: int) -> None:
    """Noise that moves, with sound, as large as it can be coded."""
    noise = np.random.default_rng(0).integers(0, 256, (size[1] // 8, size[0] // 8, 3), dtype=np.uint8)
    picture = np.kron(noise, np.ones((8, 8, 1), np.uint8))
    with av.open(str(file), "w") as container:
        stream: Any = container.add_stream("mpeg4", rate=Fraction(24))
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        coder = stream.codec_context
        coder.gop_size, coder.qmin, coder.qmax, coder.bit_rate = 1, 1, 1, 10**9
        track: Any = container.add_stream("aac", rate=16_000)
        track.layout = "mono"
        for step in range(frames):
            frame = av.VideoFrame.from_ndarray(np.roll(picture, step, axis=1), format="rgb24")
            container.mux(stream.encode(frame))
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 16_000), np.float32), format="fltp", layout="mono")
        sound.sample_rate = 16_000
        container.mux(track.encode(sound))
        container.mux(stream.encode(None))
        container.mux(track.encode(None))


Case = tuple[str, Callable[[Path, float], None], int]
CASES: dict[str, Case] = {
    "npz": ("features", write_npz, 256),
    "parquet": ("features", write_parquet, 256),
    "columns": ("features", write_columns, 256),
    "texts": ("features", write_texts, 256),
    "published": ("ravdess", write_published, 256),
    "pickle": ("mosi-sequences", write_pickle, 256),
    "rows": ("features", write_rows, 256),
    "list": ("vggsound", write_list, 256),
    "sound": ("avdigits", write_sound, 2),
    "pictures": ("sarcasm", write_pictures, 2),
    "films": ("vggsound", write_films, 1),
    "flow": ("ucf101", write_flow, 1),
}
"""Case -> data set, what writes its files, and samples to a file of the store, so that all processes work."""


if __name__ == "__main__":
    sys.exit(main())
