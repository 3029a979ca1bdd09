"""Modalities are called as nothing else in training is."""

from collections.abc import Callable

import pytest
from torch import nn

from trainables.multimodal.config import TrainerConfig
from trainables.multimodal.data.modality_names import OF_SETTINGS, require_modality_name
from trainables.multimodal.data.source import Source
from trainables.multimodal.data.store.feature_store import Modality
from trainables.multimodal.errors import InputError
from trainables.multimodal.flat_settings import WEIGHT

TAKEN = [
    "training",
    "keys",
    "items",
    "values",
    "pop",
    "forward",
    "type",
    "float",
    "half",
    "train",
    "to",
    "_modules",
]


@pytest.mark.parametrize("name", [*TAKEN, "__class__", "decay", "without_text"])
def test_a_name_that_training_needs_itself_is_refused_by_every_source(
    toy_source: Callable[..., Source], name: str
) -> None:
    with pytest.raises(InputError, match=f"a modality cannot be called '{name}'.*: rename it"):
        toy_source(modalities={name: Modality(name, (3,), "float32")})


@pytest.mark.parametrize("name", ["text", "audio", "Training", "key", "weight", "loss", "accuracy", "a-b"])
def test_other_names_are_not(name: str) -> None:
    require_modality_name(name)
    nn.ModuleDict({name: nn.Identity()})


def test_no_other_setting_looks_like_the_weight_of_a_modality() -> None:
    settings = {
        name.removeprefix(WEIGHT) for name in TrainerConfig.__annotations__ if name.startswith(WEIGHT)
    }
    assert settings == OF_SETTINGS


def test_every_attribute_of_a_container_is_refused() -> None:
    for name in [*vars(nn.ModuleDict()), *vars(nn.ModuleDict)]:
        with pytest.raises(InputError):
            require_modality_name(name)
