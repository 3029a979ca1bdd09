"""UCF-101 from its clips: what a frame shows, and how it moves into the next one.

Names tell everything: v_Diving_g01_c03.avi is the third clip of Diving from recording session 01. Clips of
one session are scenes of one film, so that a session belongs to one part of a split. Copies differ in capital
letters (HandstandPushups, HandStandPushups): names are compared without them, and written as in the files.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from trainables.multimodal.data.adapters.listed_clips import (
    find_files,
    find_list,
    note_of_missing_classes,
    require_present,
)
from trainables.multimodal.data.media.file_checks import refuse_lfs_pointers, require_folder
from trainables.multimodal.data.media.flow_pictures import Pictures, flow_folders, two_streams
from trainables.multimodal.data.media.optical_flow import Dis, Farneback, opencv
from trainables.multimodal.data.media.video import Frames
from trainables.multimodal.data.recipes import Recipe
from trainables.multimodal.data.source import Source
from trainables.multimodal.data.splits import TEST, TRAIN, by_group, each_class, from_lists, hold_out_groups
from trainables.multimodal.data.store.feature_store import Arrays
from trainables.multimodal.data.tables.text_tables import read_lines
from trainables.multimodal.errors import InputError

NAME: Final = re.compile(r"v_([a-z]+)_(g\d{2})_c\d{2}", re.ASCII | re.IGNORECASE)
PUBLISHED_CLASSES: Final = 101
"""Classes of the whole data set."""
LISTS: Final = {
    f"official-{number}": {TRAIN: f"trainlist{number}.txt", TEST: f"testlist{number}.txt"}
    for number in ("01", "02", "03")
}
SESSIONS: Final = "session-disjoint"
RECIPES: Final[Mapping[str, Recipe]] = {
    "two-stream-dis": Recipe("two-stream-dis", {"rgb": Frames(), "flow": Dis()}),
    "two-stream-farneback": Recipe("two-stream-farneback", {"rgb": Frames(), "flow": Farneback()}),
}

ClipsByPolicy = Mapping[str, Mapping[str, set[str]]]
"""Policy -> part -> the clips that its list names."""


def read(root: Path, recipe: Recipe) -> Source:
    """All clips below `root`, however deep, and those that official lists name besides of the same classes.

    Modalities: `rgb` [frames, 3, size, size] and `flow` [frames, 2, size, size], uint8, of the same moments.
    Splits: `official-01` to `-03` where their lists are there, with a tenth of each class's training
    sessions for validation; `session-disjoint` draws the sessions of each class anew. A clip that is listed
    but not there cannot be used, and is in no part.

    Raises InputError: no clips, unknown names, bad lists, or flow to be computed without OpenCV.
    """
    require_folder(root)
    media = find_files(root, (".avi",))
    refuse_lfs_pointers(root, list(media.values()))
    actions = {action(clip).lower(): action(clip) for clip in sorted(media, reverse=True)}
    classes = sorted(actions.values())
    list_files, lists = _official(root, actions)
    listed = {clip for parts in lists.values() for clips in parts.values() for clip in clips}
    names = {clip.lower(): clip for clip in sorted(listed)} | _spelling(media)
    ids = sorted(names.values())
    flows = _flows(root, names, media)
    pictures = {clip: _picture_files(of_clip, recipe) for clip, of_clip in flows.items()}
    labels = np.array([classes.index(actions[action(clip).lower()]) for clip in ids], dtype=np.int64)
    sessions = [f"{actions[action(clip).lower()]}_{_parts(clip)[2].lower()}" for clip in ids]
    absent = note_of_missing_classes(len(classes), PUBLISHED_CLASSES)
    there = np.flatnonzero([clip in media for clip in ids])
    published = {
        policy: from_lists(
            ids, {part: {names[clip.lower()] for clip in clips} for part, clips in parts.items()}
        )
        for policy, parts in lists.items()
    }
    splits = _splits(np.array(sessions), labels, there, published)
    return Source(
        name="ucf101",
        root=root,
        files=[*list_files, *media.values(), *(file for files in pictures.values() for file in files)],
        recipe=recipe.settings(),
        classes=tuple(classes),
        modalities=recipe.modalities(),
        ids=ids,
        labels=labels,
        groups=sessions,
        splits=splits,
        default_split=next(iter(splits)),
        load=partial(_load, recipe, [media.get(clip) for clip in ids], [flows.get(clip) for clip in ids]),
        note=" ".join(filter(None, [absent, _note_of_flow(flows, media)])),
        sample_files=[[media[clip], *pictures.get(clip, [])] if clip in media else [] for clip in ids],
    )


def action(clip: str) -> str:
    """The class in a clip's name; InputError where the name is not one of UCF-101's."""
    return _parts(clip)[1]


def clips_of(file: Path) -> set[str]:
    """Clip names of a list with lines such as `Diving/v_Diving_g08_c01.avi 26`; InputError for others."""
    clips = {Path(line.split()[0]).stem for line in read_lines(file) if line.strip()}
    for clip in clips:
        action(clip)
    return clips


def _parts(clip: str) -> re.Match[str]:
    match = NAME.fullmatch(clip)
    if match is None:
        raise InputError(
            f"{clip!r} is no clip name of UCF-101 (such as v_Diving_g01_c03): remove or rename it"
        )
    return match


def _spelling(clips: Iterable[str]) -> dict[str, str]:
    """Names of clips in small letters -> as written; InputError for two that differ in capitals alone."""
    spelling: dict[str, str] = {}
    for clip in clips:
        if (other := spelling.setdefault(clip.lower(), clip)) != clip:
            raise InputError(f"{other} and {clip} are names of one clip: remove one of them")
    return spelling


def _official(root: Path, actions: Collection[str]) -> tuple[list[Path], ClipsByPolicy]:
    """The lists of every complete official split: their files, and the clips in them of these classes."""
    files: list[Path] = []
    lists: dict[str, dict[str, set[str]]] = {}
    for policy, names in LISTS.items():
        list_of = {part: file for part, name in names.items() if (file := find_list(root, name))}
        if list_of.keys() == names.keys():
            files += list_of.values()
            lists[policy] = {
                part: {clip for clip in clips_of(file) if action(clip).lower() in actions}
                for part, file in list_of.items()
            }
    return files, lists


def _splits(
    sessions: NDArray[np.str_],
    labels: NDArray[np.int64],
    there: NDArray[np.int64],
    published: Mapping[str, Sequence[str]],
) -> dict[str, list[str]]:
    """All policies, the default first; rows that are not `there` are in no part."""

    def held_out(parts: NDArray[np.str_]) -> list[str]:
        return each_class(
            labels, there, lambda rows: hold_out_groups(list(parts[rows]), list(sessions[rows]))
        )

    official = {policy: held_out(np.array(parts)) for policy, parts in published.items()}
    return official | {SESSIONS: each_class(labels, there, lambda rows: by_group(list(sessions[rows])))}


def _flows(root: Path, names: Mapping[str, str], media: Mapping[str, Path]) -> dict[str, Pictures]:
    """Flow pictures of the clips that have them; InputError if others need OpenCV and it is not there."""
    folders = flow_folders(root, NAME)
    flows = {
        names[name]: folders[folder]
        for name, folder in _spelling(folders).items()
        if names.get(name) in media
    }
    if len(flows) < len(media):
        opencv()
    return flows


def _picture_files(pictures: Pictures, recipe: Recipe) -> list[Path]:
    """The pictures of a clip that will be read, each once."""
    return list(dict.fromkeys(file for xy in pictures.files(recipe.parts["flow"].frames) for file in xy))


def _note_of_flow(flows: Mapping[str, Pictures], media: Mapping[str, Path]) -> str:
    share = (
        f"flow of {len(flows)} of {len(media)} clips comes from pictures in the source, not from the recipe."
    )
    return share if flows else ""


def _load(recipe: Recipe, files: Sequence[Path | None], flows: Sequence[Pictures | None], row: int) -> Arrays:
    """Decode one clip."""
    return two_streams(require_present(files[row]), flows[row], recipe.parts["rgb"], recipe.parts["flow"])
