"""Reading pickles of arrays that somebody else made, without running anything that they name.

A pickle is a program that may call whatever it names. Here it may name arrays, their types and plain
containers only, and even these stand for objects of ours: an array is rebuilt from its bytes, so that nothing
of NumPy's own unpickling runs either. Protocols 0 to 5, those written by Python 2 too.
"""

import codecs
import pickle
import re
import struct
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from trainables.multimodal.data.limits import MOST_PICKLE_BYTES
from trainables.multimodal.data.media.file_checks import require_content
from trainables.multimodal.errors import InputError

MOST_GROWTH: Final = 3
"""Bytes that each byte of a file may become: old protocols hold an array as text, then as bytes."""
SPARE: Final = 2**29
"""Bytes that any file may become on top of that, however small it is: 512 MiB, or 2**21 instructions."""
INSTRUCTION: Final = 256
"""Bytes that an instruction is taken to need, beside what it copies: an empty set or a place in the memo."""
DAMAGE: Final = (
    pickle.UnpicklingError, EOFError, ValueError, LookupError, TypeError, AttributeError, AssertionError,
    OverflowError, MemoryError, RecursionError, struct.error,
)  # fmt: skip
"""What reading a damaged pickle may end with."""
KIND: Final = re.compile(r"b1|[iuf](1|2|4|8)|[SU]\d{1,7}|O8?")
SHOWN: Final = 80  # letters of a name
ORDERS: Final = ("<", ">", "|", "=")
LATIN: Final = ("latin1", "latin-1")
MOST_NUMBER: Final = 2**63
"""Whole numbers from here on are no keys: any number of them can have the same hash."""


def read_pickle(file: Path) -> Any:
    """The content of a pickle: plain containers, text, numbers, bytes, and `Stored` arrays.

    Raises InputError: no file, too large, cut short or damaged, it names anything but arrays and plain
    containers, or it would become much larger by repeating itself; the message has the name.
    """
    require_content(file)
    if (size := file.stat().st_size) > MOST_PICKLE_BYTES:
        raise InputError(
            f"{file} has {size} bytes, and {MOST_PICKLE_BYTES} are the limit, "
            "since all of it is held in memory: make it smaller"
        )
    with file.open("rb") as stream:
        try:
            return _Reader(_Bounded(stream, size), MOST_GROWTH * size + SPARE).load()
        except InputError as error:
            raise InputError(f"{file.name} {error}: take the published file") from error
        except DAMAGE as error:
            reason = str(error) or type(error).__name__
            raise InputError(f"{file.name} is cut short, damaged or no pickle ({reason})") from error


class _Bounded:
    """A file that makes no room for more bytes than it has, however many are claimed."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream, self._size = stream, size
        self.readline = stream.readline

    def read(self, count: int) -> bytes:
        """The next bytes, at most `count`."""
        return self._stream.read(min(count, self._size))


class Kind:
    """The type of a pickled array's entries: numbers, truth values, text, bytes or plain objects."""

    def __init__(self, code: str, align: object = False, copy: object = False) -> None:
        if not KIND.fullmatch(code):  # TypeError for anything but text
            raise InputError(f"holds an array of type {code[:SHOWN]!r}, which is neither numbers nor text")
        self.dtype = np.dtype(code[0] if code[0] == "O" else code)

    def __setstate__(self, state: Sequence[Any]) -> None:
        """Take the byte order; entries of several fields are refused."""
        _, order, *fields = state
        if order not in ORDERS or any(part is not None for part in fields[:3]):
            raise InputError("holds an array of several fields, and only plain ones are read")
        self.dtype = self.dtype.newbyteorder(order)


class Stored:
    """An array in a pickle; `array` is what it holds."""

    def __init__(self) -> None:
        self.array: NDArray[Any] = np.empty(0)

    def __setstate__(self, state: Sequence[Any]) -> None:
        """Rebuild the array: version, shape, type, whether columns come first, and its bytes or objects."""
        _, shape, kind, columns_first, content = state
        self.array = _flat(kind, content).reshape(shape, order="F" if columns_first else "C")


def _flat(kind: Kind, content: Any) -> NDArray[Any]:
    """The entries of an array in a row; Python 2, and protocols before 3, write bytes as text."""
    if kind.dtype.hasobject:
        entries = content if isinstance(content, list) else _refuse(content)
        return np.fromiter(entries, object, len(entries))
    return np.frombuffer(_bytes(content), kind.dtype)


def _refuse(content: object) -> Any:
    raise TypeError(f"{type(content).__name__} stands where the content of an array should")


def _bytes(content: Any) -> bytes | bytearray:
    if isinstance(content, str):
        return content.encode("latin1")
    return content if isinstance(content, bytes | bytearray) else _refuse(content)  # a number asks for memory


def _array(kind: type[Stored], shape: object, code: object) -> Stored:
    """An array whose content follows (protocols 0 to 4)."""
    return Stored() if kind is Stored else _refuse(kind)


def _buffered(content: bytes, kind: Kind, shape: Any, order: str, axes: Any = None) -> Stored:
    """An array with its content (protocol 5)."""
    stored = Stored()
    if order == "K" and axes is not None:
        stored.array = _flat(kind, content).reshape(shape).transpose(axes)
    else:
        stored.__setstate__((1, shape, kind, order == "F", content))
    return stored


