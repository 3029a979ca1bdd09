"""Clips whose frames somebody has cut: Image-01-FPS/<clip>/00000.jpg and so on, as published code does."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from trainables.multimodal.data.media.file_checks import inside
from trainables.multimodal.data.media.leftovers import require_no_copies, walk
from trainables.multimodal.data.media.pictures import open_picture
from trainables.multimodal.data.media.video import Frames
from trainables.multimodal.errors import InputError

FOLDER: Final = re.compile(r"Image-\d{1,3}-FPS", re.IGNORECASE)
"""The folder of all clips; its name tells how many frames of a second were cut."""
PICTURE: Final = re.compile(r"(?:.*\D)?(\d{1,18})\.(?:jpe?g|png)", re.IGNORECASE)
"""A frame; the last number in its name is its place in the clip."""


def frame_folders(root: Path) -> dict[str, list[Path]]:
    """Clip -> its frames in order of their numbers, of all folders `Image-01-FPS/<clip>` at any depth.

    Raises InputError: a clip has two folders with frames, two frames have one number, or a name is that of a
    copy without its original, or a link leaves the root.
    """
    clips: dict[str, list[Path]] = {}
    for folder, names in walk(root):
        numbers = {name: int(match[1]) for name in names if (match := PICTURE.fullmatch(name))}
        if not numbers or not FOLDER.fullmatch(folder.parent.name):
            continue
        require_no_copies(folder, names)
        if others := clips.get(folder.name):
            raise InputError(
                f"frames of {folder.name} are there twice, {others[0].parent} and {folder}: remove one"
            )
        if len(set(numbers.values())) < len(numbers):
            raise InputError(f"{folder} holds two frames of one number: remove one of them")
        below = folder.relative_to(root)
        clips[folder.name] = [inside(root, below / name) for name in sorted(numbers, key=numbers.__getitem__)]
    return clips


def read_frames(files: Sequence[Path], frames: Frames) -> NDArray[np.uint8]:
    """Pictures as an array [frames, 3, height, width], squeezed as frames of a film are.

    Raises InputError: one of them cannot be used.
    """
    pictures = {file: frames.squeezed(open_picture(file)) for file in files}  # a short clip repeats them
    return frames.stacked(pictures[file] for file in files)


def note_of_frames(taken: int, clips: int) -> str:
    """What every report should say where frames were not cut from films here."""
    return f"frames of {taken} of {clips} clips are pictures that others cut from films." if taken else ""
