"""Image recipes: from a picture file to an array of one size."""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from trainables.multimodal.data.limits import MOST_PICTURE_PIXELS
from trainables.multimodal.data.media.file_checks import require_content
from trainables.multimodal.data.media.suspicions import is_flat, notice_pictures
from trainables.multimodal.data.media.upright import upright_picture
from trainables.multimodal.data.media.video import IMAGENET_MEAN, IMAGENET_STD
from trainables.multimodal.data.store.feature_store import Modality
from trainables.multimodal.errors import InputError

FORMATS: Final = ("JPEG", "PNG", "GIF", "WEBP")
"""What is decoded, whatever a file's ending says; no other decoder ever sees the file."""
BOMBS: Final = (Image.DecompressionBombError, Image.DecompressionBombWarning)
BROKEN: Final = (OSError, SyntaxError, ValueError, EOFError)
"""What Pillow was seen to raise on files that are cut short or damaged."""


@dataclass(frozen=True)
class Picture:
    """A picture squeezed to a square with bicubic interpolation, whatever its shape.

    That is the evaluation transform which the authors of AUG publish for Twitter15 and Sarcasm with a later
    method of theirs (IJCAI 2025, "BSS"); AUG's own release covers no images. The normalisation is ImageNet's.
    """

    image_size: int = 224
    """Pixels, both ways."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """[3, image_size, image_size]."""
        return (3, self.image_size, self.image_size)

    def modality(self, name: str) -> Modality:
        """Pixels of 0..255 that the model sees with the published normalisation."""
        return Modality(name, self.shape, "uint8", IMAGENET_MEAN, IMAGENET_STD)

    def __call__(self, file: Path) -> NDArray[np.uint8]:
        """RGB pixels [3, image_size, image_size] of a picture; InputError where it cannot be used."""
        image = open_picture(file)
        notice_pictures(is_flat(image))
        square = image.resize((self.image_size, self.image_size), Image.Resampling.BICUBIC)
        return np.ascontiguousarray(np.asarray(square, dtype=np.uint8).transpose(2, 0, 1))


def open_picture(file: Path) -> Image.Image:
    """The whole picture in a file as RGB, upright, the first one where there are several; without its alpha.

    Raises InputError: missing, empty, a Git-LFS pointer, too large, undecodable or cut short.
    """
    require_content(file)
    name = f"{file.parent.name}/{file.name}"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of what is beside the pixels: damaged EXIF data
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return upright_picture(_decoded(file))
    except BOMBS as error:
        raise InputError(
            f"{name} has more than {MOST_PICTURE_PIXELS} pixels: make it smaller, or leave it out"
        ) from error
    except BROKEN as error:
        raise InputError(f"{name} is no readable picture ({error})") from error


def _decoded(file: Path) -> Image.Image:
    with Image.open(file, formats=FORMATS) as image:
        if image.width * image.height > MOST_PICTURE_PIXELS:
            raise Image.DecompressionBombError
        image.load()
        return image if image.mode == "RGB" else _scaled(image).convert("RGB")  # which copies an RGB one too


def _scaled(image: Image.Image) -> Image.Image:
    """The same in 8 bit: `convert` clips gray values of 16 bit, so that nearly all of them become white."""
    return image.point(lambda value: value / 257) if image.mode == "I;16" else image
