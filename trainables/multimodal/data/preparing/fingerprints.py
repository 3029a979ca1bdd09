"""Fingerprints of what decides the content of a store's files: where they are equal, earlier work is kept."""

import hashlib
import importlib.metadata
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from trainables.multimodal.data.source import Source
from trainables.multimodal.data.store import manifest as manifests

LIBRARIES = (
    "av",
    "numpy",
    "opencv-python",
    "opencv-python-headless",
    "pillow",
    "pyarrow",
    "scikit-learn",
    "soundfile",
    "torch",
    "torchaudio",
    "transformers",
)
"""Noted where they are installed: what is not there has decoded nothing."""
NOTES = "notes"
"""Folder of what only an unfinished store needs: notes of what is done, marks of what is being done, and the
lock of the process that does it.
"""


@dataclass(frozen=True)
class Fingerprints:
    """Checksums of all that decides what the samples of a source are."""

    source: Source
    common: str
    """Checksum of the recipe, the versions, what is left out, and sizes and times of shared files."""

    def of(self, rows: Sequence[int]) -> str:
        """Checksum of all that decides what the samples of these rows are."""
        source = self.source
        parts = {
            "common": self.common,
            "ids": [source.ids[row] for row in rows],
            "labels": [source.labels[row].tolist() for row in rows],
            "groups": source.groups and [source.groups[row] for row in rows],
            "splits": {policy: [column[row] for row in rows] for policy, column in source.splits.items()},
            "present": [source.presence(row) for row in rows],
            "values": None if source.values is None else [float(source.values[row]) for row in rows],
            "files": [[_trace(file) for file in files] for files in self.files(rows)],
        }
        return _checksum(parts)

    def files(self, rows: Sequence[int]) -> list[Sequence[Path]]:
        """The files of each of these rows alone."""
        return [self.source.sample_files[row] for row in rows if self.source.sample_files]


def fingerprints_of(source: Source) -> Fingerprints:
    """The fingerprints of a source, with its files as they are now."""
    shared = [_trace(file) for file in shared_files(source)]
    leave_out = sorted(source.leave_out)
    return Fingerprints(source, _checksum({**described(source), "files": shared, "leave_out": leave_out}))


def shared_files(source: Source) -> list[Path]:
    """Files that do not belong to one sample alone."""
    of_samples = {file for files in source.sample_files for file in files}
    return [file for file in source.files if file not in of_samples]


def described(source: Source) -> dict[str, Any]:
    """What a source is, and what decodes it."""
    return {
        "format": manifests.FORMAT,
        "dataset": source.name,
        "is_sample": source.is_sample,
        "recipe": source.recipe,
        "classes": list(source.classes),
        "modalities": {name: modality.to_json() for name, modality in source.modalities.items()},
        "versions": _versions(),
        **({"value": asdict(source.quantity)} if source.quantity else {}),
        **({"multilabel": True} if source.labels.ndim == 2 else {}),
    }


def _checksum(parts: dict[str, Any]) -> str:
    return hashlib.sha256(manifests.canonical(parts)).hexdigest()


def _trace(file: Path) -> tuple[str, int, int]:
    """Name, size and time of a file; numbers that no file has where it is missing."""
    try:
        status = file.stat()
    except OSError:
        return str(file), -1, -1
    return str(file), status.st_size, status.st_mtime_ns


def _versions() -> dict[str, str]:
    installed = [name for name in LIBRARIES if any(importlib.metadata.distributions(name=name))]
    return {name: importlib.metadata.version(name) for name in installed}
