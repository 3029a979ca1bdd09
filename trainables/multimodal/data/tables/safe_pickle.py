"""Reading pickles of arrays that somebody else made, without running anything that they name.

A pickle is a program that calls what it names. Here it may name arrays, their types and plain containers, and
objects of ours stand for them: an array is rebuilt from its bytes, without NumPy's own unpickling. What a
pickle grows to, and how long that takes, shows only when it is read. So another process reads it first, with
little memory and time. Protocols 0 to 5, also as Python 2 writes them.
"""

import gzip
import pickle
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from trainables.multimodal.data.limits import (
    MIB,
    MOST_PICKLE_BYTES,
    MOST_PICKLE_GROWTH,
    MOST_SHOWN_CHARACTERS,
    MOST_UNPICKLER_BYTES,
)
from trainables.multimodal.data.media.file_checks import require_table
from trainables.multimodal.data.media.first_bytes import head, packing
from trainables.multimodal.data.tables.bounded_reading import require_readable
from trainables.multimodal.errors import InputError

ELEMENT: Final = re.compile(r"b1|[iuf](1|2|4|8)|[SU]\d{1,7}|O8?")
"""Codes of what arrays may hold: truth values, numbers, bytes, text, plain objects."""
ORDERS: Final = ("<", ">", "|", "=")
CUT: Final = ("truncated", "exhausted before end of frame")
"""How messages end that pickle raises where a file ends too early."""
BLOCK_BYTES: Final = MIB
LATIN: Final = ("latin1", "latin-1")


DAMAGE: Final = (
    pickle.UnpicklingError, EOFError, LookupError, TypeError, ValueError, AttributeError, OverflowError,
    ImportError, OSError, zlib.error,
)  # fmt: skip
"""What a damaged pickle makes its reader raise."""


class Refused(pickle.UnpicklingError):
    """What this reader does not do, in a sentence."""


def read_pickle(file: Path) -> Any:
    """The content of a pickle: plain containers, text, numbers, bytes, and `Stored` arrays.

    It may be packed with gzip.

    Raises InputError, with the name of the file. It is missing, too large, cut short or damaged, names
    anything but arrays and plain containers, or takes too much memory or time to read.
    """
    require_table(file, packed=("gzip",))
    size = _unpacked_bytes(file)
    most = MOST_UNPICKLER_BYTES + MOST_PICKLE_GROWTH * size
    require_readable(
        unpickle, file, "a pickle", most_bytes=most, addresses=most, remedy="take the published file"
    )
    return unpickle(file)


def unpickle(file: Path) -> Any:
    """The same without bounds: UnpicklingError on a damaged file, MemoryError on one that grows."""
    with _opened(file) as stream:
        try:
            return _Unpickler(stream, encoding="latin1").load()
        except Refused:
            raise
        except DAMAGE as error:
            cut = isinstance(error, EOFError) or (
                isinstance(error, pickle.UnpicklingError) and str(error).endswith(CUT)
            )
            told = "pickle data was truncated" if cut else "it is damaged, or no pickle"
        raise Refused(f"{told}: download it again")  # apart from the error, whose own text may have no end


def _opened(file: Path) -> IO[bytes]:
    packed = packing(head(file)) == "gzip"
    return cast(IO[bytes], gzip.open(file)) if packed else file.open("rb")


def _unpacked_bytes(file: Path) -> int:
    """The size of a pickle; InputError above MOST_PICKLE_BYTES, or where its packing is damaged."""
    size = 0
    try:
        with _opened(file) as stream:
            while size <= MOST_PICKLE_BYTES and (block := stream.read(BLOCK_BYTES)):
                size += len(block)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{file} is cut short or damaged ({error}): download it again") from error
    if size > MOST_PICKLE_BYTES:
        raise InputError(
            f"{file} has {max(size, file.stat().st_size)} bytes, and {MOST_PICKLE_BYTES} are the limit, "
            "since all of it is held in memory: make it smaller"
        )
    return size


