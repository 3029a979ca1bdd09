"""No id, link or member of an archive leads out of the source folder or the store, whatever it is called."""

import contextlib
import io
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from trainables.multimodal.data.adapters import features
from trainables.multimodal.data.media.file_checks import inside
from trainables.multimodal.data.preparing.writer import write_store
from trainables.multimodal.data.source import Source
from trainables.multimodal.data.tables import npz
from trainables.multimodal.errors import InputError

PIECES = ["..", ".", "/", "\\", "C:", "a", "clip 1", "~", "\n", "\0", "\u202e", "\ud800", "é", "//host/share"]
LETTERS = st.integers(0, 127).map(chr) | st.integers(0, 0x10FFFF).map(chr)  # hypothesis' own takes seconds
HOSTILE = st.lists(st.sampled_from(PIECES) | LETTERS, max_size=8).map("".join)
NAMES = (
    HOSTILE
    | st.lists(LETTERS, max_size=40).map("".join)
    | st.integers(200, 5000).map(lambda length: "x" * length)
)
PLAIN = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def within(folder: Path, name: str) -> bool:
    return (folder / name).resolve().is_relative_to(folder)


@PLAIN
@given(NAMES)
@example("../../x")
@example("..\\..\\x")
@example("/etc/passwd")
def test_an_id_is_refused_or_stays_in_its_folder(
    toy_source: Callable[..., Source], tmp_path: Path, name: str
) -> None:
    try:
        source = toy_source(ids=[name, *(f"other {row}" for row in range(11))])
    except InputError:
        return
    (accepted, *_) = source.ids
    assert within(tmp_path, accepted)
    assert within(tmp_path, accepted.replace("\\", "/"))
    assert 0 < len(accepted) <= 255


@PLAIN
@given(NAMES)
@example("..")
@example("link")
@example("link/x")
@example("loop")
@example("file/x")
@example("....//host/share\ud800")
def test_a_name_is_refused_or_leads_to_a_place_below_the_root(tmp_path: Path, name: str) -> None:
    root = tmp_path / "root"
    if not root.exists():
        root.mkdir()
        (root / "link").symlink_to(tmp_path)
        (root / "loop").symlink_to(root / "loop")
        (root / "file").write_text("content")
    try:
        found = inside(root, name)
    except InputError:
        return
    assert found.resolve().is_relative_to(root)


@settings(PLAIN, max_examples=40)
@given(NAMES)
def test_members_of_an_archive_write_nothing(tmp_path: Path, name: str) -> None:
    with tempfile.TemporaryDirectory(dir=tmp_path) as folder:
        file = Path(folder, "a", "b", "table.npz")
        file.parent.mkdir(parents=True)
        np.savez(file, label=np.arange(40) % 2)
        with zipfile.ZipFile(file, "a") as archive, archive.open("label.npy") as stream:
            content = stream.read()
        try:
            with zipfile.ZipFile(file, "a") as archive:
                archive.writestr(f"{name}.npy", content)
        except (ValueError, IndexError):
            return  # no archive can hold such a name
        with contextlib.suppress(InputError):
            npz.read_npz(file)
        assert [path for path in Path(folder).rglob("*") if path.is_file()] == [file]


@pytest.mark.parametrize("name", ["../../x", "/tmp/x", "..\\x", "a/b", "\u202e"])
def test_a_modality_named_like_a_path_is_refused_before_anything_is_written(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / "in").mkdir()
    np.savez(tmp_path / "in" / "t.npz", label=np.arange(40) % 2)
    with zipfile.ZipFile(tmp_path / "in" / "t.npz", "a") as archive:
        content = io.BytesIO()
        np.save(content, np.zeros((40, 2)))
        archive.writestr(f"modality:{name}.npy", content.getvalue())
    with pytest.raises(InputError, match="is no word"):
        write_store(features.read(tmp_path / "in"), tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]
