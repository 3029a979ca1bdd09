"""Pickles of arrays: what NumPy writes is read, what runs or asks for memory is refused."""

import gzip
import pickle
import pickletools
import struct
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trainables.multimodal.data.tables import bounded_reading, safe_pickle
from trainables.multimodal.data.tables.safe_pickle import Stored, read_pickle, unpickle
from trainables.multimodal.errors import InputError

PROTOCOLS = range(6)
ARRAYS = {
    "floats": np.linspace(-1, 1, 24, dtype=np.float32).reshape(2, 3, 4),
    "doubles": np.array([[np.nan, -np.inf], [0.0, 1.5]]),
    "columns first": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "a slice": np.arange(20.0).reshape(4, 5)[:, ::2],
    "transposed": np.arange(24.0).reshape(2, 3, 4).transpose(1, 2, 0),
    "big-endian": np.arange(5, dtype=">i4"),
    "booleans": np.array([True, False]),
    "text": np.array([["03bSnISJMiM", "é"], ["a", ""]]),
    "bytes": np.array([b"one", b"three"]),
    "objects": np.array(["a", None, 3.5, ("x", 1)], dtype=object),
    "nothing": np.empty((0, 50, 5), dtype=np.float32),
    "one number": np.array(2.5),
}


def written(tmp_path: Path, content: bytes) -> Path:
    file = tmp_path / "data.pkl"
    file.write_bytes(content)
    return file


def plain(value: Any) -> Any:
    """Nested containers with arrays in place of what stands for them."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value.array if isinstance(value, Stored) else value


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", ARRAYS)
def test_an_array_is_read_as_numpy_reads_it(tmp_path: Path, protocol: int, name: str) -> None:
    content = pickle.dumps({"here": ARRAYS[name]}, protocol=protocol)
    expected = pickle.loads(content)["here"]
    found = plain(unpickle(written(tmp_path, content)))["here"]
    native = [array.dtype.newbyteorder("=") for array in (found, expected)]  # NumPy may turn bytes round
    assert native[0] == native[1]
    assert found.shape == expected.shape
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_plain_containers_are_read_as_they_were(tmp_path: Path, protocol: int) -> None:
    content = {
        "list": [1, 2.5, "é", b"\x00\xff", b"", None, True, 10**30],
        "set": {"a"},
        "frozen": frozenset({1}),
        "nested": [((), {})],
        "number": np.float32(1.5),
        "text": np.str_("seen"),
    }
    assert unpickle(written(tmp_path, pickle.dumps(content, protocol=protocol))) == content


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_names_of_older_numpy_are_known(tmp_path: Path, protocol: int) -> None:
    content = pickle.dumps(ARRAYS["floats"], protocol=protocol)
    older = renamed(content, "numpy._core", "numpy.core")
    assert older != content
    np.testing.assert_array_equal(unpickle(written(tmp_path, older)).array, ARRAYS["floats"])


def renamed(content: bytes, old: str, new: str) -> bytes:
    """A pickle without frames whose modules have another name."""
    content = pickletools.optimize(content)
    found = b""
    positions = [(op.name, arg, pos) for op, arg, pos in pickletools.genops(content)] + [
        ("", None, len(content))
    ]
    for (name, argument, start), (_, _, stop) in pairwise(positions):
        part = content[start:stop]
        if isinstance(argument, str) and argument.startswith(old):
            text = argument.replace(old, new).encode()
            part = (
                b"\x8c" + bytes([len(text)]) + text
                if name == "SHORT_BINUNICODE"
                else b"c" + text.replace(b" ", b"\n") + b"\n"
            )
        found += b"" if name == "FRAME" else part
    return found


PYTHON_2 = (  # what Python 2.7 and NumPy 1.16 write of {"id": ["x\xe9"], "a": np.array([1.5, -2], "<f4")}
    b"\x80\x02}q\x01(U\x02idq\x02]q\x03U\x02x\xe9q\x04aU\x01aq\x05cnumpy.core.multiarray\n_reconstruct\nq\x06"
    b"cnumpy\nndarray\nq\x07K\x00\x85U\x01b\x87Rq\x08(K\x01K\x02\x85cnumpy\ndtype\nq\tU\x02f4K\x00K\x01\x87Rq\n"
    b"(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U\x08\x00\x00\xc0?\x00\x00\x00\xc0tbu."
)


def test_a_pickle_of_python_2_is_read(tmp_path: Path) -> None:
    found = plain(unpickle(written(tmp_path, PYTHON_2)))
    assert found["id"] == ["xé"]
    assert found["a"].tolist() == [1.5, -2.0]


class Call:
    """Pickles as a call of a function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_another_process_could_read_is_read(tmp_path: Path, protocol: int) -> None:
    content = read_pickle(written(tmp_path, pickle.dumps(ARRAYS, protocol=protocol)))
    shapes = {name: array.shape for name, array in ARRAYS.items()}
    assert {name: stored.array.shape for name, stored in content.items()} == shapes


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    ("names", "call"),
    [
        ("posix.system", b"cposix\nsystem\n(S'touch hit'\ntR."),
        ("os.system", b"cos\nsystem\n(S'touch hit'\ntR."),
        ("builtins.eval", Call(eval, "open('hit', 'w')")),
        ("builtins.getattr", Call(getattr, "", "join")),
        ("builtins.bytearray", Call(bytearray, 3)),
        ("functools.partial", Call(__import__("functools").partial, print)),
        ("torch.Tensor", b"ctorch\nTensor\n(tR."),
        ("torch._utils._rebuild_tensor_v2", b"ctorch._utils\n_rebuild_tensor_v2\n(tR."),
        ("numpy.load", b"cnumpy\nload\n(S'x'\ntR."),
        ("pandas.DataFrame", b"cpandas\nDataFrame\n(tR."),
    ],
)
def test_anything_else_is_refused_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protocol: int, names: str, call: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    content = call if isinstance(call, bytes) else pickle.dumps({"a": [call]}, protocol=protocol)
    with pytest.raises(pickle.UnpicklingError) as caught:
        unpickle(written(tmp_path, content))
    assert names in str(caught.value).replace("__builtin__", "builtins")
    assert not (tmp_path / "hit").exists()