class ElementType:
    """The type of a pickled array's entries."""

    def __init__(self, code: str, align: object = False, copy: object = False) -> None:
        if not ELEMENT.fullmatch(code):  # TypeError for anything but text
            raise Refused(
                f"it holds an array of {code[:MOST_SHOWN_CHARACTERS]!r}, which are neither numbers nor text"
            )
        self.dtype = np.dtype(code[0] if code[0] == "O" else code)

    def __setstate__(self, state: Sequence[Any]) -> None:
        """Take the byte order; entries of several fields are refused."""
        _, order, *fields = state
        if order not in ORDERS or any(part is not None for part in fields[:3]):
            raise Refused("it holds an array of several fields, and only plain ones are read")
        self.dtype = self.dtype.newbyteorder(order)

    def entries(self, content: Any) -> NDArray[Any]:
        """The entries [N] that content holds; Python 2, and protocols before 3, write bytes as text."""
        if self.dtype.hasobject:
            return np.fromiter(_require(list, content), object, len(content))
        content = content.encode("latin1") if isinstance(content, str) else content
        return np.frombuffer(_require(bytes | bytearray, content), self.dtype)


class Stored:
    """An array in a pickle; `array` is what it holds."""

    def __init__(self, array: NDArray[Any] | None = None) -> None:
        self.array: NDArray[Any] = np.empty(0) if array is None else array

    def __setstate__(self, state: Sequence[Any]) -> None:
        """Rebuild the array: version, shape, type, whether columns come first, and its bytes or objects."""
        _, shape, kind, columns_first, content = state
        flat = _require(ElementType, kind).entries(content)
        self.array = flat.reshape(shape, order="F" if columns_first else "C")


class _Name:
    """What stands for a name: it can be called at most, since a state could change a function of ours."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call

    def __call__(self, *arguments: Any) -> Any:
        return self._call(*arguments)

    def __setstate__(self, state: object) -> None:
        raise Refused("it gives a state to what it names")


def _require(kind: Any, value: Any) -> Any:
    if not isinstance(value, kind):
        raise Refused(f"{type(value).__name__} stands where a part of an array should")
    return value


def _buffered(content: Any, kind: Any, shape: Any, order: str, axes: Any = None) -> Stored:
    """An array with its content (protocol 5)."""
    flat = _require(ElementType, kind).entries(content)
    if order == "K" and axes is not None:
        return Stored(flat.reshape(shape).transpose(axes))
    return Stored(flat.reshape(shape, order="F" if order == "F" else "C"))


def _scalar(kind: Any, content: Any = "") -> Any:
    """A single number or text of NumPy's."""
    return content if _require(ElementType, kind).dtype.hasobject else kind.entries(content)[0].item()


def _encoded(text: str, coding: str) -> bytes:
    """Bytes, which protocols before 3 write as text of Latin-1."""
    if coding not in LATIN:
        raise Refused("it holds text of another coding than Latin-1")
    return text.encode("latin1")


ADMITTED: Final[Mapping[str, _Name]] = {
    "numpy.ndarray": _Name(lambda: None),
    "numpy.dtype": _Name(ElementType),
    "numpy.core.multiarray._reconstruct": _Name(lambda array, shape, code: Stored()),
    "numpy.core.multiarray.scalar": _Name(_scalar),
    "numpy.core.numeric._frombuffer": _Name(_buffered),
    "_codecs.encode": _Name(_encoded),
    "builtins.set": _Name(set),
    "builtins.frozenset": _Name(frozenset),
    "builtins.bytes": _Name(lambda: b""),
}
"""What a pickle may name, and what stands for it."""


class _Unpickler(pickle.Unpickler):
    """A reader that knows no names but these."""

    def find_class(self, module: str, name: str) -> _Name:
        """What stands for a name, in newer modules too; UnpicklingError for any other."""
        older = {"numpy._core": "numpy.core", "__builtin__": "builtins"}
        for new, old in older.items():
            module = module.replace(new, old)
        named = f"{module}.{name}"
        if named not in ADMITTED:
            raise Refused(
                f"it names {named[:MOST_SHOWN_CHARACTERS]!r}, and may hold arrays and plain containers only"
            )
        return ADMITTED[named]
