"""From a source to a store: decode every sample once, check it, write Arrow files and the manifest.

The store grows in a hidden folder beside its destination and is renamed at the end, so that the destination
holds a whole store or nothing. An interruption leaves that folder, and the same command goes on with it.
"""

import contextlib
import fcntl
import hashlib
import importlib.metadata
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from trainables.multimodal.data import manifest as manifests
from trainables.multimodal.data.shards import (
    NOTES,
    Note,
    Sample,
    being_decoded,
    forget_marks,
    spans,
    write_shard,
)
from trainables.multimodal.data.source import Source
from trainables.multimodal.data.splits import rows_by_part
from trainables.multimodal.data.store import FeatureStore
from trainables.multimodal.data.workers import WorkerDied, each
from trainables.multimodal.errors import InputError

LIBRARIES = ("av", "numpy", "pillow", "pyarrow", "scikit-learn", "soundfile", "torch", "torchaudio")
EXTRAS = ("opencv-python", "opencv-python-headless", "transformers")
"""Noted where they are installed."""
PLAN = "plan"
"""File with the checksum of all that decides what the samples of an unfinished store are."""


def write_store(
    source: Source,
    out: Path,
    *,
    skip_up_to: float = 0.0,
    workers: int = 1,
    advance: Callable[[int], None] = lambda count: None,
) -> FeatureStore:
    """Decode `source` into a new store at `out`, calling `advance` with the number of samples just done.

    Raises InputError: the default split cannot be used, `out` exists or is being written, or more than
    `skip_up_to` of the samples are unusable (each is named). Only KeyboardInterrupt and the end of the
    process leave an unfinished folder behind.
    """
    source.require_split(source.default_split)
    if out.exists():
        raise InputError(f"{out} exists already: remove it or choose another --out")
    folder = unfinished(out)
    folder.mkdir(parents=True, exist_ok=True)
    with _claimed(folder, out):
        try:
            _begin(folder, source)
            _fill(folder, source, skip_up_to, workers, advance)
            _publish(folder, out)
        except Exception:  # whatever it is, it goes on to the caller: only interruptions keep the folder
            shutil.rmtree(folder, ignore_errors=True)
            raise
    return FeatureStore.open(out)


def unfinished(out: Path) -> Path:
    """Where the store at `out` grows."""
    return out.parent / f".{out.name}.unfinished"


def source_checksums(source: Source, workers: int = 1) -> dict[str, str]:
    """sha256 of every source file, by its path below the root."""
    files = [file for file in source.files if file.is_file()]
    sums = each(_checksum, None, files, workers)
    return dict(zip((file.relative_to(source.root).as_posix() for file in files), sums, strict=True))


def _checksum(_: None, file: Path) -> str:
    return manifests.sha256(file)


def stored_samples(store: FeatureStore) -> Iterator[Sample]:
    """Every sample of a store, in order: what its digest is computed from."""
    columns = {policy: store.parts(policy) for policy in store.policies}
    for row, sample in enumerate(store.ids):
        group = store.groups[row] if store.groups else None
        parts = {policy: column[row] for policy, column in columns.items()}
        arrays = {name: store.read(name, [row])[0] for name in store.modalities}
        present = {name: bool(mask[row]) for name, mask in store.present.items()}
        value = None if store.values is None else float(store.values[row])
        yield Sample(sample, int(store.labels[row]), group, parts, arrays, present, value)


@contextlib.contextmanager
def _claimed(folder: Path, out: Path) -> Iterator[None]:
    """Hold the folder alone; the claim ends with the process, however that ends."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(f"{out} is being prepared by another process: wait for it") from error
        yield
    finally:
        os.close(handle)


def _begin(folder: Path, source: Source) -> None:
    """Keep what an earlier start has decoded, if it would be decoded to the same again."""
    plan = _plan(source)
    if not (folder / PLAN).is_file() or (folder / PLAN).read_text() != plan:
        for path in folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        (folder / NOTES).mkdir()
        (folder / PLAN).write_text(plan)


def _plan(source: Source) -> str:
    """Checksum of the recipe, the samples, the spans they are written in, and the files' sizes and times."""
    files = [[str(file), *_size_and_time(file)] for file in source.files]
    parts = {
        **_described(source),
        "ids": source.ids,
        "labels": source.labels.tolist(),
        "groups": source.groups,
        "splits": source.splits,
        "present": {name: mask.tolist() for name, mask in source.present.items()},
        "spans": [[span.start, span.stop] for span in spans(source)],
        "files": files,
        **({} if source.values is None else {"values": source.values.tolist()}),
    }
    return hashlib.sha256(manifests.canonical(parts)).hexdigest()


