"""That the simulation of trust.py runs; what it finds stands in README."""

import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("trust.py")


@pytest.fixture(scope="module")
def trust():
    spec = importlib.util.spec_from_file_location("trust", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_large_gain_is_called_better_and_no_gain_is_not(trust) -> None:
    assert trust.found(20.0, (5, 10), 2)[2:4] == ["1.00", "1.00"]
    assert trust.found(0.0, (5, 10), 2)[2:4] == ["0.00", "0.00"]


def test_collapsed_runs_leave_intervals_of_those_that_trained(trust) -> None:
    covered, _ = trust.equal_methods("one in ten collapses", (5, 10), 12)
    assert float(covered[3]) > 0.8


def test_every_table_has_rows(trust) -> None:
    assert len(trust.regret(2.0, 5)) == 3
    assert len(trust.looks(3.0, 5, 3)) == 5
    assert len(trust.people(2.0, 5)) == 5
