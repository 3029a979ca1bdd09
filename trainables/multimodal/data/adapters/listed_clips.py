"""What data sets of single clips share: finding files and lists, missing clips, and clips with sound."""

import filecmp
import os
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from trainables.multimodal.data.adapters.clip_files import ClipFiles, at_moments, require_any
from trainables.multimodal.data.media.audio import Fbank
from trainables.multimodal.data.media.file_checks import inside, refuse_lfs_pointers
from trainables.multimodal.data.media.frame_folders import frame_folders, note_of_frames
from trainables.multimodal.data.media.leftovers import FOLDERS, require_no_copies, walk
from trainables.multimodal.data.media.video import Frames, WholeFrames
from trainables.multimodal.data.recipes import WHOLE, Recipe
from trainables.multimodal.data.source import LISTED_ONLY, Source
from trainables.multimodal.data.splits import hold_out, stratified
from trainables.multimodal.data.store.feature_store import Arrays
from trainables.multimodal.errors import InputError

Files = TypeVar("Files")

CONTAINERS: Final = (".mp4", ".mkv", ".webm", ".avi", ".mpg", ".mov", ".flv", ".m4v")
CLIP_SECONDS: Final = 10
"""Of every clip of a video that a list names by its start."""
UNITS: Final = (1, 1000)
"""Of the times in names of files, to a second."""
WIDTHS: Final = (1, 6)
"""Digits of these times, at least."""
RECIPES: Final[Mapping[str, Recipe]] = {
    "dnr-fbank": Recipe("dnr-fbank", {"audio": Fbank(), "visual": Frames()}),
    f"dnr-fbank{WHOLE}": Recipe(
        f"dnr-fbank{WHOLE}",
        {"audio": Fbank(), "visual": WholeFrames(width=455)},  # of 16:9, as most films are
    ),
}


@dataclass(frozen=True)
class Listed:
    """One clip of a published list."""

    id: str
    video: str
    """The video of which it is a part; the id where a name does not tell."""
    start: int | None
    """Its first second there, where its name tells."""
    label: str
    """Name of its class."""
    part: str
    """Its part of the published split."""

    def names(self, single: bool) -> list[str]:
        """What its file may be called, without the suffix; the first that is there counts.

        `single`: no other clip of the video is listed, so that the video's name alone may be its own.
        """
        names = [self.id]
        if self.start is not None:
            names += [f"{self.video}_{self.start:0{width}d}" for width in reversed(WIDTHS)]
            for width, unit in product(reversed(WIDTHS), UNITS):
                start, end = self.start * unit, (self.start + CLIP_SECONDS) * unit
                names.append(f"{self.video}_{start:0{width}d}_{end:0{width}d}")
        return list(dict.fromkeys([*names, *([self.video] if single else [])]))


def find_files(root: Path, suffixes: Collection[str], below: str = ".") -> dict[str, Path]:
    """Files with one of the suffixes anywhere in a folder below the root, by name without suffix.

    Leftovers are passed over, as is a file that repeats another in its name and in every byte.
    Raises InputError: two files have the same name otherwise, one is a copy without its original by its name,
    or one lies outside the root.
    """
    by_stem: dict[str, Path] = {}
    for folder, names in walk(root / below):
        media = [name for name in names if os.path.splitext(name)[1].lower() in suffixes]
        require_no_copies(folder, media)
        for name in media:
            file = inside(root, (folder / name).relative_to(root))
            first = by_stem.setdefault(file.stem, file)
            require_repeated(file.stem, first, file)
    return by_stem


def require_repeated(name: str, first: Path, other: Path) -> None:
    """Raise InputError unless two files are the same, or have the same name and content."""
    if first != other and not (first.name == other.name and filecmp.cmp(first, other, shallow=False)):
        raise InputError(f"{name} is there twice, {first} and {other}: remove one of them")


def find_list(root: Path, name: str) -> Path | None:
    """The list `name`, plain or .gz, in the root or in a folder of it; InputError if there are several."""
    folders = [
        place for place in sorted(root.iterdir()) if place.is_dir() and place.name.lower() not in FOLDERS
    ]
    places = [folder / each for folder in (root, *folders) for each in (name, f"{name}.gz")]
    lists = [inside(root, place.relative_to(root)) for place in places if os.path.lexists(place)]
    for other in lists[1:]:
        require_repeated(name, lists[0], other)
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


