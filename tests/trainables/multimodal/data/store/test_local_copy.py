"""A copy of a store on another disk: made once, recognised when whole, and never taken when it is not."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from filelock import FileLock

from trainables.multimodal.data.preparing.verify import verify
from trainables.multimodal.data.preparing.writer import write_store
from trainables.multimodal.data.source import Source
from trainables.multimodal.data.store.feature_store import FeatureStore
from trainables.multimodal.data.store.local_copy import PRIVATE, folder_of_copy, local_copy
from trainables.multimodal.data.store.manifest import FILE
from trainables.multimodal.errors import InputError
from trainables.multimodal.whole_files import LOCK

ASK = """
import sys
from pathlib import Path
from trainables.multimodal.data.store.local_copy import local_copy
print("asks", flush=True)
print(local_copy(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
"""


@pytest.fixture
def store(toy_source: Callable[..., Source], tmp_path: Path) -> FeatureStore:
    return write_store(toy_source(), tmp_path / "store")


@pytest.fixture
def folder(store: FeatureStore, tmp_path: Path) -> Path:
    return folder_of_copy(tmp_path / "disk", store.digest)


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that were copied."""
    names: list[str] = []
    copy = shutil.copyfile

    def noted(source: Path, target: Path) -> None:
        names.append(target.name)
        copy(source, target)

    monkeypatch.setattr(shutil, "copyfile", noted)
    return names


def copied(store: FeatureStore, folder: Path) -> FeatureStore:
    return FeatureStore.open(local_copy(store.path, folder, store.digest))


def samples(folder: Path) -> Path:
    """The first file with samples."""
    return sorted(folder.glob("*.arrow"))[0]


def test_a_copy_holds_what_the_store_holds(store: FeatureStore, folder: Path) -> None:
    copy = copied(store, folder)
    assert copy.path == folder
    assert verify(folder).digest == store.digest
    assert folder.stat().st_mode & 0o777 == PRIVATE
    assert copy.read("image", range(12)).tolist() == store.read("image", range(12)).tolist()


def test_a_copy_is_made_once_and_needs_the_store_no_more(
    store: FeatureStore, folder: Path, written: list[str]
) -> None:
    copied(store, folder)
    made = list(written)
    shutil.rmtree(store.path)
    assert copied(store, folder).ids == store.ids
    assert written == made == [entry["name"] for entry in store.manifest["files"]]


def test_stores_with_other_data_have_other_copies(
    store: FeatureStore, toy_source: Callable[..., Source], tmp_path: Path
) -> None:
    other = write_store(toy_source(recipe={"name": "toy", "size": 3}), tmp_path / "other")
    assert folder_of_copy(tmp_path, other.digest) != folder_of_copy(tmp_path, store.digest)


def test_a_copy_that_was_interrupted_is_made_anew(store: FeatureStore, folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / LOCK).touch()
    (folder / samples(store.path).name).write_bytes(b"half")
    (folder / ".manifest.json.1.2.tmp").write_text("{")
    assert copied(store, folder).ids == store.ids
    assert sorted(p.name for p in folder.iterdir()) == sorted([LOCK, *(p.name for p in store.path.iterdir())])


@pytest.mark.parametrize("damage", ["cut", "gone", "newer", "manifest"])
def test_a_copy_that_was_changed_is_refused_and_left_as_it_is(
    store: FeatureStore, folder: Path, damage: str
) -> None:
    copied(store, folder)
    file = samples(folder)
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:-1])
    elif damage == "gone":
        file.unlink()
    elif damage == "newer":
        os.utime(file, ns=(1, 1))
    else:
        (folder / FILE).write_text("{}")
    with pytest.raises(InputError, match=rf"is not as it was made: remove it there with `rm -r {folder}`"):
        copied(store, folder)
    shutil.rmtree(folder)
    assert copied(store, folder).ids == store.ids


def test_a_copy_of_other_data_is_refused(store: FeatureStore, folder: Path) -> None:
    copied(store, folder)
    text = (folder / FILE).read_text()
    (folder / FILE).write_text(text.replace(store.digest, store.digest[:16] + "0" * 48))
    with pytest.raises(InputError, match="is not as it was made"):
        copied(store, folder)


def test_a_store_that_was_prepared_anew_is_not_copied(store: FeatureStore, folder: Path) -> None:
    with pytest.raises(InputError, match="was prepared anew meanwhile"):
        local_copy(store.path, folder, "0" * 64)


def test_what_was_copied_is_compared_with_its_checksums(store: FeatureStore, folder: Path) -> None:
    file = samples(store.path)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 255
    file.write_bytes(content)
    with pytest.raises(InputError, match=rf"differs from the checksums of the store \({file.name}\)"):
        copied(store, folder)
    assert [path.name for path in folder.iterdir()] == [LOCK]


def test_too_little_room_is_told_before_anything_is_copied(
    store: FeatureStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=10))
    with pytest.raises(InputError, match=r"needs 0 MiB, and there are 0 MiB of room"):
        copied(store, folder)


def test_a_disk_that_fills_up_meanwhile_is_left_without_a_part(
    store: FeatureStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(source: Path, target: Path) -> None:
        target.write_bytes(b"half")
        raise OSError(28, "No space left on device", str(target))

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(OSError, match=rf"copy of the data in {folder} on .* \(\[Errno 28\] No space left"):
        copied(store, folder)
    assert [path.name for path in folder.iterdir()] == [LOCK]


def test_a_folder_that_cannot_be_made_is_told(store: FeatureStore, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError, match=r"the copy of the data in .* cannot be made"):
        copied(store, tmp_path / "file" / "copy")


def test_a_process_waits_for_the_one_that_copies(store: FeatureStore, folder: Path) -> None:
    folder.mkdir(parents=True)
    with FileLock(folder / LOCK):
        waiting = subprocess.Popen(
            [sys.executable, "-c", ASK, str(store.path), str(folder), store.digest],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert waiting.stdout is not None
        assert waiting.stdout.readline() == "asks\n"
        time.sleep(0.3)
        assert waiting.poll() is None
        assert [path.name for path in folder.iterdir()] == [LOCK]
    assert waiting.communicate(timeout=60)[0] == f"{folder}\n"
    assert (folder / FILE).exists()
