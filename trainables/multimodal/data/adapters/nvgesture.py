"""NVGesture: 25 gestures of 20 subjects in a car, in colour, in depth, and as motion.

Lists name a folder for each gesture (Video_data/class_01/subject13_r0), the films in it, the frames of each
that show the gesture, and its class. The published parts have no subject in common.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from trainables.multimodal.data.adapters.clip_files import require_any
from trainables.multimodal.data.adapters.listed_clips import if_there, note_of_missing_classes, require_list
from trainables.multimodal.data.limits import MOST_DIGITS, MOST_SHOWN_CHARACTERS
from trainables.multimodal.data.media.file_checks import inside, refuse_lfs_pointers, require_folder
from trainables.multimodal.data.media.optical_flow import Dis, Farneback, moments, opencv, read_moments
from trainables.multimodal.data.media.video import Frames, read_chosen, squeezed
from trainables.multimodal.data.recipes import Recipe
from trainables.multimodal.data.source import Source
from trainables.multimodal.data.splits import TEST, TRAIN, by_group, hold_out_groups
from trainables.multimodal.data.store.feature_store import Arrays, Modality
from trainables.multimodal.data.tables.text_tables import read_lines
from trainables.multimodal.data.whole_numbers import whole
from trainables.multimodal.errors import InputError

LISTS: Final = {
    TRAIN: "nvgesture_train_correct_cvpr2016_v2.lst",
    TEST: "nvgesture_test_correct_cvpr2016_v2.lst",
}
FILM_FOLDER: Final = "Video_data"
FILM: Final = re.compile(rf"(\w+):(\d{{1,{MOST_DIGITS}}}):(\d{{1,{MOST_DIGITS}}})")
PLACE: Final = re.compile(r"(?:\./)?(.+/(subject\d+)_r\d+)")
PUBLISHED_CLASSES: Final = 25
"""Classes of the whole data set."""


@dataclass(frozen=True)
class Depth(Frames):
    """Frames of a depth camera, which are grey; what is usual in them is learnt from the training part."""

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """[frames, 1, image_size, image_size]."""
        return (self.frames, 1, self.image_size, self.image_size)

    def modality(self, name: str) -> Modality:
        """Frames of 0..255."""
        return Modality(name, self.shape, "uint8")

    def squeezed(self, image: Image.Image) -> NDArray[np.uint8]:
        """An image of any size as a grey one [1, image_size, image_size]."""
        return squeezed(image.convert("L"), self.image_size, self.image_size)[None]


RECIPES: Final = {
    "rgbd-dis": Recipe("rgbd-dis", {"rgb": Frames(), "depth": Depth(), "flow": Dis()}),
    "rgbd-farneback": Recipe("rgbd-farneback", {"rgb": Frames(), "depth": Depth(), "flow": Farneback()}),
}


@dataclass(frozen=True)
class Film:
    """A film, and which of its frames show the gesture."""

    file: Path
    interval: tuple[int, int]
    """The first such frame, counted from 0, and the one after the last."""


@dataclass(frozen=True)
class Gesture:
    """One line of a list."""

    id: str
    subject: str
    label: str
    part: str
    color: Film
    depth: Film

    @property
    def there(self) -> bool:
        """Whether both films are."""
        return self.color.file.is_file() and self.depth.file.is_file()


def read(root: Path, recipe: Recipe) -> Source:
    """The listed gestures, at the places below `root` that the lists name.

    Modalities: `rgb` [frames, 3, size, size], `depth` [frames, 1, size, size] and `flow` of the colour film
    [frames, 2, size, size], uint8, of the same moments. Splits: `official`, the published lists with a tenth
    of the training subjects for validation; `subject-disjoint` draws all parts anew. Gestures of classes
    without any film are left out; another one without its films cannot be used, and is in no part.

    Raises InputError: no lists, bad lines, no films, a film outside the root, or no OpenCV.
    """
    require_folder(root)
    lists = {part: require_list(root, name) for part, name in LISTS.items()}
    opencv()
    named = [gesture for part, file in lists.items() for gesture in listed(root, file, part)]
    for kind in ("color", "depth"):
        found = (gesture for gesture in named if getattr(gesture, kind).file.is_file())
        require_any(
            f"{kind} film", "gesture", found, root / FILM_FOLDER, "lay them where the lists name them"
        )
    classes = sorted({gesture.label for gesture in named if gesture.there})
    gestures = sorted(
        (gesture for gesture in named if gesture.label in classes), key=lambda gesture: gesture.id
    )
    films = [film.file for gesture in gestures for film in (gesture.color, gesture.depth)]
    refuse_lfs_pointers(root, films)
    subjects = [gesture.subject for gesture in gestures]
    there = [gesture.there for gesture in gestures]
    official = hold_out_groups([gesture.part for gesture in gestures], subjects)
    return Source(
        name="nvgesture",
        root=root,
        files=[*lists.values(), *films],
        recipe=recipe.settings(),
        classes=tuple(classes),
        modalities=recipe.modalities(),
        ids=[gesture.id for gesture in gestures],
        labels=np.array([classes.index(gesture.label) for gesture in gestures], dtype=np.int64),
        groups=subjects,
        splits={
            "official": if_there(official, there),
            "subject-disjoint": if_there(by_group(subjects), there),
        },
        default_split="official",
        load=partial(_load, recipe, gestures),
        note=note_of_missing_classes(len(classes), PUBLISHED_CLASSES),
        sample_files=[[gesture.color.file, gesture.depth.file] for gesture in gestures],
    )


def listed(root: Path, file: Path, part: str) -> list[Gesture]:
    """Gestures of a list with lines `path:... depth:... color:... label:1`; InputError for other lines."""
    lines = [line for line in read_lines(file) if line.strip()]
    return [_gesture(root, file, line, part) for line in lines]


def _gesture(root: Path, file: Path, line: str, part: str) -> Gesture:
    fields = dict(field.split(":", 1) for field in line.split() if ":" in field)
    place = PLACE.fullmatch(fields.get("path", ""))
    films = [FILM.fullmatch(fields.get(sensor, "")) for sensor in ("color", "depth")]
    label = whole(fields.get("label", ""))
    if place is None or not all(films) or label is None:
        raise InputError(
            f"{file.name}: `{line[:MOST_SHOWN_CHARACTERS]}` is not `path:... depth:... color:... label:...`: "
            "take the published file"
        )
    folder, subject = place.groups()
    color, depth = (
        Film(inside(root, f"{folder}/{film[1]}.avi"), (int(film[2]), int(film[3]))) for film in films if film
    )
    return Gesture("/".join(Path(folder).parts[-2:]), subject, f"{label:02d}", part, color, depth)


def _load(recipe: Recipe, gestures: Sequence[Gesture], row: int) -> Arrays:
    """Decode one gesture."""
    gesture, rgb, depth, flow = gestures[row], *(recipe.parts[name] for name in ("rgb", "depth", "flow"))
    pairs = read_moments(gesture.color.file, flow.frames, gesture.color.interval)
    deep = read_chosen(
        gesture.depth.file,
        lambda available: moments(available, depth.frames, gesture.depth.interval),
        depth.squeezed,
    )
    return {
        "rgb": rgb.stacked(rgb.squeezed(first) for first, _ in pairs),
        "depth": depth.stacked(deep),
        "flow": flow.between(pairs),
    }
