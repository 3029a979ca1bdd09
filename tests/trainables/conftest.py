"""Toy stores and trainers: a few dozen samples, encoders of a handful of channels."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trainables.multimodal.config import TrainerConfig
from trainables.multimodal.data.preparing.writer import write_store
from trainables.multimodal.data.source import Source
from trainables.multimodal.data.store.feature_store import Modality, Quantity
from trainables.multimodal.trainer import Trainer

SHAPES = {"vector": (6,), "clip": (4, 3, 16, 16), "sequence": (12, 8), "image": (2, 16, 16)}
ENCODERS = {"clip": "resnet10", "sequence": "transformer", "image": "resnet10"}
PARTS = {"train": 24, "validation": 12, "test": 12}
CLASSES = 3
SETS = np.array([[0, 0, 0], [1, 0, 1], [1, 1, 0]], np.bool_)
"""Labels of the samples of each class, where they have several."""


def toy_arrays(labels: np.ndarray, count: int) -> dict[str, np.ndarray]:
    """The first `count` modalities; each sample is noise around a level that its label gives."""
    draw = np.random.default_rng(0)
    arrays = {}
    for name, shape in list(SHAPES.items())[:count]:
        level = labels.reshape(-1, *[1] * len(shape))
        values = draw.normal(size=(len(labels), *shape)) + 0.7 * level
        bytes_ = np.clip(values * 30 + 100, 0, 255).astype(np.uint8)
        arrays[name] = bytes_ if name == "clip" else values.astype(np.float32)
    return arrays


def toy_values(labels: np.ndarray) -> np.ndarray:
    """A number for each sample that its label shifts, of both signs."""
    draw = np.random.default_rng(1)
    return (labels - 1 + draw.uniform(-0.9, 0.9, size=len(labels))).astype(np.float32)


def toy_gaps(samples: int, count: int) -> dict[str, np.ndarray]:
    """Who has the vector and the clip: nobody lacks both, and batches of 4 often hold no clip or one."""
    place = np.arange(samples) % 12
    return dict(list({"vector": place > 0, "clip": place < 3}.items())[:count])


def write_toy(
    folder: Path,
    labels: np.ndarray,
    arrays: dict[str, np.ndarray],
    *,
    values: np.ndarray | None = None,
    present: dict[str, np.ndarray] | None = None,
    groups: list[str] | None = None,
) -> Path:
    """A store with the split policy `toy`, in the order of PARTS."""
    parts = [part for part, size in PARTS.items() for _ in range(size)]
    source = Source(
        name="toy",
        root=folder,
        files=[],
        recipe={"name": "toy"},
        classes=tuple("abc"),
        modalities={name: Modality(name, a.shape[1:], str(a.dtype)) for name, a in arrays.items()},
        ids=[str(row) for row in range(len(labels))],
        labels=labels,
        groups=groups,
        splits={"toy": parts},
        default_split="toy",
        load=lambda row: {name: array[row] for name, array in arrays.items()},
        values=values,
        quantity=None if values is None else Quantity("mood", -2, 2),
        present=present or {},
    )
    return write_store(source, folder / "store").path


@pytest.fixture(scope="session")
def toy_store(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """Path of a store with the first n of the toy modalities; each is written once."""
    stores: dict[int, Path] = {}

    def get(count: int) -> Path:
        if count not in stores:
            labels = np.arange(sum(PARTS.values())) % CLASSES
            folder = tmp_path_factory.mktemp(f"toy-{count}")
            stores[count] = write_toy(folder, labels, toy_arrays(labels, count))
        return stores[count]

    return get


@pytest.fixture(scope="session")
def valued_store(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """Path of a store with the first n of the toy modalities and a number to predict for every sample."""

    @cache
    def get(count: int) -> Path:
        labels = np.arange(sum(PARTS.values())) % CLASSES
        folder = tmp_path_factory.mktemp(f"valued-{count}")
        return write_toy(folder, labels, toy_arrays(labels, count), values=toy_values(labels))

    return get


@pytest.fixture(scope="session")
def several_store(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """Path of a store with the first n of the toy modalities, and two labels of three per sample, or none."""

    @cache
    def get(count: int) -> Path:
        labels = np.arange(sum(PARTS.values())) % CLASSES
        folder = tmp_path_factory.mktemp(f"several-{count}")
        return write_toy(folder, SETS[labels], toy_arrays(labels, count))

    return get


@pytest.fixture(scope="session")
def gappy_store(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """As `toy_store`, but samples lack some of the n modalities, two at least."""

    @cache
    def get(count: int) -> Path:
        labels = np.arange(sum(PARTS.values())) % CLASSES
        folder = tmp_path_factory.mktemp(f"gappy-{count}")
        return write_toy(folder, labels, toy_arrays(labels, count), present=toy_gaps(len(labels), count))

    return get


@pytest.fixture
def grouped_store(tmp_path: Path) -> Callable[[str], Path]:
    """Path of a store with two of the toy modalities, whose samples belong to these groups in turn."""

    def get(groups: str) -> Path:
        labels = np.arange(sum(PARTS.values())) % CLASSES
        names = [groups[row % len(groups)] for row in range(len(labels))]
        return write_toy(tmp_path, labels, toy_arrays(labels, 2), groups=names)

    return get


@pytest.fixture(scope="session")
def settings(
    toy_store: Callable[[int], Path],
    valued_store: Callable[[int], Path],
    several_store: Callable[[int], Path],
) -> Callable[..., dict[str, Any]]:
    """Flat settings of a run on n toy modalities that takes milliseconds."""

    def get(modalities: int = 2, /, **changes: Any) -> dict[str, Any]:
        stores = {"regression": valued_store, "multilabel": several_store}
        store = stores.get(changes.get("task", ""), toy_store)
        data = str(store(modalities))
        encoders = {name: kind for name, kind in ENCODERS.items() if name in list(SHAPES)[:modalities]}
        sizes = {"width": 0.05, "hidden": 6, "d_model": 8, "layers": 1, "attention_heads": 2}
        small = {"epochs": 3, "batch_size": 12, "lr": 0.02, "threads": 1, "encoders": encoders, **sizes}
        return {"data": data, "device": "cpu", **small, **changes}

    return get


@pytest.fixture(scope="session")
def make_gappy(
    settings: Callable[..., dict[str, Any]], gappy_store: Callable[[int], Path]
) -> Callable[..., Trainer]:
    """A trainer on n toy modalities that some samples lack, in batches of 4."""

    def make(modalities: int = 2, balancers: Any = (), /, **changes: Any) -> Trainer:
        small = {"batch_size": 4, "lr": 1e-5}  # batch norm of two pictures of one pixel has huge gradients
        gappy = {"data": str(gappy_store(modalities)), **small}
        return Trainer(TrainerConfig(**settings(modalities, **{**gappy, **changes})), balancers)

    return make


@pytest.fixture(scope="session")
def make_trainer(settings: Callable[..., dict[str, Any]]) -> Callable[..., Trainer]:
    """A trainer on n toy modalities."""

    def make(modalities: int = 2, balancers: Any = (), /, **changes: Any) -> Trainer:
        return Trainer(TrainerConfig(**settings(modalities, **changes)), balancers)

    return make