def _scalar(kind: Kind, content: Any = "") -> Any:
    """A single number or text of NumPy's."""
    return content if kind.dtype.hasobject else _flat(kind, content)[0].item()


def _encoded(text: str, coding: str) -> bytes:
    """Bytes, which protocols before 3 write as text of Latin-1."""
    return codecs.encode(text, "latin1") if coding in LATIN else _refuse(coding)


def _no_bytes() -> bytes:
    """Empty bytes in protocols before 3."""
    return b""


def is_plain(value: object) -> bool:
    """Whether a value is text, bytes or a number of at most 64 bits, which hash and print at once."""
    return isinstance(value, str | bytes | float) or (isinstance(value, int) and abs(value) < MOST_NUMBER)


def _keys(found: Iterable[Any]) -> list[Any]:
    """Keys of a dict or members of a set. Tuples that hold one another twice hash for ever."""
    keys = list(found)
    for key in keys:
        if not is_plain(key):
            raise InputError(f"has {type(key).__name__} in place of a name, and may have text or a number")
    return keys


def _set(members: Iterable[Any] = ()) -> set[Any]:
    return set(_keys(members))


def _frozenset(members: Iterable[Any] = ()) -> frozenset[Any]:
    return frozenset(_keys(members))


ADMITTED: Final[Mapping[str, Callable[..., Any]]] = {
    "numpy.ndarray": Stored,
    "numpy.dtype": Kind,
    **{f"numpy.{core}.multiarray._reconstruct": _array for core in ("core", "_core")},
    **{f"numpy.{core}.multiarray.scalar": _scalar for core in ("core", "_core")},
    **{f"numpy.{core}.numeric._frombuffer": _buffered for core in ("core", "_core")},
    "_codecs.encode": _encoded,
    **{f"{module}.set": _set for module in ("builtins", "__builtin__")},
    **{f"{module}.frozenset": _frozenset for module in ("builtins", "__builtin__")},
    **{f"{module}.bytes": _no_bytes for module in ("builtins", "__builtin__")},
}
"""What a pickle may name, and what stands for it."""


_InPython: Any = pickle._Unpickler  # Any: its methods are typed nowhere

HASHED: Final = {
    pickle.SETITEM[0]: slice(-2, -1),
    pickle.SETITEMS[0]: slice(None, None, 2),
    pickle.DICT[0]: slice(None, None, 2),
    pickle.ADDITEMS[0]: slice(None),
    pickle.FROZENSET[0]: slice(None),
}
"""Instruction -> where on the stack it finds what it will hash."""


def _checked(load: Callable[[Any], None], place: slice) -> Callable[[Any], None]:
    """An instruction that looks at its keys first."""

    def load_checked(reader: Any) -> None:
        _keys(reader.stack[place])
        load(reader)

    return load_checked


BUILDING: Final = frozenset(
    code[0]
    for code in (pickle.REDUCE, pickle.NEWOBJ, pickle.NEWOBJ_EX, pickle.INST, pickle.OBJ, pickle.BUILD)
)
"""Instructions that leave on the stack what they may have copied from anything in the memo."""


def _weight(built: Any) -> int:
    """Bytes of what an instruction built; AttributeError for an array that was never begun."""
    return built.array.nbytes if isinstance(built, Stored) else sys.getsizeof(built)


def _counted(code: int, load: Callable[[Any], None]) -> Callable[[Any], None]:
    """An instruction that is charged for what it builds."""

    def load_counted(reader: Any) -> None:
        load(reader)
        reader.charge(INSTRUCTION + (_weight(reader.stack[-1]) if code in BUILDING else 0))

    return load_counted


class _Reader(_InPython):  # type: ignore[misc]
    """The reader written in Python: that in C fills as much memory as a damaged file asks for."""

    dispatch: ClassVar[dict[int, Any]] = dict(_InPython.dispatch)

    def __init__(self, file: Any, most: int) -> None:
        super().__init__(file, encoding="latin1")
        self.most = most
        """Bytes that the content may become."""
        self.built = 0

    def charge(self, size: int) -> None:
        """Count bytes that were built; InputError above the most."""
        self.built += size
        if self.built > self.most:
            raise InputError(
                f"builds more than {self.most} bytes, {MOST_GROWTH} for each of its own and {SPARE}"
            )

    def find_class(self, module: str, name: str) -> Any:
        """What stands for a name; InputError for any other."""
        named = f"{module}.{name}"
        if named not in ADMITTED:
            raise InputError(f"names {named[:SHOWN]!r}, and may hold arrays and plain containers only")
        return ADMITTED[named]

    def load_build(self) -> None:
        """Give a state to arrays and their types, and to nothing else."""
        if not isinstance(self.stack[-2], Stored | Kind):
            raise TypeError(f"a state is given to {type(self.stack[-2]).__name__}")
        super().load_build()

    def load_bytearray8(self) -> None:
        """Take bytes that are there, without making room for those that are claimed."""
        (size,) = struct.unpack("<Q", self.read(8))
        self.append(bytearray(self.read(size)))

    dispatch[pickle.BUILD[0]] = load_build
    dispatch[pickle.BYTEARRAY8[0]] = load_bytearray8
    dispatch.update({code: _checked(_InPython.dispatch[code], place) for code, place in HASHED.items()})
    dispatch.update({code: _counted(code, load) for code, load in dispatch.items()})
