"""Films and pictures that are shown turned: a matrix beside a film or a number beside a picture says how."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from PIL import Image
from PIL.ExifTags import Base

from trainables.multimodal.errors import InputError

MATRIX: Final = "DISPLAYMATRIX"
"""PyAV's name for nine whole numbers of 32 bit; the first two of the first two rows turn a picture."""
TURNS: Final[Mapping[tuple[int, ...], Image.Transpose | None]] = {
    (0, 0, 0, 0): None,  # some recorders write nothing but zeros
    (1, 0, 0, 1): None,
    (0, -1, 1, 0): Image.Transpose.ROTATE_90,
    (-1, 0, 0, -1): Image.Transpose.ROTATE_180,
    (0, 1, -1, 0): Image.Transpose.ROTATE_270,
    (-1, 0, 0, 1): Image.Transpose.FLIP_LEFT_RIGHT,
    (1, 0, 0, -1): Image.Transpose.FLIP_TOP_BOTTOM,
    (0, 1, 1, 0): Image.Transpose.TRANSPOSE,
    (0, -1, -1, 0): Image.Transpose.TRANSVERSE,
}
"""Signs of these four -> what shows a picture as the matrix has it."""
ORIENTATIONS: Final[Mapping[Any, Image.Transpose]] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF's number of how the camera was held -> what shows its picture upright; at 1 it is so already."""


def upright(image: Image.Image, frame: Any) -> Image.Image:
    """The picture of a frame as a player shows it.

    Raises InputError: it is turned by something else than quarters.
    """
    if MATRIX not in frame.side_data:
        return image
    matrix = np.frombuffer(bytes(frame.side_data[MATRIX]), np.int32).reshape(3, 3)[:2, :2].astype(float)
    large = np.abs(matrix) > np.abs(matrix).max(axis=1, keepdims=True) / 2
    signs = tuple(int(sign) for sign in (np.sign(matrix) * large).flat)
    if signs not in TURNS:
        raise InputError(f"its pictures are turned by {frame.rotation} degrees: turn them by quarters")
    turn = TURNS[signs]
    return image if turn is None else image.transpose(turn)


def upright_picture(image: Image.Image) -> Image.Image:
    """A picture as a viewer shows it: turned as its EXIF data say, where it has any that can be read.

    Pillow's `exif_transpose` also writes these data anew, and ends in errors over damaged ones.
    """
    try:
        turn = ORIENTATIONS.get(image.getexif().get(Base.Orientation))
    except SyntaxError:  # no EXIF data, whatever they are called
        return image
    return image if turn is None else image.transpose(turn)
