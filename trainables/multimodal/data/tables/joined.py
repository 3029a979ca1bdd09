"""Arrays whose rows stand in several files, read in blocks: memory does not grow with the files."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Block(NamedTuple):
    """Consecutive rows of one array."""

    values: NDArray[Any]
    """[n, ...]; anything where `there` is false."""
    there: NDArray[np.bool_] | None = None
    """Which of the rows [n] have a value; none: all."""


@dataclass(frozen=True)
class Table:
    """One file of named arrays that have a row per sample."""

    file: Path
    names: tuple[str, ...]
    blocks: Callable[[str], Iterator[Block]]
    """Opens an array by its name and gives its rows in order.

    Raises InputError as it goes, where the file is damaged or the array is none that may be read.
    """


class Rows:
    """Single rows [...] of an array that goes through several tables; in order, each is read once."""

    _block: NDArray[Any]
    _blocks: Iterator[NDArray[Any]]

    def __init__(self, tables: Sequence[Table], name: str) -> None:
        self._tables, self._name = tables, name
        self._begin()

    def __getitem__(self, row: int) -> NDArray[Any]:
        if row < self._start:
            self._begin()
        while row >= self._start + len(self._block):
            self._start += len(self._block)
            self._block = next(self._blocks)
        found: NDArray[Any] = self._block[row - self._start]
        return found

    def __reduce__(self) -> tuple[type["Rows"], tuple[Sequence[Table], str]]:
        return Rows, (self._tables, self._name)

    def _begin(self) -> None:
        self._start = 0
        """Row at which the block begins."""
        self._block = np.empty(0)
        self._blocks = (block.values for table in self._tables for block in table.blocks(self._name))