@dataclass(frozen=True)
class Media:
    """The files below a root that may be clips, by their names without suffix."""

    films: Mapping[str, Path]
    frames: Mapping[str, Sequence[Path]]
    """Frames that others have cut, of each clip."""
    sounds: Mapping[str, Path]
    """Recordings, which only frames need."""

    @property
    def files(self) -> list[Path]:
        """Films and recordings."""
        return [*self.films.values(), *self.sounds.values()]

    def clip(self, names: Sequence[str], moments: int) -> ClipFiles | None:
        """The files of a clip that may have these names: a film, or frames at so many moments and sound."""
        film, sound, cut = _first(names, self.films), _first(names, self.sounds), _first(names, self.frames)
        if film:
            return ClipFiles(film, film)
        return ClipFiles(sound, sound, at_moments(cut, moments)) if cut and sound else None


def audio_visual(
    name: str, root: Path, recipe: Recipe, lists: Sequence[Path], clips: Sequence[Listed]
) -> Source:
    """Clips with sound, from their lists and from media files anywhere below the root.

    A clip without a film may have frames in a folder `Image-01-FPS/<clip>` and sound in `<clip>.wav`, at any
    depth, which the note counts. Classes are those with a clip that is there; clips of others are left out. A
    listed clip of such a class that is not there cannot be used. Split `official` is the published one with a
    stratified tenth of its training clips for validation; `stratified` draws all parts anew.
    """
    media = _find_media(root)
    found = _find_clips(clips, media, recipe.parts["visual"].frames)
    classes = sorted({clip.label for clip in clips if found[clip.id]})
    if clips and not classes:
        raise _none_found(name, root, media.files, clips[0])
    kept = sorted((clip for clip in clips if clip.label in classes), key=lambda clip: clip.id)
    files = [found[clip.id] for clip in kept]
    used = [file for clip in files if clip for file in clip.files]
    refuse_lfs_pointers(root, used)
    labels = np.array([classes.index(clip.label) for clip in kept], dtype=np.int64)
    absent = note_of_missing_classes(len(classes), len({clip.label for clip in clips}))
    cut = note_of_frames(sum(bool(clip and clip.pictures) for clip in files), len(kept))
    return Source(
        name=name,
        root=root,
        files=[*lists, *used],
        recipe=recipe.settings(),
        classes=tuple(classes),
        modalities=recipe.modalities(),
        ids=[clip.id for clip in kept],
        labels=labels,
        groups=None,
        splits=_splits(kept, labels, [clip is not None for clip in files]),
        default_split="official",
        load=partial(_load, recipe, files),
        note=" ".join(filter(None, [absent, cut])),
        sample_files=[clip.files if clip else [] for clip in files],
    )


def _find_media(root: Path) -> Media:
    """Everything below the root; InputError where there are frames, but neither films nor sound."""
    films, frames = find_files(root, CONTAINERS), frame_folders(root)
    sounds = find_files(root, (".wav",)) if frames else {}
    if frames and not films:
        require_any("sound", "clip", sounds, root / "AudioWAV", "put <clip>.wav there")
    return Media(films, frames, sounds)


def _find_clips(clips: Sequence[Listed], media: Media, moments: int) -> dict[str, ClipFiles | None]:
    """Id -> the files of a clip, None where it is not there."""
    of_video = Counter(clip.video for clip in clips)
    return {clip.id: media.clip(clip.names(single=of_video[clip.video] == 1), moments) for clip in clips}


def _first(names: Iterable[str], there: Mapping[str, Files]) -> Files | None:
    return next((there[name] for name in names if name in there), None)


def _none_found(name: str, root: Path, there: Sequence[Path], looked_for: Listed) -> InputError:
    """What is wrong where no file has the name of a clip."""
    example = f"such as {there[0].relative_to(root)}" if there else f"of {', '.join(CONTAINERS)}"
    return InputError(
        f"{root} holds no samples of {name}: there are {len(there)} media files, {example}, and none "
        f"has a name that was looked for, such as {looked_for.id}{CONTAINERS[0]}"
    )


def _splits(
    clips: Sequence[Listed], labels: NDArray[np.int64], there: Sequence[bool]
) -> dict[str, list[str]]:
    """The published split and one that is drawn, both without the clips that are missing."""
    published = hold_out([clip.part for clip in clips], labels)
    return {"official": if_there(published, there), "stratified": if_there(stratified(labels), there)}


def _load(recipe: Recipe, clips: Sequence[ClipFiles | None], row: int) -> Arrays:
    """Decode one clip."""
    clip = require_present(clips[row])
    visual = clip.visual(recipe.parts["visual"])
    return {"audio": clip.energies(recipe.parts["audio"]), "visual": visual}


def require_present(files: Files | None) -> Files:
    """The file, or the files, of a sample, if there are any; otherwise InputError."""
    if files is None:
        raise InputError(LISTED_ONLY)
    return files
