"""The files of a store: samples in Arrow record batches, one batch per file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from trainables.multimodal.data import manifest as manifests
from trainables.multimodal.data.store import Arrays, Modality

SHARD_BYTES = 256 * 2**20
"""Files are closed at about this size; a data set on the small side is one file."""


@dataclass(frozen=True)
class Sample:
    """One decoded sample with everything the store keeps of it."""

    id: str
    label: int
    group: str | None
    parts: dict[str, str]
    arrays: Arrays

    def digest(self) -> bytes:
        """Checksum of the sample; independent of where it is stored."""
        return manifests.sample_digest([self.id, self.label, self.group, self.parts], self.arrays)


class ShardWriter:
    """Writes samples to `samples-00000.arrow` and so on, one record batch each."""

    def __init__(self, folder: Path, modalities: dict[str, Modality]) -> None:
        self.digests: list[bytes] = []
        self._folder = folder
        self._modalities = modalities
        self._files: list[Path] = []
        self._pending: list[Sample] = []
        row_bytes = sum(_bytes(modality) for modality in modalities.values())
        self._rows = max(1, SHARD_BYTES // row_bytes)

    def add(self, sample: Sample) -> None:
        """Take one more sample; a full file is written."""
        self.digests.append(sample.digest())
        self._pending.append(sample)
        if len(self._pending) == self._rows:
            self._write()

    def close(self) -> list[dict[str, Any]]:
        """Write what is left and describe all files for the manifest."""
        if self._pending:
            self._write()
        return [manifests.describe(file) for file in self._files]

    def _write(self) -> None:
        file = self._folder / f"samples-{len(self._files):05d}.arrow"
        batch = _batch(self._pending, self._modalities)
        with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_file(sink, batch.schema) as writer:
            writer.write_batch(batch)
        manifests.flush(file)
        self._files.append(file)
        self._pending = []


def _batch(samples: list[Sample], modalities: dict[str, Modality]) -> Any:
    columns = {
        "id": pa.array([sample.id for sample in samples]),
        "label": pa.array([sample.label for sample in samples], pa.int64()),
        "group": pa.array([sample.group for sample in samples], pa.string()),
    }
    for policy in samples[0].parts:
        columns[f"split:{policy}"] = pa.array([sample.parts[policy] for sample in samples])
    for name in modalities:
        columns[f"modality:{name}"] = _fixed_size_lists(np.stack([sample.arrays[name] for sample in samples]))
    return pa.RecordBatch.from_pydict(columns)


def _fixed_size_lists(arrays: NDArray[Any]) -> Any:
    flat = np.ascontiguousarray(arrays).reshape(-1)
    return pa.FixedSizeListArray.from_arrays(pa.array(flat), flat.size // len(arrays))


def _bytes(modality: Modality) -> int:
    return int(np.prod(modality.shape)) * np.dtype(modality.dtype).itemsize
