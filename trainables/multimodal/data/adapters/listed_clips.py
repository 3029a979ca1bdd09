"""What data sets of single clips share: finding files and lists, missing clips, and clips with sound."""

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from trainables.multimodal.data.media.audio import Fbank
from trainables.multimodal.data.media.file_checks import inside, refuse_lfs_pointers, walk
from trainables.multimodal.data.media.sound_tracks import read_track
from trainables.multimodal.data.media.video import Frames
from trainables.multimodal.data.recipes import Recipe
from trainables.multimodal.data.source import Source
from trainables.multimodal.data.splits import hold_out, stratified
from trainables.multimodal.data.store.feature_store import Arrays
from trainables.multimodal.errors import InputError

CONTAINERS: Final = (".mp4", ".mkv", ".webm", ".avi", ".mpg")
RECIPES: Final[Mapping[str, Recipe]] = {
    "dnr-fbank": Recipe("dnr-fbank", {"audio": Fbank(), "visual": Frames()})
}


@dataclass(frozen=True)
class Listed:
    """One clip of a published list."""

    id: str
    names: tuple[str, ...]
    """What its file may be called, without the suffix."""
    label: str
    """Name of its class."""
    part: str
    """Its part of the published split."""


def find_files(root: Path, suffixes: Collection[str]) -> dict[str, Path]:
    """Files with one of the suffixes anywhere below the root, by name without suffix.

    Raises InputError: two files have the same name, or one lies outside the root.
    """
    by_stem: dict[str, Path] = {}
    for folder, names in walk(root):
        for name in names:
            stem, suffix = os.path.splitext(name)
            if suffix.lower() in suffixes:
                file = inside(root, (folder / name).relative_to(root))
                if stem in by_stem:
                    raise InputError(f"{stem} is there twice, {by_stem[stem]} and {file}: remove one of them")
                by_stem[stem] = file
    return by_stem


def find_list(root: Path, name: str) -> Path | None:
    """The list `name`, plain or .gz, in the root or in a folder of it; InputError if there are several."""
    patterns = (name, f"{name}.gz", f"*/{name}", f"*/{name}.gz")
    lists = [inside(root, file.relative_to(root)) for pattern in patterns for file in root.glob(pattern)]
    if len(lists) > 1:
        raise InputError(f"{name} is there twice, {lists[0]} and {lists[1]}: remove one of them")
    return lists[0] if lists else None


def require_list(root: Path, name: str) -> Path:
    """The list `name`; InputError if there is none."""
    file = find_list(root, name)
    if file is None:
        raise InputError(f"the list {name} is neither in {root} nor in a folder of it: put it there")
    return file


def if_there(parts: Sequence[str], there: Sequence[bool]) -> list[str]:
    """Parts of a split without the clips that are missing, so that it is judged by those that are there."""
    return [part if here else "" for part, here in zip(parts, there, strict=True)]


def note_of_missing_classes(there: int, published: int) -> str:
    """What every report should say where classes are missing altogether."""
    return f"only {there} of the {published} classes are there." if there < published else ""


def audio_visual(
    name: str, root: Path, recipe: Recipe, lists: Sequence[Path], clips: Sequence[Listed]
) -> Source:
    """Clips with sound, from their lists and from media files anywhere below the root.

    Classes are those with a file; clips of others are left out. A listed clip of such a class whose file is
    missing cannot be used. Split `official` is the published one with a stratified tenth of its training
    clips for validation; `stratified` draws all parts anew.
    """
    media = find_files(root, CONTAINERS)
    classes = sorted({clip.label for clip in clips if _file(clip, media)})
    kept = sorted((clip for clip in clips if clip.label in classes), key=lambda clip: clip.id)
    files = [_file(clip, media) for clip in kept]
    refuse_lfs_pointers(root, [file for file in files if file])
    there = [file is not None for file in files]
    labels = np.array([classes.index(clip.label) for clip in kept], dtype=np.int64)
    published = hold_out([clip.part for clip in kept], labels)
    return Source(
        name=name,
        root=root,
        files=[*lists, *(file for file in files if file)],
        recipe=recipe.settings(),
        classes=tuple(classes),
        modalities=recipe.modalities(),
        ids=[clip.id for clip in kept],
        labels=labels,
        groups=None,
        splits={
            "official": if_there(published, there),
            "stratified": if_there(stratified(labels), there),
        },
        default_split="official",
        load=partial(_load, recipe, files),
        note=note_of_missing_classes(len(classes), len({clip.label for clip in clips})),
        sample_files=[[file] if file else [] for file in files],
    )


def _file(clip: Listed, media: Mapping[str, Path]) -> Path | None:
    return next((media[name] for name in clip.names if name in media), None)


def _load(recipe: Recipe, files: Sequence[Path | None], row: int) -> Arrays:
    """Decode one clip."""
    file = require_present(files[row])
    visual = recipe.parts["visual"](file)
    audio: Fbank = recipe.parts["audio"]
    return {"audio": audio.energies(read_track(file, audio.sample_rate)), "visual": visual}


def require_present(file: Path | None) -> Path:
    """The file, if there is one; otherwise InputError."""
    if file is None:
        raise InputError("it is listed, but its file is missing")
    return file
