"""Synthetic studies with known effects and known noise."""

from collections.abc import Callable
from typing import Any

import pytest
from analysis.studies import boosting_study, comparison_study, study_settings, whole_study
from analysis.synthetic import Synthetic

from study.ledger import Record


@pytest.fixture
def synthetic() -> Callable[..., Synthetic]:
    return Synthetic


@pytest.fixture
def settings() -> Callable[..., dict[str, Any]]:
    return study_settings


@pytest.fixture
def whole() -> Callable[..., Synthetic]:
    return whole_study


@pytest.fixture(scope="session")
def module_study() -> tuple[dict[str, Any], list[Record]]:
    """Settings and records of one finished study, for tests that only read what is made of it."""
    return study_settings(), whole_study().records


@pytest.fixture(scope="session")
def compared_methods() -> tuple[dict[str, Any], list[Record]]:
    """Settings and records of a comparison of twelve methods."""
    return comparison_study()


@pytest.fixture(scope="session")
def boosted() -> tuple[dict[str, Any], list[Record]]:
    """Settings and records of a study of boosting with its sweeps."""
    return boosting_study()


@pytest.fixture(scope="session")
def three_modalities() -> tuple[dict[str, Any], list[Record]]:
    """Settings and records of a comparison with three modalities, and so with thirteen methods."""
    return comparison_study(("voice", "face", "text"))
