"""Toy sources and a small raw tree, for tests of the data layer."""

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image, ImageFilter

from trainables.multimodal.data.media.audio import Fbank
from trainables.multimodal.data.media.video import Frames
from trainables.multimodal.data.preparing import worker_processes
from trainables.multimodal.data.recipes import Recipe
from trainables.multimodal.data.sample import generate
from trainables.multimodal.data.source import Source
from trainables.multimodal.data.store.feature_store import Arrays, Modality
from trainables.multimodal.data.tables import parquet, safe_pickle
from trainables.multimodal.errors import InputError

TOY = 12
MODALITIES = {"vector": Modality("vector", (3,), "float32"), "image": Modality("image", (1, 2, 2), "uint8")}


def toy_arrays(row: int) -> Arrays:
    """Numbers that tell the row."""
    return {"vector": np.arange(3, dtype=np.float32) + row, "image": np.full((1, 2, 2), row, np.uint8)}


@pytest.fixture
def read_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables are read by this process only: to start another takes longer than most tests."""

    def require_readable(read: Callable[[Path], Any], file: Path, kind: str, **limits: Any) -> None:
        try:
            read(file)
        except Exception as error:  # whatever it is: the other process ends by it, which is a refusal
            raise InputError(f"{file} cannot be read as {kind} ({error})") from error

    for reader in (parquet, safe_pickle):
        monkeypatch.setattr(reader, "require_readable", require_readable)


@pytest.fixture
def toy_source(tmp_path: Path) -> Callable[..., Source]:
    """Twelve samples of two classes, all parts of the split `toy` complete; any field can be changed."""

    def make(**changes: Any) -> Source:
        fields = {
            "name": "toy",
            "root": tmp_path,
            "files": [],
            "recipe": {"name": "toy", "size": 2},
            "classes": ("no", "yes"),
            "modalities": MODALITIES,
            "ids": [f"s{row}" for row in range(TOY)],
            "labels": np.arange(TOY) % 2,
            "groups": [f"g{row // 4}" for row in range(TOY)],
            "splits": {"toy": ["train"] * 6 + ["validation"] * 3 + ["test"] * 3},
            "default_split": "toy",
            "load": toy_arrays,
        }
        return Source(**{**fields, **changes})

    return make


@pytest.fixture
def processes_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work is handed to processes after the first item."""
    monkeypatch.setattr(worker_processes, "WORTH_SECONDS", 0.0)
    monkeypatch.setattr(worker_processes, "_start_server", threading.Thread)  # never started, so not at work


@pytest.fixture
def broken_load() -> Callable[[int], Arrays]:
    """Loads all samples but number 5."""

    def load(row: int) -> Arrays:
        if row == 5:
            raise InputError("its file is broken")
        return toy_arrays(row)

    return load


@pytest.fixture(scope="session")
def tiny_recipe() -> Recipe:
    """The published recipe, small."""
    return Recipe(
        "dnr-fbank",
        {"audio": Fbank(mel_bins=16, time_steps=40), "visual": Frames(frames=2, image_size=16)},
    )


@pytest.fixture(scope="session")
def _generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("generated") / "raw"
    generate.generate(root, actors=generate.ACTORS[:3])
    return root


@pytest.fixture
def raw(_generated: Path, tmp_path: Path) -> Path:
    """A copy, free to be broken, of the raw tree of three actors with 48 clips each."""
    return Path(shutil.copytree(_generated, tmp_path / "raw"))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data named by STUDY_TEST_DATA; tests that need it are skipped without."""
    folder = os.environ.get("STUDY_TEST_DATA")
    if not folder:
        pytest.skip("STUDY_TEST_DATA is not set")
    return Path(folder)


Sound = tuple[str, int, np.ndarray]
"""Codec, samples per second, and waveform [channels, samples] in -1..1."""


def _encode(container: Any, stream: Any, frames: Any) -> None:
    for frame in [*frames, None]:
        container.mux(stream.encode(frame))


def _write_sound(container: Any, stream: Any, waveform: np.ndarray) -> None:
    layout = {1: "mono", 2: "stereo"}[len(waveform)]
    frame = av.AudioFrame.from_ndarray(waveform.astype(np.float32), format="fltp", layout=layout)
    frame.sample_rate = stream.rate
    size = stream.codec_context.frame_size or None
    resampler = av.AudioResampler(stream.format.name, layout, stream.rate, frame_size=size)
    _encode(container, stream, [*resampler.resample(frame), *resampler.resample(None)])


@pytest.fixture(scope="session")
def film() -> Callable[..., Path]:
    """Writes a clip of pictures [F, H, W, 3], 25 a second, in the container that its suffix names."""

    def write(file: Path, pictures: np.ndarray, codec: str = "mpeg4", sound: Sound | None = None) -> Path:
        file.parent.mkdir(parents=True, exist_ok=True)
        with av.open(str(file), "w") as container:
            video: Any = container.add_stream(codec, rate=25)
            video.height, video.width = pictures.shape[1:3]
            video.pix_fmt = "yuv420p"
            video.bit_rate = 4_000_000
            audio: Any = container.add_stream(sound[0], rate=sound[1]) if sound else None
            if sound:
                audio.layout = {1: "mono", 2: "stereo"}[len(sound[2])]
            _encode(container, video, [av.VideoFrame.from_ndarray(image) for image in pictures])
            if sound:
                _write_sound(container, audio, sound[2])
        return file

    return write


@pytest.fixture(scope="session")
def texture() -> Callable[[int, int], np.ndarray]:
    """A smooth random picture [48, 64, 3] that has moved by so many pixels to the right and downwards."""
    noise = np.random.default_rng(0).integers(0, 256, (160, 160), dtype=np.uint8)
    canvas = np.asarray(Image.fromarray(noise).filter(ImageFilter.GaussianBlur(2)), np.float32)
    canvas = np.clip((canvas - canvas.mean()) * 5 + 128, 0, 255).astype(np.uint8)

    def moved(x: int, y: int) -> np.ndarray:
        return np.repeat(canvas[50 - y : 98 - y, 50 - x : 114 - x, None], 3, axis=2).copy()

    return moved


@pytest.fixture(scope="session")
def tone() -> Callable[..., np.ndarray]:
    """A sine [channels, samples] of 440 Hz."""

    def make(seconds: float, rate: int, gains: tuple[float, ...] = (0.5,)) -> np.ndarray:
        wave = np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)
        return np.stack([gain * wave for gain in gains]).astype(np.float32)

    return make


@pytest.fixture
def require_comparison(tmp_path: Path) -> Callable[..., None]:
    """Prepares raw files and compares all methods on them, with next to no budget."""

    def run(dataset: str, source: Path, *recipe: str) -> None:
        store, results = tmp_path / "compared-store", tmp_path / "compared-results"
        prepare = ["study.prepare", dataset, "--source", source, "--out", store, *recipe]
        study = ["study.run", f"{dataset}_compare", "--data", store, "--results", results]
        budget = ["--trials", "1", "--seeds", "1", "--epochs", "3", "--finalists", "0", "--device", "cpu"]
        small = ["--set", "width=0.25", "--set", "batch_size=4"]
        for command in (prepare, [*study, *budget, *small]):
            subprocess.run([sys.executable, "-m", *command], check=True, timeout=600)
        summary = json.loads(next(results.glob("*/summary.json")).read_text())
        found = summary["methods"]
        assert summary["complete"]
        for method in ("joint", "diagnose_relearn", "boosting", "dr_boosting", "ogm_ge", "late_fusion"):
            assert found[method]["test"]["accuracy"]["mean"] is not None

    return run
