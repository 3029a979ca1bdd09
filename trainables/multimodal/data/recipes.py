"""Recipes: how the files of a data set become arrays, by name and with every parameter open."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from trainables.multimodal.data.store import Modality
from trainables.multimodal.errors import InputError


@dataclass(frozen=True)
class Recipe:
    """How each modality of a sample is made."""

    name: str
    parts: Mapping[str, Any]
    """Modality -> a frozen dataclass of whole numbers, such as Fbank or Frames, that turns a file into an
    array and describes that with `modality(name)`. Parts share parameters of the same name."""

    def settings(self) -> dict[str, Any]:
        """Name and all parameters, flat, as the manifest keeps them."""
        parameters = {key: value for part in self.parts.values() for key, value in vars(part).items()}
        return {"name": self.name, **parameters}

    def modalities(self) -> dict[str, Modality]:
        """What the recipe makes of each modality."""
        return {name: part.modality(name) for name, part in self.parts.items()}

    def changed(self, settings: Mapping[str, str]) -> "Recipe":
        """The recipe with some parameters replaced; InputError for an unknown or impossible one."""
        known = self.settings().keys() - {"name"}
        if unknown := settings.keys() - known:
            raise InputError(
                f"unknown recipe parameter {min(unknown)}: {self.name} has {', '.join(sorted(known))}"
            )
        values = {key: _positive(key, text) for key, text in settings.items()}
        return replace(self, parts={name: _updated(part, values) for name, part in self.parts.items()})


def _positive(key: str, text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise InputError(f"recipe parameter {key} must be a whole number above 0, got {text!r}")
    return int(text)


def _updated(part: Any, values: Mapping[str, int]) -> Any:
    """A dataclass with those of `values` that are fields of it."""
    return replace(part, **{field.name: values[field.name] for field in fields(part) if field.name in values})
