"""From a source to a store: decode every sample once, check it, write Arrow files and the manifest.

The store is built in a temporary folder beside its destination and renamed at the end, so that the
destination holds a whole store or nothing.
"""

import importlib.metadata
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from trainables.multimodal.data import manifest as manifests
from trainables.multimodal.data.shards import Sample, ShardWriter
from trainables.multimodal.data.source import Source
from trainables.multimodal.data.splits import rows_by_part
from trainables.multimodal.data.store import Arrays, FeatureStore, Modality
from trainables.multimodal.errors import InputError

LIBRARIES = ("av", "numpy", "pillow", "pyarrow", "soundfile", "torch", "torchaudio")


def write_store(
    source: Source, out: Path, *, skip_up_to: float = 0.0, advance: Callable[[], None] = lambda: None
) -> FeatureStore:
    """Decode `source` into a new store at `out`, calling `advance` after every sample.

    Raises InputError: `out` exists, or more than `skip_up_to` of the samples are unusable (each is named).
    """
    if out.exists():
        raise InputError(f"{out} exists already: remove it or choose another --out")
    out.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{out.name}.partial-", dir=out.parent))
    try:
        _fill(folder, source, skip_up_to, advance)
        folder.chmod(0o755)
        _publish(folder, out)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return FeatureStore.open(out)


def source_checksums(source: Source) -> dict[str, str]:
    """sha256 of every source file, by its path below the root."""
    files = [file for file in source.files if file.is_file()]
    return {file.relative_to(source.root).as_posix(): manifests.sha256(file) for file in files}


def stored_samples(store: FeatureStore) -> Iterator[Sample]:
    """Every sample of a store, in order: what its digest is computed from."""
    columns = {policy: store.parts(policy) for policy in store.policies}
    for row, sample in enumerate(store.ids):
        group = store.groups[row] if store.groups else None
        parts = {policy: column[row] for policy, column in columns.items()}
        arrays = {name: store.read(name, [row])[0] for name in store.modalities}
        yield Sample(sample, int(store.labels[row]), group, parts, arrays)


def _fill(folder: Path, source: Source, skip_up_to: float, advance: Callable[[], None]) -> None:
    problems: dict[int, str] = {}
    shards = ShardWriter(folder, source.modalities)
    for sample in _decoded(source, problems, advance):
        shards.add(sample)
    _require_few(source, problems, skip_up_to)
    _require_split(source, [row for row in range(len(source.ids)) if row not in problems])
    manifest = _manifest(source, {source.ids[row]: reason for row, reason in problems.items()})
    manifest["files"] = shards.close()
    manifest["samples"] = len(shards.digests)
    manifest["digest"] = manifests.data_digest(manifest, shards.digests)
    manifests.write(folder, manifest)


def _decoded(source: Source, problems: dict[int, str], advance: Callable[[], None]) -> Iterator[Sample]:
    """Usable samples in order; the reasons why others are not usable are collected in `problems`."""
    for row, sample in enumerate(source.ids):
        try:
            arrays = source.load(row)
            _require_conform(arrays, source.modalities)
        except InputError as error:
            problems[row] = str(error)
        else:
            group = source.groups[row] if source.groups else None
            parts = {policy: column[row] for policy, column in source.splits.items()}
            yield Sample(sample, int(source.labels[row]), group, parts, arrays)
        advance()


def _require_conform(arrays: Arrays, modalities: dict[str, Modality]) -> None:
    for name, modality in modalities.items():
        array = arrays[name]
        if array.shape != modality.shape or array.dtype != modality.dtype:
            expected = f"{list(modality.shape)} {modality.dtype}"
            raise InputError(f"{name} is {list(array.shape)} {array.dtype} instead of {expected}")
        if not np.isfinite(array).all():
            raise InputError(f"{name} holds NaN or infinite numbers")


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


def _manifest(source: Source, skipped: dict[str, str]) -> dict[str, Any]:
    return {
        "format": manifests.FORMAT,
        "dataset": source.name,
        "is_sample": source.is_sample,
        "recipe": source.recipe,
        "classes": list(source.classes),
        "modalities": {name: modality.to_json() for name, modality in source.modalities.items()},
        "group": source.groups is not None,
        "splits": sorted(source.splits),
        "default_split": source.default_split,
        "skipped": skipped,
        "sources": source_checksums(source),
        "versions": {name: importlib.metadata.version(name) for name in LIBRARIES},
    }


def _publish(folder: Path, out: Path) -> None:
    """Give the finished folder its name; another process may have been faster."""
    try:
        folder.rename(out)
    except OSError as error:
        raise InputError(f"{out} cannot be created ({error.strerror}): choose another --out") from error
