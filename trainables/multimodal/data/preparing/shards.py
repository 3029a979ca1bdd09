"""The files of a store: a span of samples in one Arrow record batch, and a note of the result."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from trainables.multimodal.data.limits import MOST_SHARD_BYTES, MOST_SHARD_SAMPLES
from trainables.multimodal.data.media.suspicions import noticing
from trainables.multimodal.data.preparing.fatal_samples import marking
from trainables.multimodal.data.preparing.fingerprints import NOTES
from trainables.multimodal.data.source import Source
from trainables.multimodal.data.store import manifest as manifests
from trainables.multimodal.data.store.feature_store import (
    Arrays,
    Modality,
    keeps_aspects,
    label_type,
    sample_bytes,
)
from trainables.multimodal.errors import InputError
from trainables.multimodal.whole_files import flush, write_text


@dataclass(frozen=True)
class Sample:
    """One decoded sample with everything the store keeps of it."""

    id: str
    label: int | list[bool]
    """Its class, or of each class whether it has it."""
    group: str | None
    parts: dict[str, str]
    arrays: Arrays
    present: dict[str, bool]
    """Whether it has each of the modalities that some samples lack."""
    value: float | None = None
    aspect: float | None = None
    """Width over height of its pictures as decoded, in a store that keeps them."""

    def digest(self) -> bytes:
        """Checksum of the sample; independent of where it is stored."""
        fields: list[Any] = [self.id, self.label, self.group, self.parts]
        fields += [self.present] if self.present else []  # data without these keep the digests they had
        fields += [number for number in (self.value, self.aspect) if number is not None]
        return manifests.sample_digest(fields, self.arrays)


@dataclass(frozen=True)
class Shard:
    """One file of a store that is being prepared."""

    rows: range
    """Rows of the source."""
    fingerprint: str
    """Checksum of all that decides what their samples are."""
    files: tuple[Path, ...]
    """Files of these rows alone."""


@dataclass(frozen=True)
class Note:
    """The result of decoding the rows of a shard."""

    plan: str
    """Fingerprint of the shard, under the name that it has in notes on disk."""
    file: dict[str, Any] | None
    """The file as the manifest describes it; none if no sample of the shard could be used."""
    digests: list[str]
    """Checksums of the samples in the file, in hexadecimal."""
    problems: dict[str, str]
    """Row -> why its sample cannot be used."""
    suspicious: dict[str, list[str]]
    """Row -> kinds of what is suspicious of its sample, which can be used; left out or not."""
    sources: dict[str, str]
    """Checksums of the files of these rows alone, by path below the root."""


def spans(source: Source) -> list[range]:
    """Rows of the source, as many to a file as it may hold."""
    rows = min(MOST_SHARD_SAMPLES, max(1, MOST_SHARD_BYTES // sample_bytes(source.modalities)))
    total = len(source.ids)
    return [range(start, min(start + rows, total)) for start in range(0, total, rows)]


def write_shard(folder: Path, source: Source, shard: Shard) -> Note:
    """Decode the rows of a shard into one file.

    A note of an earlier start with the same fingerprint is kept, unless one of its problems is gone. What was
    wrong, such as a permission, need not be part of a fingerprint.
    """
    note = noted(folder, shard)
    with marking(folder, shard.rows) as mark:
        if note is None or any(_is_usable(source, int(row), mark) for row in note.problems):
            return _write(folder, source, shard, mark)
        return note


def noted(folder: Path, shard: Shard) -> Note | None:
    """The note on a shard, if it was made from the same, and its file is there as it was written."""
    try:
        note = Note(**json.loads(_note(folder, shard).read_bytes()))
        whole = note.file is None or manifests.is_unchanged(folder / note.file["name"], note.file)
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return note if whole and note.plan == shard.fingerprint else None


def require_conform(arrays: Arrays, modalities: dict[str, Modality]) -> None:
    """Raise InputError unless every modality has its shape, its type, and finite numbers only."""
    for name, modality in modalities.items():
        array = arrays[name]
        if array.shape != modality.shape or array.dtype != modality.dtype:
            expected = f"{list(modality.shape)} {modality.dtype}"
            raise InputError(f"{name} is {list(array.shape)} {array.dtype} instead of {expected}")
        if not np.isfinite(array).all():
            raise InputError(f"{name} holds NaN or infinite numbers")


def _write(folder: Path, source: Source, shard: Shard, mark: Callable[[int], Any]) -> Note:
    samples = _Samples(source, len(shard.rows))
    problems: dict[str, str] = {}
    suspicious: dict[str, list[str]] = {}
    for row in shard.rows:
        try:
            with noticing() as content:
                decoded = _decode(source, row, mark)
        except InputError as error:
            problems[str(row)] = str(error)
            continue
        if content.suspicions:
            suspicious[str(row)] = content.suspicions
        if source.leave_out.isdisjoint(content.suspicions):
            samples.add(row, decoded, content.aspect)
    file = folder / f"samples-{shard.rows.start:07d}.arrow"
    sources = manifests.checksums(source.root, shard.files)
    note = Note(shard.fingerprint, samples.write(file), samples.digests, problems, suspicious, sources)
    write_text(_note(folder, shard), json.dumps(asdict(note)), durable=False)
    return note


def _is_usable(source: Source, row: int, mark: Callable[[int], Any]) -> bool:
    try:
        _decode(source, row, mark)
    except InputError:
        return False
    return True


def _decode(source: Source, row: int, mark: Callable[[int], Any]) -> Arrays:
    """The arrays of those modalities that a sample has; InputError if it cannot be used."""
    present = source.presence(row)
    expected = {name: m for name, m in source.modalities.items() if present.get(name, True)}
    if not expected:
        raise InputError("it has none of the modalities")
    if not source.in_memory:
        mark(row)
    loaded = source.load(row)
    require_conform(loaded, expected)
    return {name: loaded[name] for name in expected}


class _Samples:
    """Samples of one file, in the arrays that will be written."""

    def __init__(self, source: Source, room: int) -> None:
        self.digests: list[str] = []
        self._source = source
        self._samples: list[Sample] = []
        self._keeps_aspects = keeps_aspects(source.modalities)
        self._arrays = {
            name: np.empty((room, *modality.shape), modality.dtype)
            for name, modality in source.modalities.items()
        }

    def add(self, row: int, decoded: Arrays, aspect: float | None) -> None:
        """Add a sample; modalities that it lacks become zeros, and pictures without an aspect are square."""
        source, place = self._source, len(self.digests)
        for name, array in self._arrays.items():
            array[place] = decoded.get(name, 0)
        sample = Sample(
            source.ids[row],
            source.labels[row].tolist(),
            source.groups[row] if source.groups else None,
            {policy: column[row] for policy, column in source.splits.items()},
            {name: array[place] for name, array in self._arrays.items()},
            source.presence(row),
            None if source.values is None else float(source.values[row]),
            float(np.float32(aspect or 1)) if self._keeps_aspects else None,
        )
        self._samples.append(sample)
        self.digests.append(sample.digest().hex())

    def write(self, file: Path) -> dict[str, Any] | None:
        """Write the file and describe it, if there are any samples."""
        if not self._samples:
            return None
        batch = pa.RecordBatch.from_pydict(self._columns())
        with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_file(sink, batch.schema) as writer:
            writer.write_batch(batch)
        flush(file)
        return manifests.describe(file)

    def _columns(self) -> dict[str, Any]:
        samples = self._samples
        columns = {
            "id": pa.array([sample.id for sample in samples]),
            "label": pa.array(
                [sample.label for sample in samples], label_type(self._source.labels.shape[1:])
            ),
            "group": pa.array([sample.group for sample in samples], pa.string()),
        }
        if self._source.quantity:
            columns["value"] = pa.array([sample.value for sample in samples], pa.float32())
        if self._keeps_aspects:
            columns["aspect"] = pa.array([sample.aspect for sample in samples], pa.float32())
        for policy in samples[0].parts:
            columns[f"split:{policy}"] = pa.array([sample.parts[policy] for sample in samples])
        for name in samples[0].present:
            columns[f"present:{name}"] = pa.array([sample.present[name] for sample in samples])
        for name, array in self._arrays.items():
            columns[f"modality:{name}"] = _fixed_size_lists(array[: len(samples)])
        return columns


def _note(folder: Path, shard: Shard) -> Path:
    return folder / NOTES / f"{shard.rows.start}-{shard.rows.stop}.json"


def _fixed_size_lists(arrays: NDArray[Any]) -> Any:
    flat = np.ascontiguousarray(arrays).reshape(-1)
    return pa.FixedSizeListArray.from_arrays(pa.array(flat), flat.size // len(arrays))
