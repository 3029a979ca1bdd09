"""Arrays saved as npz are compared with what they declare before they are read."""

import io
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from trainables.multimodal.data.tables import npz
from trainables.multimodal.errors import InputError


def header(shape: tuple[int, ...], descr: str = "<f4") -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": descr, "fortran_order": False, "shape": shape})
    return stream.getvalue()


def save(file: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file


def test_an_npz_that_unpacks_to_more_than_the_limit_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = save(tmp_path / "t.npz", {"label.npy": header((2**22,)) + bytes(2**24)})
    monkeypatch.setattr(npz, "MOST_ARCHIVE_BYTES", 2**24)
    tracemalloc.start()
    with pytest.raises(InputError, match="unpacks to 16777344 bytes, and 16777216 are the limit"):
        npz.read_npz(file)
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("member", "complaint"),
    [
        (header((2**40,)) + bytes(16), "label.npy is not as long as its header says"),
        (header((2**62, 2**62)) + bytes(16), "label.npy is not as long as its header says"),
        (header((2,)) + bytes(9), "label.npy is not as long as its header says"),
        (header((1,), "|O") + b"cos\nsystem\n(S'false'\ntR.", "pickled objects are never loaded"),
        (b"no array at all", "magic string"),
        (b"", "magic string"),
        (b"\x93NUMPY\x01\x00\x10\x27" + b"(" * 10_000, "cannot be read as npz"),
    ],
)
def test_an_array_that_is_not_what_it_says_is_refused(tmp_path: Path, member: bytes, complaint: str) -> None:
    file = save(tmp_path / "t.npz", {"label.npy": member})
    with pytest.raises(InputError, match=complaint):
        npz.read_npz(file)


@pytest.mark.parametrize("name", ["../../escaped.npy", "/tmp/escaped.npy", "..\\escaped.npy", "C:\\x.npy"])
def test_names_in_an_archive_lead_nowhere(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    file = save(folder / "t.npz", {name: header((1,)) + bytes(4)})
    assert npz.read_npz(file)[name.removesuffix(".npy")].tolist() == [0]
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [file]
