from dataclasses import dataclass, field
from pathlib import Path

import pytest

from trainables.multimodal.data import cremad
from trainables.multimodal.data.recipes import Folder, Recipe, read_folder
from trainables.multimodal.data.video import Frames
from trainables.multimodal.errors import InputError


def test_recipe_parameters_can_be_changed() -> None:
    changed = cremad.RECIPES["dnr-fbank"].changed({"image_size": "64", "mel_bins": "40"})
    assert changed.settings() == {
        "name": "dnr-fbank",
        "sample_rate": 16_000,
        "mel_bins": 40,
        "time_steps": 1024,
        "frames": 10,
        "image_size": 64,
    }


def test_resampling_stands_in_the_manifest_and_can_be_changed() -> None:
    changed = cremad.RECIPES["aug-20s"].changed({"source_rate": "48000", "seconds": "5"})
    assert changed.settings() == {
        "name": "aug-20s",
        "source_rate": 48_000,
        "sample_rate": 22_050,
        "seconds": 5,
        "window": 512,
        "hop": 353,
        "frames": 10,
        "image_size": 224,
    }


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"mels": "3"}, "unknown recipe parameter mels"),
        ({"frames": "0"}, "above 0"),
        ({"frames": "x"}, "above 0"),
    ],
)
def test_impossible_recipe_parameters_are_refused(settings: dict[str, str], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        cremad.RECIPES["dnr-fbank"].changed(settings)


def test_parts_share_parameters_of_the_same_name() -> None:
    changed = Recipe("two", {"left": Frames(), "right": Frames()}).changed({"frames": "3"})
    assert [modality.shape[0] for modality in changed.modalities().values()] == [3, 3]


@dataclass(frozen=True)
class Model:
    """A part with a folder."""

    weights: Folder | None = field(default=None, metadata={"read": read_folder})
    steps: int = 2


def model_folder(path: Path, content: str) -> Path:
    path.mkdir()
    (path / "weights.bin").write_text(content)
    return path


def test_a_folder_is_known_by_its_content_wherever_it_lies(tmp_path: Path) -> None:
    recipe = Recipe("toy", {"words": Model()})
    one, same, other = (
        recipe.changed({"weights": str(model_folder(tmp_path / name, content))}).settings()
        for name, content in [("one", "a"), ("same", "a"), ("other", "b")]
    )
    assert one == same != other
    assert one["weights"].isalnum()


def test_a_folder_is_handed_to_the_part(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "model", "a")
    changed = Recipe("toy", {"words": Model()}).changed({"weights": str(folder), "steps": "3"})
    assert (changed.parts["words"].weights.path, changed.parts["words"].steps) == (folder, 3)


def test_hidden_files_do_not_count(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "model", "a")
    before = read_folder("weights", str(folder))
    (folder / ".cache").write_text("x")
    assert read_folder("weights", str(folder)) == before


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="weights must be a folder on this machine, and bert-base is none"):
        read_folder("weights", "bert-base")
    with pytest.raises(InputError, match="holds no files"):
        read_folder("weights", str(tmp_path))