def _size_and_time(file: Path) -> tuple[int, int]:
    try:
        status = file.stat()
    except OSError:
        return -1, -1
    return status.st_size, status.st_mtime_ns


def _fill(
    folder: Path, source: Source, skip_up_to: float, workers: int, advance: Callable[[int], None]
) -> None:
    notes: list[Note] = []
    rows = spans(source)
    forget_marks(folder)
    try:
        for span, note in zip(rows, each(partial(write_shard, folder), source, rows, workers), strict=True):
            notes.append(note)
            advance(len(span))
    except WorkerDied as error:
        suspects = " or ".join(being_decoded(folder))
        raise InputError(f"{error}; at hand was {suspects}: repair it, or use fewer --workers") from error
    problems = {int(row): reason for note in notes for row, reason in note.problems.items()}
    _require_few(source, problems, skip_up_to)
    _require_split(source, [row for row in range(len(source.ids)) if row not in problems])
    skipped = {source.ids[row]: reason for row, reason in problems.items()}
    manifests.write(folder, _manifest(source, notes, skipped, source_checksums(source, workers)))


def _require_few(source: Source, problems: dict[int, str], skip_up_to: float) -> None:
    share = len(problems) / len(source.ids)
    if share <= skip_up_to:
        return
    reasons = "; ".join(f"{source.ids[row]}: {reason}" for row, reason in problems.items())
    raise InputError(
        f"{len(problems)} of {len(source.ids)} samples cannot be used ({reasons}): repair them, "
        f"or leave them out with --skip-up-to {_rounded_up(share)}"
    )


def _rounded_up(share: float) -> float:
    """The share with three digits, large enough to let all through."""
    return min(1.0, float(np.ceil(share * 1000) / 1000))


def _require_split(source: Source, kept: list[int]) -> None:
    """Leaving samples out may not empty a part of the default split, nor take a class from it."""
    policy = source.default_split
    parts = [source.splits[policy][row] for row in kept]
    rows_by_part(policy, parts, source.labels[kept], source.classes)


def _manifest(
    source: Source, notes: Sequence[Note], skipped: dict[str, str], checksums: dict[str, str]
) -> dict[str, Any]:
    digests = [bytes.fromhex(digest) for note in notes for digest in note.digests]
    manifest = {
        **_described(source),
        "group": source.groups is not None,
        "splits": sorted(source.splits),
        "default_split": source.default_split,
        "note": source.note,
        "skipped": skipped,
        "sources": checksums,
        "files": [note.file for note in notes if note.file],
        "samples": len(digests),
        **({"present": sorted(source.present)} if source.present else {}),
    }
    return {**manifest, "digest": manifests.data_digest(manifest, digests)}


def _described(source: Source) -> dict[str, Any]:
    """What a source is, and what decodes it."""
    return {
        "format": manifests.FORMAT,
        "dataset": source.name,
        "is_sample": source.is_sample,
        "recipe": source.recipe,
        "classes": list(source.classes),
        "modalities": {name: modality.to_json() for name, modality in source.modalities.items()},
        "versions": {**_versions(LIBRARIES), **_versions(_installed(EXTRAS))},
        **({"value": asdict(source.quantity)} if source.quantity else {}),
    }


def _versions(names: Iterable[str]) -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in names}


def _installed(names: Iterable[str]) -> list[str]:
    return [name for name in names if any(importlib.metadata.distributions(name=name))]


def _publish(folder: Path, out: Path) -> None:
    """Give the finished folder its name, without what only an unfinished one needs."""
    shutil.rmtree(folder / NOTES)
    (folder / PLAN).unlink()
    try:
        folder.rename(out)
    except OSError as error:
        raise InputError(f"{out} cannot be created ({error.strerror}): choose another --out") from error
