"""VGGSound from its list; what it shares with Kinetics-Sounds is tested there."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from trainables.multimodal.data.adapters import vggsound
from trainables.multimodal.data.media.audio import Fbank
from trainables.multimodal.data.media.video import Frames
from trainables.multimodal.data.preparing.writer import write_store
from trainables.multimodal.data.recipes import Recipe
from trainables.multimodal.errors import InputError

RECIPE = Recipe("dnr-fbank", {"audio": Fbank(mel_bins=16, time_steps=20), "visual": Frames(2, 16)})
LABELS = ("dog barking", "male speech, man speaking")


@pytest.fixture
def root(tmp_path: Path, film: Callable[..., Path], tone: Callable) -> Path:
    """Eight training and two test clips of each of two classes, named in both usual ways."""
    folder = tmp_path / "source"
    made = film(
        tmp_path / "made.mp4", np.zeros((5, 32, 32, 3), np.uint8), sound=("aac", 44_100, tone(0.2, 44_100))
    )
    (folder / "video").mkdir(parents=True)
    lines = []
    for label, first in zip(LABELS, "AB", strict=True):
        for number in range(10):
            lines.append(
                f'{first}-_{number}KiCIsTwY,{number * 10},"{label}",{"train" if number < 8 else "test"}\n'
            )
            start = f"{number * 10:06d}" if number % 2 else number * 10
            shutil.copy(made, folder / "video" / f"{first}-_{number}KiCIsTwY_{start}.mp4")
    (folder / "vggsound.csv").write_text("".join(lines))
    return folder


def test_the_list_names_video_start_class_and_part(root: Path) -> None:
    source = vggsound.read(root, RECIPE)
    row = source.ids.index("B-_3KiCIsTwY_000030")
    assert (source.name, source.classes) == ("vggsound", LABELS)
    assert source.classes[source.labels[row]] == "male speech, man speaking"
    assert [source.splits["official"].count(part) for part in ("train", "validation", "test")] == [14, 2, 4]


@pytest.mark.parametrize(
    "name",
    [
        "{v}",
        "{v}_{s}_{e}",
        "{v}_{s:06d}_{e:06d}",
        "{v}_{m}_{n}",
        "{v}_{m:06d}_{n:06d}",
        "{v}_{s:06d}",
    ],
)
@pytest.mark.parametrize("suffix", [".mov", ".FLV", ".Mp4", ".m4v", ".mpg"])
def test_files_of_all_usual_names_are_found(root: Path, name: str, suffix: str) -> None:
    for file in sorted(root.rglob("*.mp4")):
        video, start = file.stem.rsplit("_", 1)
        s = int(start)
        file.rename(root / f"{name.format(v=video, s=s, e=s + 10, m=1000 * s, n=1000 * s + 10_000)}{suffix}")
    assert vggsound.read(root, RECIPE).lacking() == {}


def test_names_that_are_not_looked_for_are_told(root: Path) -> None:
    for number, file in enumerate(sorted(root.rglob("*.mp4"))):
        file.rename(root / f"{number}.mp4")
    with pytest.raises(
        InputError, match=r"there are 20 media files, such as 0\.mp4, .* such as A-_0KiCIsTwY_000000\.mp4"
    ):
        vggsound.read(root, RECIPE)


def test_files_of_both_names_are_prepared(root: Path, tmp_path: Path) -> None:
    store = write_store(vggsound.read(root, RECIPE), tmp_path / "store")
    assert len(store) == 20


@pytest.mark.parametrize(
    "line",
    ["x,1,dog barking", "x,1,dog barking,dev", "x,one,dog barking,test", f"x,{'1' * 5000},dog barking,test"],
)
def test_a_line_that_cannot_be_right_is_named(root: Path, line: str) -> None:
    with (root / "vggsound.csv").open("a") as stream:
        stream.write(f"{line}\n")
    with pytest.raises(InputError, match=r"vggsound\.csv, line 21 is not"):
        vggsound.read(root, RECIPE)