def test_an_array_of_objects_carries_no_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    smuggler = np.array(["a", Call(eval, "open('hit', 'w')")], dtype=object)
    with pytest.raises(pickle.UnpicklingError, match=r"eval"):
        unpickle(written(tmp_path, pickle.dumps({"text": smuggler})))
    assert not (tmp_path / "hit").exists()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(np.zeros(2, [("a", "f4"), ("b", "O")]), id="fields"),
        pytest.param(np.array(["2020-01-01"], "M8[D]"), id="dates"),
    ],
)
def test_an_array_of_anything_but_numbers_and_text_is_refused(tmp_path: Path, content: Any) -> None:
    with pytest.raises(pickle.UnpicklingError, match="neither numbers nor text"):
        unpickle(written(tmp_path, pickle.dumps(content)))


def test_a_refused_name_is_told_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = written(tmp_path, pickle.dumps([Call(eval, "open('hit', 'w')")]))
    with pytest.raises(
        InputError, match=r"data\.pkl cannot be read as a pickle \(it names 'builtins\.eval', and may"
    ):
        read_pickle(file)
    assert not (tmp_path / "hit").exists()


def test_a_module_in_the_working_folder_is_never_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "numpy.py").write_text("open('hit', 'w')")
    assert read_pickle(written(tmp_path, pickle.dumps(["a"]))) == ["a"]
    assert not (tmp_path / "hit").exists()


