"""Recipes: how the files of a data set become arrays; each has a name and parameters that can be changed."""

import hashlib
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from trainables.multimodal.data.limits import MOST_RECIPE_NUMBER, MOST_SAMPLE_BYTES
from trainables.multimodal.data.store.feature_store import Modality, sample_bytes
from trainables.multimodal.data.store.manifest import canonical, sha256
from trainables.multimodal.data.whole_numbers import whole
from trainables.multimodal.errors import InputError

WHOLE: Final = "-whole"
"""Ends the name of a recipe that differs from another in that frames keep their aspect."""


@dataclass(frozen=True)
class Recipe:
    """How each modality of a sample is computed."""

    name: str
    parts: Mapping[str, Any]
    """Modality -> a frozen dataclass such as Fbank or Frames. It makes an array of a sample's file, or what
    stands for it, and describes the array with `modality(name)`. Its fields are whole numbers of 1 to
    MOST_RECIPE_NUMBER, unless their metadata hold a function that reads them from text, as `between` does.
    Parts share parameters of the same name."""

    def settings(self) -> dict[str, Any]:
        """Name and all parameters, flat, as the manifest keeps them: a folder as its checksum."""
        values = {key: value for part in self.parts.values() for key, value in vars(part).items()}
        plain = {key: value.sha256 if isinstance(value, Folder) else value for key, value in values.items()}
        return {"name": self.name, **plain}

    def modalities(self) -> dict[str, Modality]:
        """What the recipe makes of each modality; InputError for samples above MOST_SAMPLE_BYTES."""
        modalities = {name: part.modality(name) for name, part in self.parts.items()}
        if (size := sample_bytes(modalities)) > MOST_SAMPLE_BYTES:
            shapes = ", ".join(f"{name} {list(modality.shape)}" for name, modality in modalities.items())
            raise InputError(
                f"recipe {self.name} makes {size} bytes of a sample ({shapes}), and {MOST_SAMPLE_BYTES} are "
                "the limit: choose smaller recipe parameters"
            )
        return modalities

    def changed(self, settings: Mapping[str, str]) -> "Recipe":
        """The recipe with some parameters replaced; InputError for an unknown or impossible one."""
        known = self.settings().keys() - {"name"}
        if unknown := settings.keys() - known:
            raise InputError(
                f"unknown recipe parameter {min(unknown)}: {self.name} has {', '.join(sorted(known))}"
            )
        return replace(self, parts={name: _updated(part, settings) for name, part in self.parts.items()})


@dataclass(frozen=True)
class Folder:
    """A folder that a recipe needs beside the raw files, such as a model."""

    path: Path
    sha256: str
    """Checksum of its files: all that recipes and digests know of it, wherever it lies."""


def read_folder(key: str, text: str) -> Folder:
    """The folder at path `text`, known by names and contents of the files directly in it, hidden ones aside.

    Raises InputError: there is no such folder, or no file in it.
    """
    path = Path(text).expanduser().resolve()
    if not path.is_dir():
        raise InputError(f"recipe parameter {key} must be a folder on this machine, and {text} is none")
    files = sorted(file for file in path.iterdir() if file.is_file() and not file.name.startswith("."))
    if not files:
        raise InputError(f"recipe parameter {key}: the folder {text} holds no files")
    return Folder(path, hashlib.sha256(canonical([[file.name, sha256(file)] for file in files])).hexdigest())


def between(least: int, most: int) -> dict[str, Any]:
    """Metadata of a parameter that is a whole number in least..most."""
    return {"read": partial(_bounded, least, most)}


def _bounded(least: int, most: int, key: str, text: str) -> int:
    number = whole(text)
    if number is None or not least <= number <= most:
        raise InputError(
            f"recipe parameter {key} must be a whole number in {least}..{most}, got {reprlib.repr(text)}"
        )
    return number


def _updated(part: Any, settings: Mapping[str, str]) -> Any:
    """A dataclass with those of `settings` that are fields of it."""
    any_number = partial(_bounded, 1, MOST_RECIPE_NUMBER)
    changed = [field for field in fields(part) if field.name in settings]
    return replace(
        part,
        **{f.name: f.metadata.get("read", any_number)(f.name, settings[f.name]) for f in changed},
    )
