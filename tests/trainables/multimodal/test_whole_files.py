"""Whole files: the old one or the new one, never half of one; and one process at a time on a folder."""

import contextlib
import errno
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from trainables.multimodal import whole_files
from trainables.multimodal.whole_files import flush, held, replaced, write_text

HOLD = """
import sys, time
from pathlib import Path
from trainables.multimodal.whole_files import held
with held(Path(sys.argv[1])) as alone:
    print(alone, flush=True)
    time.sleep(60)
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("durable", [True, False])
def test_a_file_is_created_with_its_folders_and_replaced(tmp_path: Path, durable: bool) -> None:
    file = tmp_path / "a" / "b" / "notes.txt"
    for text in ("first, and longer", "é"):
        write_text(file, text, durable=durable)
        assert file.read_bytes() == text.encode()
    assert names(file.parent) == ["notes.txt"]


@pytest.mark.parametrize("error", [OSError(28, "disk full"), KeyboardInterrupt()])
def test_an_error_inside_the_block_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, error: BaseException
) -> None:
    write_text(tmp_path / "notes.txt", "old")

    def write_half() -> None:
        with replaced(tmp_path / "notes.txt") as file:
            file.write(b"half of the ne")
            raise error

    with pytest.raises(type(error)):
        write_half()
    assert (tmp_path / "notes.txt").read_text() == "old"
    assert names(tmp_path) == ["notes.txt"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failure_to_put_the_new_file_in_place_keeps_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fails(*_: object) -> None:
        raise OSError(errno.EIO, "no answer")

    write_text(tmp_path / "notes.txt", "old")
    monkeypatch.setattr(os if step == "fsync" else Path, step, fails)
    with pytest.raises(OSError, match="no answer"):
        write_text(tmp_path / "notes.txt", "new")
    assert (tmp_path / "notes.txt").read_text() == "old"
    assert names(tmp_path) == ["notes.txt"]


def test_a_reader_sees_the_old_file_until_the_block_ends(tmp_path: Path) -> None:
    write_text(tmp_path / "notes.txt", "old")
    with replaced(tmp_path / "notes.txt") as file:
        file.write(b"new")
        file.flush()
        assert (tmp_path / "notes.txt").read_text() == "old"
    assert (tmp_path / "notes.txt").read_text() == "new"


def test_threads_that_write_the_same_file_leave_one_whole(tmp_path: Path) -> None:
    texts = [letter * 100_000 for letter in "abcd"]
    threads = [
        threading.Thread(target=write_text, args=(tmp_path / "notes.txt", text), kwargs={"durable": False})
        for text in texts
        for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / "notes.txt").read_text() in texts
    assert names(tmp_path) == ["notes.txt"]


@pytest.mark.parametrize(("umask", "expected"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_permissions_are_what_the_umask_says(tmp_path: Path, umask: int, expected: int) -> None:
    before = os.umask(umask)
    try:
        write_text(tmp_path / "notes.txt", "new")
    finally:
        os.umask(before)
    assert (tmp_path / "notes.txt").stat().st_mode & 0o777 == expected


@pytest.mark.parametrize(("kind", "raised"), [("folder", False), ("file", True)])
def test_only_a_folder_may_be_impossible_to_flush(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, raised: bool
) -> None:
    def cannot(_: int) -> None:
        raise OSError(errno.EINVAL, "cannot")

    (tmp_path / "file").touch()
    monkeypatch.setattr(os, "fsync", cannot)
    with pytest.raises(OSError, match="cannot") if raised else contextlib.nullcontext():
        flush(tmp_path / "file" if kind == "file" else tmp_path)


@contextlib.contextmanager
def another_holding(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process, which holds the folder for a minute."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "True\n"
            yield process
        finally:
            process.kill()


def test_a_second_process_is_refused_until_the_first_is_killed(tmp_path: Path) -> None:
    with another_holding(tmp_path) as other:
        with held(tmp_path) as alone:
            assert not alone
        other.send_signal(signal.SIGKILL)
        other.wait()
        with held(tmp_path) as alone:
            assert alone


def test_a_folder_is_held_once_and_free_afterwards(tmp_path: Path) -> None:
    with contextlib.suppress(ZeroDivisionError), held(tmp_path) as alone:
        assert alone
        with held(tmp_path) as second:
            assert not second
        raise ZeroDivisionError
    with held(tmp_path) as alone:
        assert alone
    assert names(tmp_path) == [whole_files.LOCK]


def test_a_holder_may_rename_the_folder_or_remove_it(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with held(tmp_path / "a") as alone:
        assert alone
        (tmp_path / "a").rename(tmp_path / "b")
        (tmp_path / "a").mkdir()
        with held(tmp_path / "a") as other:
            assert other
        with held(tmp_path / "b") as moved:
            assert not moved
        (tmp_path / "b" / whole_files.LOCK).unlink()
        (tmp_path / "b").rmdir()
    assert names(tmp_path) == ["a"]
