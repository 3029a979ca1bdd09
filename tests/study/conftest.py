"""Fixtures of the study's tests."""

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sketches import sketch
from synthetic import Synthetic
from synthetic_studies import boosting_study, comparison_study, folded_study, study_settings, whole_study
from toy_study import TOY, write_toy_store

from study.records.database import sqlite_url
from study.records.ledger import Ledger
from study.records.trial_record import Record
from study.reporting.drawing import style
from study.request import StudyRequest, resolved
from study.settings import StudySettings
from study.studies import Study
from trainables.multimodal.data.store.feature_store import FeatureStore
from trainables.multimodal.own_parts import digest


@pytest.fixture(autouse=True)
def _coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures of few pixels are drawn sooner; those that fixtures of wider scope draw are as published."""
    monkeypatch.setitem(style.RC, "savefig.dpi", 45)


@pytest.fixture
def sketched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are sketched."""
    sketch(monkeypatch.setitem, monkeypatch.setattr)


@pytest.fixture(scope="session")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger with settings and no trials, to be copied: making the tables takes a second."""
    path = tmp_path_factory.mktemp("begun") / "ledger.db"
    ledger = Ledger(sqlite_url(path), "toy")
    ledger.save_settings(TOY)
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
def make_toy_store() -> Callable[..., Path]:
    """Prepares a toy store below a folder."""
    return write_toy_store


@pytest.fixture
def toy_store(make_toy_store: Callable[..., Path], tmp_path: Path) -> Path:
    """A toy store of the test's own."""
    return make_toy_store(tmp_path)


OWN_NETS = """
from torch import nn
from trainables.multimodal.balancers.base import Balancer


class Net(nn.Sequential):
    features = 4

    def __init__(self, shape, spec):
        super().__init__(nn.Linear(shape[0], self.features))


class Idle(Balancer):
    pass
"""


@pytest.fixture
def own_nets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """File of a module `own_nets` with an encoder and a balancer; it is forgotten afterwards."""
    file = tmp_path / "code" / "own_nets.py"
    file.parent.mkdir()
    file.write_text(OWN_NETS)
    monkeypatch.syspath_prepend(file.parent)
    digest.cache_clear()
    yield file
    digest.cache_clear()
    sys.modules.pop("own_nets", None)


@pytest.fixture
def resolved_on_toys(toy_store: Path) -> Callable[..., StudySettings]:
    """Settings of a study, asked of the toy store."""

    def resolve(study: Study, **asked: Any) -> StudySettings:
        return resolved("toy", study, FeatureStore.open(toy_store), StudyRequest(**asked))

    return resolve


@pytest.fixture
def synthetic() -> Callable[..., Synthetic]:
    return Synthetic


@pytest.fixture
def settings() -> Callable[..., StudySettings]:
    return study_settings


@pytest.fixture
def whole() -> Callable[..., Synthetic]:
    return whole_study


@pytest.fixture(scope="session")
def module_study() -> tuple[StudySettings, list[Record]]:
    """Settings and records of one finished study, for tests that only read what is made of it."""
    return study_settings(), whole_study().records


@pytest.fixture(scope="session")
def compared_methods() -> tuple[StudySettings, list[Record]]:
    """Settings and records of a comparison of twelve methods."""
    return comparison_study()


@pytest.fixture(scope="session")
def boosted() -> tuple[StudySettings, list[Record]]:
    """Settings and records of a study of boosting with its sweeps."""
    return boosting_study()


@pytest.fixture(scope="session")
def folded() -> tuple[StudySettings, list[Record]]:
    """Settings and records of a study with finalists, five folds and published values."""
    return folded_study()


@pytest.fixture(scope="session")
def three_modalities() -> tuple[StudySettings, list[Record]]:
    """Settings and records of a comparison with three modalities, and so with thirteen methods."""
    return comparison_study(("voice", "face", "text"))