ARRAY = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR"
FLOATS = b"cnumpy\ndtype\n(U\x02f4K\x00K\x01tR(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"\x80\x05\x96" + struct.pack("<Q", 2**40) + b"x.", id="bytes that are not there"),
        pytest.param(b"\x80\x04\x8e" + struct.pack("<Q", 2**62) + b"x.", id="more than memory"),
        pytest.param(b"\x80\x02K\x01r" + struct.pack("<I", 2**32 - 1) + b"0.", id="a far place in the memo"),
        pytest.param(
            ARRAY + b"(K\x01(K\x02t" + FLOATS + b"\x89\x8a\x06\x00\x00\x00\x00\x00\x10tb.", id="a size"
        ),
        pytest.param(ARRAY + b"(K\x01(K\x03t" + FLOATS + b"\x89U\x08xxxxxxxxtb.", id="another shape"),
        pytest.param(b"c_codecs\nencode\n}S'__defaults__'\nNs\x86b.", id="a state for a function"),
        pytest.param(b"cnumpy\ndtype\n(U\x02f4tR}(U\x05dtypeK\x01ub.", id="a state for a type"),
        pytest.param(b"c_codecs\nencode\n(S'x'\nS'rot13'\ntR.", id="another coding"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"no pickle at all", id="text"),
        pytest.param(b"PK\x03\x04" + bytes(60), id="a zip file, as torch writes"),
    ],
)
def test_a_made_up_pickle_ends_with_a_sentence(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(InputError, match=r"data\.pkl") as caught:
        read_pickle(written(tmp_path, content))
    assert len(str(caught.value)) < 400


STATES = {
    "a type": b"cnumpy\ndtype\n",
    "an array": b"cnumpy\nndarray\n",
    "a set": b"cbuiltins\nset\n",
}


@pytest.mark.parametrize("named", STATES.values(), ids=STATES.keys())
@pytest.mark.parametrize(
    "instruction",
    [
        pytest.param(b"}S'__call__'\nNsb.", id="attributes"),
        pytest.param(b"N}S'__class__'\nNs\x86b.", id="slots"),
        pytest.param(b")\x81.", id="a new instance"),
        pytest.param(b")}\x92.", id="a new instance with words"),
    ],
)
def test_what_stands_for_a_name_can_neither_be_changed_nor_instantiated(
    tmp_path: Path, named: bytes, instruction: bytes
) -> None:
    before = {name: dict(vars(stand_in)) for name, stand_in in safe_pickle.ADMITTED.items()}
    with pytest.raises(pickle.UnpicklingError):
        unpickle(written(tmp_path, b"\x80\x04" + named + instruction))
    assert {name: vars(stand_in) for name, stand_in in safe_pickle.ADMITTED.items()} == before


DOUBLING = b"]\x85" + b"2\x86" * 60
"""Instructions that leave a tuple on the stack, whose hash and text would take for ever."""


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"}" + DOUBLING[1:] + b"Ns.", id="an entry"),
        pytest.param(b"cbuiltins\nset\n]" + DOUBLING[1:] + b"a\x85R.", id="a called set"),
    ],
)
def test_a_file_that_takes_for_ever_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    monkeypatch.setattr(bounded_reading, "MOST_READING_SECONDS", 1)
    content = b"\x80\x04" + content.replace(DOUBLING[1:], b")" + b"2\x86" * 60)
    with pytest.raises(InputError, match=r"data\.pkl cannot be read as a pickle in 1 s: take the published"):
        read_pickle(written(tmp_path, content))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"cnumpy\ndtype\n" + DOUBLING + b"K\x00K\x01\x87R.", id="the type of an array"),
        pytest.param(
            b"cnumpy\ndtype\n(U\x02f4tR(K\x03" + DOUBLING + b"NNNtb.", id="the byte order of an array"
        ),
        pytest.param(ARRAY + b"(K\x01" + DOUBLING + FLOATS + b"\x89U\x04xxxxtb.", id="a shape"),
        pytest.param(DOUBLING + b"R.", id="a call of it"),
    ],
)
def test_a_tuple_is_never_written_out(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(InputError, match=r"data\.pkl cannot be read as a pickle") as caught:
        read_pickle(written(tmp_path, b"\x80\x04" + content))
    assert len(str(caught.value)) < 400


def test_a_file_that_is_too_large_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safe_pickle, "MOST_PICKLE_BYTES", 10)
    with pytest.raises(InputError, match="has 11 bytes, and 10 are the limit"):
        read_pickle(written(tmp_path, b"no pickle!!"))


TEXT = b"X" + struct.pack("<I", 1_000_000) + b"a" * 1_000_000 + b"q\x00"
"""A text of 1,000,000 letters that `h\x00` puts on the stack again."""
MEMBERS = b"](" + b"".join(b"M" + struct.pack("<H", number) for number in range(60_000)) + b"eq\x00"
"""A list of 60,000 numbers, likewise."""


