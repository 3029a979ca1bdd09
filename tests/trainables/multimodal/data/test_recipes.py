import pytest

from trainables.multimodal.data import cremad
from trainables.multimodal.data.recipes import Recipe
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
