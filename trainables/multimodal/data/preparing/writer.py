"""From a source to a store: decode every sample once, check it, write Arrow files and the manifest.

The store is written in a hidden folder beside its destination, which is renamed at the end: the destination
holds a whole store or nothing. If the work ends early, that folder stays, and the same command continues it:
it decodes only what is missing or has changed since.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from trainables.multimodal.data.preparing.fatal_samples import confirm_fatal, suspects, without_fatal
from trainables.multimodal.data.preparing.fingerprints import (
    NOTES,
    Fingerprints,
    described,
    fingerprints_of,
    shared_files,
)
from trainables.multimodal.data.preparing.shards import (
    Note,
    Sample,
    Shard,
    noted,
    spans,
    write_shard,
)
from trainables.multimodal.data.preparing.worker_processes import WorkerDied, each, in_processes
from trainables.multimodal.data.source import Source
from trainables.multimodal.data.splits import rows_by_part
from trainables.multimodal.data.store import manifest as manifests
from trainables.multimodal.data.store.feature_store import FeatureStore, sample_bytes
from trainables.multimodal.errors import InputError
from trainables.multimodal.whole_files import held


def write_store(
    source: Source,
    out: Path,
    *,
    skip_up_to: float = 0.0,
    workers: int = 1,
    advance: Callable[[int], None] = lambda count: None,
) -> FeatureStore:
    """Decode `source` into a new store at `out`, calling `advance` with the number of samples just done.

    A source that holds its samples is written by this process alone, whatever `workers` says.

    Raises InputError: the default split cannot be used, `out` exists or is being written, more than
    `skip_up_to` of the samples are unusable (each is named), or the disk is full. All but the first two leave
    an unfinished folder behind, as does the end of the process, for the next start to go on with.
    """
    source.require_split(source.default_split)
    _require_room(source, out)
    workers = 1 if source.in_memory else workers
    if out.exists():
        raise InputError(f"{out} exists already: remove it or choose another --out")
    folder = unfinished(out)
    (folder / NOTES).mkdir(parents=True, exist_ok=True)
    with held(folder / NOTES) as alone:
        if not alone:
            raise InputError(f"{out} is being prepared by another process: wait for it")
        try:
            _fill(folder, source, skip_up_to, workers, advance)
            _publish(folder, out)
        except (InputError, OSError) as error:
            raise InputError(
                f"{error}; what is decoded stays in {folder}, and the same command goes on with it: "
                "only what has changed is decoded again"
            ) from error
    return FeatureStore.open(out)


def write_once(source: Source, out: Path) -> None:
    """Write the store unless it is there, or another process was faster."""
    try:
        if not (out / manifests.FILE).is_file():
            write_store(source, out)
    except InputError:
        if not (out / manifests.FILE).is_file():
            raise


def unfinished(out: Path) -> Path:
    """Where the store at `out` is written until it is whole."""
    return out.parent / f".{out.name}.unfinished"


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


def _require_room(source: Source, out: Path) -> None:
    """Raise InputError where the disk has no room for a table: few bytes can unpack to any number.

    Of other sources nobody knows how many of their samples can be used.
    """
    there = next(folder for folder in out.absolute().parents if folder.exists())
    needed = len(source.ids) * sample_bytes(source.modalities) if source.in_memory else 0
    begun = sum(file.stat().st_size for file in unfinished(out).glob("*.arrow"))
    if needed > (free := shutil.disk_usage(there).free + begun):
        raise InputError(
            f"the store needs {needed / 2**20:,.0f} MiB, and {there} has {free / 2**20:,.0f} MiB of room: "
            "choose another --out, or make some"
        )


def _begin(folder: Path, fingerprints: Fingerprints) -> list[Shard]:
    """Keep what an earlier start has decoded, where it would be decoded to the same again, and nothing else.

    Returns all shards that the store will have.
    """
    shards = [
        Shard(
            rows, fingerprints.of(rows), tuple(file for files in fingerprints.files(rows) for file in files)
        )
        for rows in spans(fingerprints.source)
    ]
    notes = [noted(folder, shard) for shard in shards]
    kept = {NOTES, *(note.file["name"] for note in notes if note and note.file)}
    for path in folder.iterdir():
        if path.name not in kept:
            path.unlink()
    return shards


def _fill(
    folder: Path, source: Source, skip_up_to: float, workers: int, advance: Callable[[int], None]
) -> None:
    notes = _decode(folder, fingerprints_of(source), workers, advance)
    problems = {int(row): reason for note in notes for row, reason in note.problems.items()}
    _require_few(source, problems, skip_up_to)
    _require_split(source, [row for row in range(len(source.ids)) if row not in problems])
    skipped = {source.ids[row]: reason for row, reason in problems.items()}
    manifests.write(folder, _manifest(source, notes, skipped))


def _decode(
    folder: Path, fingerprints: Fingerprints, workers: int, advance: Callable[[int], None]
) -> list[Note]:
    """Notes on all shards. Once a process has died, here or at an earlier start, others do all the work."""
    notes: list[Note] = []
    shards = _begin(folder, fingerprints)
    apply = in_processes if suspects(folder) else each
    confirm_fatal(folder, fingerprints)
    while True:
        left = shards[len(notes) :]
        source = without_fatal(folder, fingerprints)
        try:
            for shard, note in zip(
                left, apply(partial(write_shard, folder), source, left, workers), strict=True
            ):
                notes.append(note)
                advance(len(shard.rows))
            return notes
        except WorkerDied as error:
            decoded = " or ".join(source.ids[row] for row in suspects(folder))
            if not confirm_fatal(folder, fingerprints):
                raise InputError(
                    f"{error}; being decoded was {decoded or 'none'}, and alone none is fatal: "
                    "use fewer --workers"
                ) from error
            apply = in_processes


def _require_few(source: Source, problems: dict[int, str], skip_up_to: float) -> None:
    share = len(problems) / len(source.ids)
    if share <= skip_up_to:
        return
    enough = min(1.0, float(np.ceil(share * 1000) / 1000))
    reasons = "; ".join(f"{source.ids[row]}: {reason}" for row, reason in problems.items())
    raise InputError(
        f"{len(problems)} of {len(source.ids)} samples cannot be used ({reasons}): repair them, "
        f"or leave them out with --skip-up-to {enough}"
    )


def _require_split(source: Source, kept: list[int]) -> None:
    """Leaving samples out may not empty a part of the default split, nor take a class from it."""
    policy = source.default_split
    parts = [source.splits[policy][row] for row in kept]
    rows_by_part(policy, parts, source.labels[kept], source.classes)


def _manifest(source: Source, notes: Sequence[Note], skipped: dict[str, str]) -> dict[str, Any]:
    sums = manifests.checksums(source.root, shared_files(source))
    for note in notes:
        sums |= note.sources
    digests = [bytes.fromhex(digest) for note in notes for digest in note.digests]
    manifest = {
        **described(source),
        "group": source.groups is not None,
        "splits": sorted(source.splits),
        "default_split": source.default_split,
        "note": source.note,
        **({"ceilings": dict(source.ceilings)} if source.ceilings else {}),
        "skipped": skipped,
        "sources": dict(sorted(sums.items())),
        "files": [note.file for note in notes if note.file],
        "samples": len(digests),
        **({"present": sorted(source.present)} if source.present else {}),
    }
    return {**manifest, "digest": manifests.data_digest(manifest, digests)}


def _publish(folder: Path, out: Path) -> None:
    """Give the finished folder its name, then remove what only an unfinished one needs.

    In this order nothing is lost whenever the process ends. Before the new name the next start finds all
    notes; after it the store is whole, since notes in it do no harm.
    """
    try:
        folder.rename(out)
    except OSError as error:
        raise InputError(f"{out} cannot be created ({error.strerror}): remove what is there") from error
    shutil.rmtree(out / NOTES, ignore_errors=True)
