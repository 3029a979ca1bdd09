"""Another process reads first: whatever happens to it becomes a sentence."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trainables.multimodal.data.tables import bounded_reading
from trainables.multimodal.data.tables.bounded_reading import require_readable
from trainables.multimodal.errors import InputError

READERS = """
import ctypes, time
import numpy as np

def small(file):
    return np.zeros(10, np.uint8)

def large(file):
    return np.zeros(11, np.uint8)

def greedy(file):
    return np.ones(2**29, np.uint8)

def endless(file):
    while True:
        pass

def deadly(file):
    ctypes.string_at(1)

def refusing(file):
    raise ValueError(f"no magic\\nin {file.name}" + "!" * 1000)
"""


@pytest.fixture
def attempt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let another process read with the function of this name."""
    (tmp_path / "readers_of_test.py").write_text(READERS)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    import readers_of_test  # type: ignore[import-not-found]

    def read(name: str) -> None:
        reader: Any = getattr(readers_of_test, name)
        file = tmp_path / "t.bin"
        require_readable(reader, file, "a thing", most_bytes=10, addresses=2**29, remedy="divide it")

    return read


def test_what_can_be_read_is_no_problem(attempt: Callable[[str], None]) -> None:
    attempt("small")


@pytest.mark.parametrize(
    ("reader", "complaint"),
    [
        ("large", r"t\.bin unpacks to more than 10 bytes: divide it"),
        ("greedy", r"t\.bin unpacks to more than 10 bytes: divide it"),
        ("endless", r"t\.bin cannot be read as a thing in 2 s: divide it"),
        ("deadly", r"t\.bin cannot be read as a thing: it is damaged or too large, and ends a process"),
        ("refusing", r"t\.bin cannot be read as a thing \(in t\.bin!+\)"),
    ],
)
def test_what_cannot_is_told(
    attempt: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, reader: str, complaint: str
) -> None:
    monkeypatch.setattr(bounded_reading, "MOST_READING_SECONDS", 2)
    with pytest.raises(InputError, match=complaint) as caught:
        attempt(reader)
    assert len(str(caught.value)) < 400


def test_a_system_without_limits_is_told(
    attempt: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "resource", None)
    with pytest.raises(InputError, match="Linux is supported; on Windows use WSL 2"):
        attempt("small")
