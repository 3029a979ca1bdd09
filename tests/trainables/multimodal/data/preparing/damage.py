"""Damages files and prepares them, in a process of its own, which a decoder may end: see test_fuzz.py.

    python damage.py SOURCE WORK FIRST LAST KIND

SOURCE holds sound files; WORK is an empty folder. Prints for each seed whether the file was used or
refused, and ends with a traceback over anything but a refusal.
"""

import os
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from trainables.multimodal.data.adapters import cremad, features
from trainables.multimodal.data.media.audio import Fbank
from trainables.multimodal.data.media.pictures import Picture
from trainables.multimodal.data.media.video import Frames
from trainables.multimodal.data.preparing import verify
from trainables.multimodal.data.preparing.unusable import names_file
from trainables.multimodal.data.preparing.writer import write_store
from trainables.multimodal.data.recipes import Recipe
from trainables.multimodal.data.source import Source
from trainables.multimodal.data.store.feature_store import FeatureStore
from trainables.multimodal.data.store.manifest import FILE
from trainables.multimodal.errors import InputError

RECIPE = Recipe("dnr-fbank", {"audio": Fbank(mel_bins=16, time_steps=40), "visual": Frames(2, 16)})

Fates = Iterator[tuple[int, bool]]
"""Seed, and whether its file was used."""


def damaged(content: bytes, seed: int) -> bytes:
    """Cut short anywhere, or with one to eight bits flipped, half of the time near the beginning."""
    draw = np.random.default_rng(seed)
    if draw.random() < 0.3:
        return content[: draw.integers(len(content))]
    result = np.frombuffer(content, np.uint8).copy()
    reach = len(result) if draw.random() < 0.5 else min(len(result), 512)
    places = draw.integers(reach, size=draw.integers(1, 9))
    result[places] ^= np.left_shift(1, draw.integers(8, size=len(places))).astype(np.uint8)
    return result.tobytes()


def damage(file: Path, seed: int) -> bool:
    """Damage a file that keeps its time, as a disk does; whether it was cut short."""
    status = file.stat()
    file.write_bytes(damaged(file.read_bytes(), seed))
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    return file.stat().st_size < status.st_size


def of_clips(pattern: str, source: Path, work: Path, seeds: range) -> Fates:
    """One damaged clip for each seed, as many at once as there are; all that are cut have to be refused and
    all that are refused to be named."""
    clips = len(list(source.glob(pattern)))
    for first in range(seeds.start, seeds.stop, clips):
        batch = range(first, min(first + clips, seeds.stop))
        root = Path(shutil.copytree(source, work / str(first)))
        files = zip(batch, sorted(root.glob(pattern)), strict=False)
        cut = {file.stem for seed, file in files if damage(file, seed)}
        found = cremad.read(root, RECIPE)
        refused = [clip for row, clip in enumerate(found.ids) if not loads(found, row)]
        out = work / f"out-{first}"
        told = refusal(lambda source=found, out=out: write_store(source, out))
        named = names_file(out).read_text(encoding="utf-8").splitlines() if refused else []
        assert cut <= set(refused)
        assert [line.partition("\t")[0] for line in named] == refused
        assert told.startswith(f"{len(refused)} of {len(found.ids)} samples") or not refused
        yield from ((seed, clip not in refused) for seed, clip in zip(batch, found.ids, strict=False))


def of_pictures(name: str, source: Path, work: Path, seeds: range) -> Fates:
    """A damaged picture for each seed; a refusal has to name it."""
    for seed in seeds:
        file = Path(shutil.copy(source / name, work / f"{seed}.jpg"))
        damage(file, seed)
        told = refusal(lambda: Picture(16)(file))  # noqa: B023
        assert not told or file.name in told
        yield seed, not told


def of_films(name: str, source: Path, work: Path, seeds: range) -> Fates:
    """A damaged film for each seed; one that is cut has to be refused, and a refusal to name it."""
    for seed in seeds:
        file = Path(shutil.copy(source / name, (work / str(seed)).with_suffix(Path(name).suffix)))
        cut = damage(file, seed)
        told = refusal(lambda: Frames(2, 16)(file))  # noqa: B023
        assert file.name in told if told else not cut
        yield seed, not told


def of_features(name: str, source: Path, work: Path, seeds: range) -> Fates:
    """A damaged table for each seed; a refusal to read it has to name it."""
    for seed in seeds:
        root = work / str(seed)
        root.mkdir()
        shutil.copy(source / name, root)
        damage(root / name, seed)
        found: list[Source] = []
        told = refusal(lambda: found.append(features.read(root)))  # noqa: B023
        assert not told or name in told
        yield seed, not (told or refusal(lambda: write_store(found[0], root / "out")))  # noqa: B023


def of_store(pattern: str, source: Path, work: Path, seeds: range) -> Fates:
    """A store with a damaged file for each seed: opened and read, and hashed, which lets no damage pass."""
    for seed in seeds:
        root = Path(shutil.copytree(source / "store", work / str(seed)))
        (file,) = root.glob(pattern)
        before = file.read_bytes()
        damage(file, seed)
        opened = not refusal(lambda: read_all(FeatureStore.open(root)))  # noqa: B023
        if pattern != FILE and file.read_bytes() != before:
            assert "is damaged" in refusal(lambda: verify.verify(root))  # noqa: B023
        else:
            refusal(lambda: verify.verify(root))  # noqa: B023
        yield seed, opened


def read_all(store: FeatureStore) -> None:
    """Everything that a trial reads."""
    store.split()
    for name in store.modalities:
        store.read(name, range(len(store)))


def loads(source: Source, row: int) -> bool:
    """Whether a sample can be decoded."""
    return not refusal(lambda: source.load(row))


def refusal(action: Callable[[], object]) -> str:
    """The sentence with which an action is refused; nothing where it is not."""
    try:
        action()
    except InputError as error:
        return str(error)
    return ""


KINDS = {
    "wav": (of_clips, "AudioWAV/*.wav"),
    "flv": (of_clips, "VideoFlash/*.flv"),
    "jpg": (of_pictures, "picture.jpg"),
    **{suffix: (of_films, f"film.{suffix}") for suffix in ("mp4", "mkv", "avi", "mpg")},
    "npz": (of_features, "table.npz"),
    "parquet": (of_features, "table.parquet"),
    "arrow": (of_store, "*.arrow"),
    "manifest": (of_store, FILE),
}


def main(source: str, work: str, first: str, last: str, kind: str) -> None:
    """Try every seed from `first` up to `last` for a kind of file."""
    warnings.simplefilter("ignore")  # a flipped bit makes any number
    attempt, pattern = KINDS[kind]
    for seed, used in attempt(pattern, Path(source), Path(work), range(int(first), int(last))):
        print(kind, seed, "used" if used else "refused", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