@pytest.mark.parametrize(
    ("once", "again"),
    [
        pytest.param(b"", b"\x8f", id="empty sets"),
        pytest.param(b"", b"(", id="marks"),
        pytest.param(b"N", b"\x94", id="places in the memo"),
        pytest.param(
            TEXT + b"c_codecs\nencode\nq\x01U\x06latin1q\x02", b"h\x01h\x00h\x02\x86R", id="bytes of a text"
        ),
        pytest.param(MEMBERS + b"cbuiltins\nset\nq\x01", b"h\x01h\x00\x85R", id="sets"),
        pytest.param(MEMBERS + b"cbuiltins\nfrozenset\nq\x01", b"h\x01h\x00\x85R", id="frozen sets"),
        pytest.param(
            TEXT + FLOATS + b"q\x01",
            ARRAY + b"(K\x01J\x90\xd0\x03\x00\x85h\x01\x89h\x00tb",
            id="arrays of a text",
        ),
        pytest.param(
            MEMBERS + b"cnumpy\ndtype\n(U\x02O8K\x00K\x01tRq\x01",
            ARRAY + b"(K\x01M\x60\xea\x85h\x01\x89h\x00tb",
            id="arrays of a list",
        ),
        pytest.param(
            TEXT + b"cnumpy.core.multiarray\nscalar\nq\x01cnumpy\ndtype\n(U\x08S1000000K\x00K\x01tRq\x02",
            b"h\x01h\x02h\x00\x86R",
            id="single texts",
        ),
    ],
)  # fmt: skip
def test_a_file_that_repeats_itself_is_refused_before_it_has_grown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, once: bytes, again: bytes
) -> None:
    monkeypatch.setattr(safe_pickle, "MOST_UNPICKLER_BYTES", 2**27)
    assert unpickle(written(tmp_path, b"\x80\x04" + once + again + b"N.")) is None
    times = 3_000 if len(again) > 1 else 60_000_000
    file = written(tmp_path, b"\x80\x04" + once + again * times + b"N.")
    with pytest.raises(InputError, match=r"data\.pkl unpacks to more than \d+ bytes: take the published"):
        read_pickle(file)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_large_arrays_of_any_protocol_stay_in_bounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protocol: int
) -> None:
    monkeypatch.setattr(safe_pickle, "MOST_UNPICKLER_BYTES", 9 * 2**24)  # half of it is Python and NumPy
    content = {"a": np.random.default_rng(0).normal(size=1_000_000)}
    found = plain(read_pickle(written(tmp_path, pickle.dumps(content, protocol=protocol))))
    np.testing.assert_array_equal(found["a"], content["a"])


DAMAGING = """
import io, pickle, resource, sys
import numpy as np
from trainables.multimodal.data.tables import safe_pickle

resource.setrlimit(resource.RLIMIT_AS, (2**29, 2**29))
content = pickle.dumps(
    {"a": np.arange(3, dtype="f4"), "b": ["x", b"y"], "c": {1}}, protocol=int(sys.argv[1])
)
flipped = [bytearray(content) for _ in range(8 * len(content))]
for bit, variant in enumerate(flipped):
    variant[bit // 8] ^= 1 << bit % 8
cut = [content[:length] for length in range(len(content))]

def refused(variant):
    try:
        safe_pickle._Unpickler(io.BytesIO(variant), encoding="latin1").load()
    except Exception:
        return True
    return False

print(sum(map(refused, cut)) - len(cut), sum(map(refused, flipped)) > len(content))
"""


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_cut_is_an_error_and_a_flipped_bit_is_one_or_other_data(protocol: int) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", DAMAGING, str(protocol)], capture_output=True, check=True, text=True
    )
    assert ended.stdout.split() == ["0", "True"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_pickle_packed_with_gzip_is_read(tmp_path: Path, protocol: int) -> None:
    content = gzip.compress(pickle.dumps({"a": np.arange(3)}, protocol=protocol))
    assert plain(read_pickle(written(tmp_path, content)))["a"].tolist() == [0, 1, 2]
    with pytest.raises(InputError, match=r"data\.pkl is cut short or damaged .*: download it again"):
        read_pickle(written(tmp_path, content[:-9]))


def test_what_gzip_unpacks_to_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safe_pickle, "MOST_PICKLE_BYTES", 2**20)
    with pytest.raises(InputError, match="and 1048576 are the limit"):
        read_pickle(written(tmp_path, gzip.compress(bytes(2**24))))


@pytest.mark.parametrize(
    "content",
    [b"hello world\n", b"<a", b"\xff" * 50, b"}\x00", b"\x80\x04K"],
    ids=["text", "tag", "ones", "zero", "cut"],
)
def test_what_is_no_pickle_is_told_without_bytes(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(
        pickle.UnpicklingError, match=r"^(it is damaged|pickle data was trunc).*: download it"
    ):
        unpickle(written(tmp_path, content))


def test_a_file_that_is_cut_short_is_refused_in_a_sentence(tmp_path: Path) -> None:
    content = pickle.dumps({"a": np.arange(3.0), "b": ["x", b"y"]})
    with pytest.raises(InputError, match=r"data\.pkl cannot be read as a pickle \(pickle data was trunc"):
        read_pickle(written(tmp_path, content[:-20]))
