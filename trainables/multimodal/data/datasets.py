"""The table of data sets, and opening a store, with the command that prepares one where there is none."""

import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from trainables.multimodal.data.adapters import (
    avdigits,
    cremad,
    cremad_votes,
    features,
    kinetics_sounds,
    listed_clips,
    mosi,
    mosi_sequences,
    nvgesture,
    ravdess,
    sarcasm,
    twitter15,
    ucf101,
    ucf101_vgg16,
    vggsound,
)
from trainables.multimodal.data.generated import controls, ladder
from trainables.multimodal.data.media.file_checks import FollowedPath
from trainables.multimodal.data.preparing.verify import require_made_from
from trainables.multimodal.data.preparing.writer import write_once
from trainables.multimodal.data.recipes import Recipe
from trainables.multimodal.data.source import Source
from trainables.multimodal.data.store.feature_store import FeatureStore
from trainables.multimodal.data.store.manifest import FILE
from trainables.multimodal.errors import InputError


@dataclass(frozen=True)
class Dataset:
    """How the raw files of one data set are read, or how it is drawn."""

    read: Callable[..., Source]
    """Called with the source folder if there are raw files, and with the recipe where there are recipes."""
    marks: tuple[str, ...]
    """Glob patterns that tell its raw folder from others; none of a data set that is generated."""
    recipes: Mapping[str, Recipe] | None = None
    """Named recipes, the default first; None: the data are stored as they are."""
    values: str = ""
    """Where the numbers of a regression are read from, if the data set can have them."""

    @property
    def generated(self) -> bool:
        """Whether there are no raw files: its recipe draws the samples."""
        return not self.marks

    def holds(self, folder: Path) -> bool:
        """Whether `folder` looks like the raw files of this data set."""
        return any(next(folder.glob(mark), None) for mark in self.marks)


def _anywhere(lists: Iterable[str]) -> tuple[str, ...]:
    """Patterns of lists where they are looked for: in the folder and in those directly below it."""
    return tuple(pattern for name in lists for pattern in (name, f"*/{name}"))


DATASETS: Final[Mapping[str, Dataset]] = {
    "cremad": Dataset(cremad.read, ("AudioWAV", "VideoFlash"), cremad.RECIPES),
    "cremad-votes": Dataset(cremad_votes.read, (cremad_votes.TABLE,)),
    "ravdess": Dataset(
        ravdess.read, (ravdess.TABLE, *(f"{depth}Actor_??" for depth in ("", "*/", "*/*/"))), ravdess.RECIPES
    ),
    "avdigits": Dataset(avdigits.read, (f"{avdigits.RECORDINGS_FOLDER}/*_*_*.wav",)),
    "mosi": Dataset(mosi.read, (mosi.TRANSCRIPTS,), values=f"{mosi.SENTIMENT_TABLE} in the source folder"),
    "mosi-sequences": Dataset(mosi_sequences.read, mosi_sequences.FILES, values="its pickle"),
    "ucf101-vgg16": Dataset(ucf101_vgg16.read, (ucf101_vgg16.TABLE,)),
    "ucf101": Dataset(
        ucf101.read, tuple(f"{depth}v_*_g??_c??.avi" for depth in ("", "*/", "*/*/")), ucf101.RECIPES
    ),
    "kinetics-sounds": Dataset(
        kinetics_sounds.read, _anywhere(kinetics_sounds.LISTS.values()), listed_clips.RECIPES
    ),
    "vggsound": Dataset(vggsound.read, _anywhere([vggsound.LIST]), listed_clips.RECIPES),
    "nvgesture": Dataset(nvgesture.read, _anywhere(nvgesture.LISTS.values()), nvgesture.RECIPES),
    "twitter15": Dataset(twitter15.read, (twitter15.TABLES_FOLDER,), twitter15.RECIPES),
    "sarcasm": Dataset(sarcasm.read, (sarcasm.IMAGES_FOLDER,), sarcasm.RECIPES),
    **{
        f"controls-{variant}": Dataset(partial(controls.read, variant), (), controls.RECIPES)
        for variant in controls.STRENGTHS
    },
    "ladder": Dataset(ladder.read, (), ladder.RECIPES),
    "features": Dataset(features.read, ("*.npz", "*.parquet"), values="an array `value`"),
}


def read_source(
    name: str,
    root: Path | None,
    *,
    recipe: str | None = None,
    settings: Mapping[str, str] | None = None,
    follow_links: bool = False,
) -> Source:
    """The source of data set `name` below `root`, with a recipe and changes to its parameters.

    The root itself may be a link. Links in it may lead out of it if `follow_links` says so.

    Raises InputError: unknown data set, recipe or parameter, bad source files, or no folder where one is
    needed, or one where none is.
    """
    if name not in DATASETS:
        raise InputError(f"unknown data set {name}: known are {', '.join(DATASETS)}")
    dataset = DATASETS[name]
    if dataset.generated != (root is None):
        raise InputError(
            f"{name} is generated: leave --source out" if root else f"name the --source folder of {name}"
        )
    if root:
        root = FollowedPath(root) if follow_links else root
        # A file keeps its own name, since what a link leads to in a store may have no suffix.
        root = root.resolve() if root.is_dir() else root.parent.resolve() / root.name
    folders = [root] if root else []
    if dataset.recipes is None:
        if recipe or settings:
            raise InputError(f"{name} is stored as it is: it takes no recipe and no recipe parameters")
        return dataset.read(*folders)
    recipe = recipe or next(iter(dataset.recipes))
    if recipe not in dataset.recipes:
        raise InputError(f"unknown recipe {recipe}: {name} has {', '.join(dataset.recipes)}")
    return dataset.read(*folders, dataset.recipes[recipe].changed(settings or {}))


def generated_store(name: str, folder: Path) -> FeatureStore:
    """The store of a generated data set below `folder`: made by the first call, in seconds.

    Raises InputError: what lies there was made with another recipe.
    """
    source = read_source(name, None)
    write_once(source, folder / name)
    return require_made_from(folder / name, source)


def require_values(store: FeatureStore) -> None:
    """Raise InputError where a store keeps no number per sample, naming the data sets that can have one."""
    if store.values is None:
        able = [f"{name} (from {dataset.values})" for name, dataset in DATASETS.items() if dataset.values]
        raise InputError(
            f"task regression predicts a number per sample, and {store.path} holds none: "
            f"prepare data that have one, which are {', '.join(able)}"
        )


def open_store(path: str | Path) -> FeatureStore:
    """Open a store; a folder of raw files is answered with the command that prepares it."""
    folder = Path(path)
    if folder.is_dir() and not (folder / FILE).is_file():
        for name, dataset in DATASETS.items():
            if dataset.holds(folder):
                raise InputError(
                    f"{folder} holds raw files of {name}: run `python -m study.prepare {name} --source "
                    f"{shlex.quote(str(folder))} --out data/{name}` first, then use --data data/{name}"
                )
    return FeatureStore.open(folder)
