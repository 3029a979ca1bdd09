"""What copying leaves beside files: passed over, counted, and never mistaken for data."""

from pathlib import Path

import pytest

from trainables.multimodal.data.media.leftovers import below, genuine, require_no_copies, walk
from trainables.multimodal.errors import InputError

LEFT = (
    "._a.wav", "._.DS_Store", ".DS_Store", ".ds_store", "Thumbs.db", "thumbs.db", "desktop.ini",
    "Desktop.ini", "a.wav.part", "A.WAV.PART", "b.mp4.crdownload", "x.tmp", "~$a.wav", ".~lock.a.csv#",
    "a.wav~", ".nfs0012", "a.wav.aria2",
)  # fmt: skip
COPIES = (
    "a (1).wav", "a (12).wav", "a(1).wav", "a - Copy.wav", "a - Copy (2).wav", "a - copy.WAV", "a copy.wav",
    "a copy 2.wav", "a (copy).wav", "a (another copy).wav", "a (3rd copy).wav", "Copy of a.wav",
    "a (1) (1).wav", "a (1) - Copy.wav",
)  # fmt: skip


@pytest.mark.parametrize("name", [*LEFT, *COPIES])
def test_it_is_passed_over_beside_the_file_itself(name: str) -> None:
    assert genuine(["b.mp4", name, "a.wav"]) == ["a.wav", "b.mp4"]


@pytest.mark.parametrize("name", COPIES)
def test_a_copy_without_its_original_is_told(name: str) -> None:
    assert genuine(["b.wav", name]) == sorted(["b.wav", name])
    with pytest.raises(InputError, match=r"(?i)is named as a copy, but a\.wav is not there"):
        require_no_copies(Path("folder"), ["b.wav", name])


@pytest.mark.parametrize(
    "name", ["1001_DFA_ANG_XX.wav", "-c_1.webm", "a.b.wav", "x_00001.jpg", "copy.wav", "(1).wav"]
)
def test_a_name_of_data_is_none(name: str) -> None:
    assert genuine([name, "a.wav"]) == sorted([name, "a.wav"])
    require_no_copies(Path("folder"), [name])


@pytest.mark.parametrize(
    "folder", ["__MACOSX", ".ipynb_checkpoints", "@eaDir", "@EADIR", "$RECYCLE.BIN", ".Trashes"]
)
def test_folders_are_passed_over_as_a_whole_and_counted(tmp_path: Path, folder: str) -> None:
    for name in (f"{folder}/deep/a.wav", f"sub/{folder}/b.wav", "sub/c.wav", "sub/c (1).wav"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert [(path.name, names) for path, names in walk(tmp_path)] == [(tmp_path.name, []), ("sub", ["c.wav"])]
    assert below(tmp_path) == [folder, *sorted([f"sub/{folder}", "sub/c (1).wav"])]
