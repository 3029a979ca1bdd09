"""Toy sources and a small raw tree, for tests of the data layer."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trainables.multimodal.data import sample
from trainables.multimodal.data.audio import Fbank
from trainables.multimodal.data.recipes import Recipe
from trainables.multimodal.data.source import Source
from trainables.multimodal.data.store import Arrays, Modality
from trainables.multimodal.data.video import Frames
from trainables.multimodal.errors import InputError

TOY = 12
MODALITIES = {"vector": Modality("vector", (3,), "float32"), "image": Modality("image", (1, 2, 2), "uint8")}


def toy_arrays(row: int) -> Arrays:
    """Numbers that tell the row."""
    return {"vector": np.arange(3, dtype=np.float32) + row, "image": np.full((1, 2, 2), row, np.uint8)}


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
    sample.generate(root, actors=sample.ACTORS[:3])
    return root


@pytest.fixture
def raw(_generated: Path, tmp_path: Path) -> Path:
    """A copy, free to be broken, of the raw tree of three actors with 20 clips each."""
    return Path(shutil.copytree(_generated, tmp_path / "raw"))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data named by STUDY_TEST_DATA; tests that need it are skipped without."""
    folder = os.environ.get("STUDY_TEST_DATA")
    if not folder:
        pytest.skip("STUDY_TEST_DATA is not set")
    return Path(folder)
