from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from trainables.multimodal.data.adapters import cremad
from trainables.multimodal.data.media.audio import Fbank
from trainables.multimodal.data.media.video import Frames
from trainables.multimodal.data.recipes import Folder, Recipe, read_folder
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
        ({"frames": "0"}, r"frames must be a whole number in 1\.\.1000000, got '0'"),
        ({"frames": "x"}, "got 'x'"),
        ({"frames": "1" * 5000}, r"got '1+\.\.\.1+'$"),
        ({"frames": "100000000"}, "got '100000000'"),
        ({"mel_bins": "1"}, r"mel_bins must be a whole number in 4\.\.4096"),
        ({"sample_rate": "1"}, r"sample_rate must be a whole number in 1000\.\.48000"),
    ],
)
def test_impossible_recipe_parameters_are_refused(settings: dict[str, str], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        cremad.RECIPES["dnr-fbank"].changed(settings)


@pytest.mark.parametrize(
    "settings",
    [{"frames": "1000000"}, {"image_size": "1000000"}, {"time_steps": "1000000", "mel_bins": "4096"}],
)
def test_parameters_that_make_a_sample_too_large_are_refused(settings: dict[str, str]) -> None:
    with pytest.raises(InputError, match=r"recipe dnr-fbank makes \d+ bytes of a sample .*choose smaller"):
        cremad.RECIPES["dnr-fbank"].changed(settings).modalities()


def test_rates_that_have_hardly_a_common_divisor_are_refused() -> None:
    with pytest.raises(InputError, match="16000 Hz cannot be resampled to 22051 Hz"):
        cremad.RECIPES["aug-20s"].changed({"sample_rate": "22051"})


@pytest.mark.parametrize("mel_bins", [4, 4096])
@pytest.mark.parametrize("sample_rate", [1_000, 384_000])
def test_parameters_at_their_limits_can_be_used(mel_bins: int, sample_rate: int) -> None:
    recipe = Fbank(sample_rate, mel_bins, time_steps=2)
    assert np.isfinite(recipe.energies(np.ones(sample_rate // 20, np.float32))).all()


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
