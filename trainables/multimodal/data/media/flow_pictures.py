"""Flow that others have computed: a folder per clip with x_00001.jpg, y_00001.jpg and so on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from re import Pattern
from typing import Final

from trainables.multimodal.data.media.file_checks import inside, walk
from trainables.multimodal.data.media.optical_flow import Flow, read_moments
from trainables.multimodal.data.media.pictures import open_picture
from trainables.multimodal.data.media.video import Frames, evenly_spaced, read_chosen
from trainables.multimodal.data.store.feature_store import Arrays
from trainables.multimodal.errors import InputError

SPARE: Final = 2
"""So many of a clip's last frames may lack a picture; with more the pictures are of another clip or speed."""


@dataclass(frozen=True)
class Pictures:
    """The flow pictures of one clip; number 1 is the motion from its first frame to the second."""

    root: Path
    """The source folder."""
    folder: Path
    count: int

    def moments(self, wanted: int) -> list[int]:
        """Indices of evenly spaced frames that have pictures."""
        return evenly_spaced(self.count, wanted)

    def files(self, wanted: int) -> Iterator[tuple[Path, Path]]:
        """Pictures of x and of y at these moments; InputError where one is a link out of the source."""
        folder = self.folder.relative_to(self.root)
        for index in self.moments(wanted):
            x, y = (inside(self.root, folder / f"{axis}_{index + 1:05d}.jpg") for axis in "xy")
            yield x, y

    def require_fit(self, frames: int) -> None:
        """Raise InputError unless they can be those of a clip with so many frames."""
        if not self.count <= frames <= self.count + SPARE:
            raise InputError(
                f"{self.folder.name} holds flow of {self.count} frames, but the clip has {frames}: "
                "remove the folder, so that flow is computed, or take pictures of every frame"
            )


def flow_folders(root: Path, clip: Pattern[str]) -> dict[str, Pictures]:
    """Folders of pictures anywhere below the root that are named as a clip is; InputError if one has two."""
    folders: dict[str, Pictures] = {}
    for path, names in walk(root):
        count = sum(name.startswith("x_") and name.endswith(".jpg") for name in names)
        if count and clip.fullmatch(path.name):
            if path.name in folders:
                raise InputError(
                    f"flow of {path.name} is there twice, {folders[path.name].folder} and {path}: remove one"
                )
            folders[path.name] = Pictures(root, path, count)
    return folders


def two_streams(file: Path, pictures: Pictures | None, rgb: Frames, flow: Flow) -> Arrays:
    """`rgb` and `flow` of the same moments of a clip, from one decoding; without pictures flow is computed.

    Raises InputError: clip or pictures cannot be used, or do not belong together.
    """
    if pictures is None:
        pairs = read_moments(file, flow.frames)
        return {"rgb": rgb.stacked(rgb.squeezed(first) for first, _ in pairs), "flow": flow.between(pairs)}

    def fitting(available: int) -> Sequence[int]:
        pictures.require_fit(available)
        return pictures.moments(flow.frames)

    return {
        "rgb": rgb.stacked(read_chosen(file, fitting, rgb.squeezed)),
        "flow": flow.stacked(
            [open_picture(axis).convert("L") for axis in xy] for xy in pictures.files(flow.frames)
        ),
    }
