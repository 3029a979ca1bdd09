"""Finding clips and lists."""

from pathlib import Path

import pytest

from trainables.multimodal.data.adapters.listed_clips import find_files, find_list, if_there, require_list
from trainables.multimodal.errors import InputError


def touch(file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    return file


def test_files_are_found_however_deep(tmp_path: Path) -> None:
    files = [touch(tmp_path / name) for name in ("a.mp4", "x/b.MKV", "x/y/z/-c_1.webm")]
    touch(tmp_path / "x" / "d.txt")
    assert find_files(tmp_path, (".mp4", ".mkv", ".webm")) == dict(
        zip(["a", "b", "-c_1"], files, strict=True)
    )


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    touch(tmp_path / "train" / "a.mp4")
    touch(tmp_path / "test" / "a.mkv")
    with pytest.raises(InputError, match="a is there twice, "):
        find_files(tmp_path, (".mp4", ".mkv"))


@pytest.mark.parametrize("doubled", ["b/a.wav", "x/y/z/a.wav"])
def test_a_file_that_is_there_twice_counts_once_if_both_are_the_same(tmp_path: Path, doubled: str) -> None:
    first, second = touch(tmp_path / "a" / "a.wav"), touch(tmp_path / doubled)
    first.write_bytes(b"sound")
    second.write_bytes(b"sound")
    assert find_files(tmp_path, (".wav",)) == {"a": first}
    second.write_bytes(b"other")
    with pytest.raises(InputError, match=r"a is there twice, .*a/a\.wav and .*a\.wav: remove one"):
        find_files(tmp_path, (".wav",))


def test_what_copying_leaves_is_not_found(tmp_path: Path) -> None:
    file = touch(tmp_path / "a.mp4")
    for name in ("._a.mp4", "a (1).mp4", "b.mp4.part", "__MACOSX/a.mp4", "x/@eaDir/a.mp4", "x/a copy.mp4"):
        touch(tmp_path / name)
    touch(tmp_path / "x" / "a.mp4")
    assert find_files(tmp_path, (".mp4",)) == {"a": file}
    touch(tmp_path / "x" / "c - Copy.mp4")
    with pytest.raises(InputError, match=r"c - Copy\.mp4 is named as a copy, but c\.mp4 is not there"):
        find_files(tmp_path, (".mp4",))


def test_a_link_out_of_the_source_is_refused(tmp_path: Path) -> None:
    outside = touch(tmp_path / "outside.mp4")
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "a.mp4").symlink_to(outside)
    with pytest.raises(InputError, match="leaves the source folder"):
        find_files(tmp_path / "source", (".mp4",))


@pytest.mark.parametrize("place", ["list.txt", "list.txt.gz", "splits/list.txt", "splits/list.txt.gz"])
def test_a_list_is_found_in_the_root_or_in_a_folder_of_it(tmp_path: Path, place: str) -> None:
    file = touch(tmp_path / place)
    assert find_list(tmp_path, "list.txt") == file


@pytest.mark.parametrize("place", ["__MACOSX/list.txt", "@eaDir/list.txt", ".ipynb_checkpoints/list.txt.gz"])
def test_a_list_is_not_found_among_leftovers(tmp_path: Path, place: str) -> None:
    file = touch(tmp_path / "list.txt")
    touch(tmp_path / place)
    assert find_list(tmp_path, "list.txt") == file


def test_a_list_is_not_chosen_among_several(tmp_path: Path) -> None:
    touch(tmp_path / "list.txt")
    touch(tmp_path / "splits" / "list.txt.gz")
    with pytest.raises(InputError, match=r"list\.txt is there twice"):
        find_list(tmp_path, "list.txt")


def test_a_missing_list_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"the list list\.txt is neither in"):
        require_list(tmp_path, "list.txt")


def test_what_is_not_there_is_in_no_part() -> None:
    assert if_there(["train", "test", "test"], [True, False, True]) == ["train", "", "test"]
