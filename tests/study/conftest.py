"""Fixtures of the study's tests."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from toy_study import SETTINGS

from study.analysis import looks
from study.ledger import Ledger
from study.place import sqlite_url
from trainables.multimodal.data.datasets import read_source
from trainables.multimodal.data.writer import write_store


@pytest.fixture(autouse=True)
def _coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures of few pixels are drawn sooner; those that fixtures of wider scope draw are as published."""
    monkeypatch.setitem(looks.RC, "savefig.dpi", 45)


@pytest.fixture(scope="session")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger with settings and no trials, to be copied: making the tables takes a second."""
    path = tmp_path_factory.mktemp("begun") / "ledger.db"
    ledger = Ledger(sqlite_url(path), "toy")
    ledger.save_settings(SETTINGS)
    ledger.close()
    return path


@pytest.fixture
def open_toy(begun: Path, tmp_path: Path) -> Iterator[Callable[[], Ledger]]:
    """Opens the same ledger anew each time, as another driver would."""
    path = Path(shutil.copy(begun, tmp_path))
    opened: list[Ledger] = []

    def open_again() -> Ledger:
        opened.append(Ledger(sqlite_url(path), "toy"))
        return opened[-1]

    yield open_again
    for ledger in opened:
        ledger.close()


@pytest.fixture(scope="session")
def make_toy_store() -> Callable[[Path], Path]:
    """Sixty samples of three classes with a strong and a weak modality, prepared below a folder."""

    def make(root: Path) -> Path:
        draw = np.random.default_rng(0)
        label = np.arange(60) % 3
        arrays = {
            "modality:strong": (label[:, None] + 0.3 * draw.normal(size=(60, 4))).astype(np.float32),
            "modality:weak": (0.3 * label[:, None] + draw.normal(size=(60, 4))).astype(np.float32),
        }
        raw = root / "raw"
        raw.mkdir()
        np.savez(raw / "toy.npz", label=label, **arrays)
        return write_store(read_source("features", raw), root / "toy").path

    return make


@pytest.fixture
def toy_store(make_toy_store: Callable[[Path], Path], tmp_path: Path) -> Path:
    """A toy store of the test's own."""
    return make_toy_store(tmp_path)
