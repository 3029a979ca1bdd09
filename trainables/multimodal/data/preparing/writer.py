"""From a source to a store: decode every sample once, check it, write Arrow files and the manifest.

The store is written in a hidden folder beside its destination, which is renamed at the end: the destination
holds a whole store or nothing. If the work ends early, that folder stays, and the same command continues it:
it decodes only what is missing or has changed since.
"""

import contextlib
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from trainables.multimodal.data.media.suspicions import KINDS
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
from trainables.multimodal.data.preparing.unusable import (
    UnusableSamples,
    names_file,
    require_few,
    require_split_without,
)
from trainables.multimodal.data.preparing.worker_processes import WorkerDied, each, in_processes
from trainables.multimodal.data.source import Source
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
    `skip_up_to` of the samples lack files or turn out to be unusable (UnusableSamples), or the disk is full.
    What is raised once decoding has begun leaves an unfinished folder behind, as does the end of the process,
    for the next start to go on with.
    """
    workers = 1 if source.in_memory else workers
    with _begun(source, out, skip_up_to) as folder:
        kept = (
            f"what is decoded stays in {folder}, and the same command goes on with it: "
            "only what has changed is decoded again"
        )
        try:
            _fill(folder, source, workers, advance, partial(require_few, skip_up_to=skip_up_to, out=out))
            _publish(folder, out)
        except UnusableSamples as error:
            raise UnusableSamples(f"{error}; {kept}", error.enough) from error
        except (InputError, OSError) as error:
            raise InputError(f"{error}; {kept}") from error
    return FeatureStore.open(out)


def write_at_once(source: Source, out: Path, *, skip_up_to: float = 0.0) -> FeatureStore:
    """As `write_store`, for samples that no later start can read again: if it ends early, nothing stays."""
    with _begun(source, out, skip_up_to) as folder:
        for left in [*folder.glob("*.arrow"), *(folder / NOTES).glob("*.json")]:
            left.unlink()  # of a start that was killed, and had other samples
        try:
            _fill(folder, source, 1, lambda count: None, partial(require_few, skip_up_to=skip_up_to, out=out))
            _publish(folder, out)
        except BaseException as error:
            shutil.rmtree(folder, ignore_errors=True)
            if isinstance(error, OSError):
                raise InputError(f"{out} cannot be written ({error.strerror or error})") from error
            raise
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
        aspect = None if store.aspects is None else float(store.aspects[row])
        yield Sample(sample, store.labels[row].tolist(), group, parts, arrays, present, value, aspect)


@contextlib.contextmanager
def _begun(source: Source, out: Path, skip_up_to: float) -> Iterator[Path]:
    """The folder in which the store at `out` is written, held by this process.

    Raises InputError before it is made: what `write_store` refuses before decoding.
    """
    source.require_split(source.default_split)
    _require_room(source, out)
    if out.exists():
        raise InputError(f"{out} exists already: remove it or choose another --out")
    require_few(source, source.lacking(), skip_up_to, out)
    folder = unfinished(out)
    (folder / NOTES).mkdir(parents=True, exist_ok=True)
    with held(folder / NOTES) as alone:
        if not alone:
            raise InputError(f"{out} is being prepared by another process: wait for it")
        names_file(out).unlink(missing_ok=True)  # of an earlier refusal
        yield folder


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
    folder: Path,
    source: Source,
    workers: int,
    advance: Callable[[int], None],
    require_usable: Callable[[Source, dict[int, str]], None],
) -> None:
    notes = _decode(folder, fingerprints_of(source), workers, advance)
    problems = {int(row): reason for note in notes for row, reason in note.problems.items()}
    require_usable(source, problems)
    suspicious = {int(row): kinds for note in notes for row, kinds in note.suspicious.items()}
    left_out = {row: reason for row, kinds in suspicious.items() if (reason := _left_out(source, kinds))}
    skipped = dict(sorted({**problems, **left_out}.items()))
    require_split_without(source, skipped)
    kept = _by_kind(source, {row: kinds for row, kinds in suspicious.items() if row not in left_out})
    reasons = {source.ids[row]: reason for row, reason in skipped.items()}
    manifests.write(folder, _manifest(source, notes, reasons, kept))


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


def _left_out(source: Source, kinds: Sequence[str]) -> str:
    """Why a suspicious sample is left out; empty where nobody asked for it."""
    asked = [kind for kind in kinds if kind in source.leave_out]
    return f"left out as {' and '.join(asked)}: {'; '.join(KINDS[kind] for kind in asked)}" if asked else ""


def _by_kind(source: Source, suspicious: Mapping[int, Sequence[str]]) -> dict[str, list[str]]:
    """Kind -> ids of the samples, from the kinds of each row."""
    named = {kind: [source.ids[row] for row, kinds in suspicious.items() if kind in kinds] for kind in KINDS}
    return {kind: ids for kind, ids in named.items() if ids}


def _note_of(suspicious: Mapping[str, Sequence[str]]) -> str:
    """What every report should say where suspicious samples are kept."""
    counts = ", ".join(f"{kind} {len(ids)}" for kind, ids in suspicious.items())
    return f"suspicious samples are kept, which the store's manifest names: {counts}." if counts else ""


def _manifest(
    source: Source, notes: Sequence[Note], skipped: dict[str, str], suspicious: dict[str, list[str]]
) -> dict[str, Any]:
    sums = manifests.checksums(source.root, shared_files(source))
    for note in notes:
        sums |= note.sources
    digests = [bytes.fromhex(digest) for note in notes for digest in note.digests]
    manifest = {
        **described(source),
        "group": source.groups is not None,
        "splits": sorted(source.splits),
        "default_split": source.default_split,
        "note": " ".join(filter(None, [source.note, _note_of(suspicious)])),
        **({"ceilings": dict(source.ceilings)} if source.ceilings else {}),
        "skipped": skipped,
        "suspicious": suspicious,
        **({"leave_out": sorted(source.leave_out)} if source.leave_out else {}),
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
