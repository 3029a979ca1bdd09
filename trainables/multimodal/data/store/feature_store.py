"""The feature store: a folder of Arrow files, memory-mapped and shared by every trial on a machine.

    store/
        manifest.json         what the store is, size, time and crc32 of each file, and a crc32 of its own
        samples-00000.arrow   one record batch; columns id, label, group, split:<policy>, modality:<name>,
                              present:<name>, bool, of a modality that some samples lack, value where the
                              manifest has one, and aspect where crops are cut from a modality; label is a
                              list of bool where it says multilabel

Arrays are fixed-size lists, so that a column is read as one NumPy array without a copy. The array of
a modality that a sample lacks is zeros. Opening a store compares all that is cheap to compare; the content of
a file is compared with its crc32 when a process reads arrays of it for the first time.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from trainables.multimodal.data.splits import rows_by_part
from trainables.multimodal.data.store import manifest as manifests
from trainables.multimodal.errors import InputError

Arrays = dict[str, NDArray[Any]]
"""One sample: modality name -> array of the modality's shape."""


@dataclass(frozen=True)
class Modality:
    """Shape and scale of one modality of a store.

    The rank of `shape` says what it is: 1 a vector [D], 2 a sequence [T, D], 3 an image or spectrogram
    [C, H, W], 4 stored frames [F, C, H, W]. `mean` and `std` are per channel (ranks 3 and 4), fixed by the
    recipe and in the units of the stored numbers (0..255 for uint8): the model sees (x - mean) / std.
    None means: standardise with statistics of the training part. `shown` are height and width that the model
    is shown of pictures that are stored larger: crops of them while training augments, else all of them.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    shown: tuple[int, int] | None = None

    @classmethod
    def from_json(cls, name: str, fields: dict[str, Any]) -> "Modality":
        """Rebuild a modality from its entry in the manifest."""
        mean, std, shown = (tuple(fields[k]) if fields.get(k) else None for k in ("mean", "std", "shown"))
        return cls(name, tuple(fields["shape"]), fields["dtype"], mean, std, shown)

    def to_json(self) -> dict[str, Any]:
        """The entry in the manifest."""
        plain = {"shape": list(self.shape), "dtype": self.dtype, "mean": self.mean, "std": self.std}
        return plain | ({"shown": self.shown} if self.shown else {})


def sample_bytes(modalities: Mapping[str, Modality]) -> int:
    """Bytes of the arrays of one sample."""
    return sum(math.prod(m.shape) * np.dtype(m.dtype).itemsize for m in modalities.values())


def label_type(shape: tuple[int, ...]) -> Any:
    """Arrow's type of a sample's label: its class, or of each of `shape` = [C] classes whether it has it."""
    return pa.list_(pa.bool_(), *shape) if shape else pa.int64()


def keeps_aspects(modalities: Mapping[str, Modality]) -> bool:
    """Whether a store of these keeps the aspect of each sample's pictures."""
    return any(modality.shown for modality in modalities.values())


TOGETHER: Final = "together"
"""Key of the ceiling of all modalities; no modality of data that know their ceilings is called so."""


@dataclass(frozen=True)
class Quantity:
    """What the one number of each sample is that a regression predicts.

    `lowest` and `highest` are the ends of its scale, whole numbers around zero: its sign tells the class.
    """

    name: str
    lowest: int
    highest: int

    def __post_init__(self) -> None:
        if not self.lowest < 0 < self.highest:
            raise InputError(
                f"{self.name} is in {self.lowest}..{self.highest}: zero must lie inside, as signs are scored"
            )


class FeatureStore:
    """A prepared data set, opened for reading."""

    def __init__(self, path: Path, manifest: dict[str, Any]) -> None:
        self.path = path
        self.manifest = manifest
        self.modalities = {n: Modality.from_json(n, f) for n, f in manifest["modalities"].items()}
        self.classes: tuple[str, ...] = tuple(manifest["classes"])
        self.quantity = Quantity(**manifest["value"]) if "value" in manifest else None
        self._batches = [_map(path / file["name"], self._columns()) for file in manifest["files"]]
        self._starts = np.cumsum([0, *(batch.num_rows for batch in self._batches)])
        self._arrays: dict[tuple[int, str], NDArray[Any]] = {}  # (file, modality) -> a view of the map
        if self._starts[-1] != manifest["samples"]:
            raise ValueError(
                f"{self._starts[-1]} samples in place of the {manifest['samples']} of its manifest"
            )
        self.suspicious: dict[str, list[str]] = {
            kind: list(ids) for kind, ids in dict(manifest.get("suspicious", {})).items()
        }
        """Kind of what is suspicious of samples that are there -> their ids."""
        self.ids: list[str] = self._column("id")
        self.labels: NDArray[Any] = np.asarray(
            self._column("label"), np.bool_ if self.multilabel else np.int64
        )
        """Of each sample its class [N], or which of all classes it has [N, C]."""
        self.groups: list[str] | None = self._column("group") if manifest["group"] else None
        self.values: NDArray[np.float32] | None = None
        """The number of each sample [N], described by `quantity`; none in most stores."""
        if self.quantity:
            self.values = np.asarray(self._column("value"), dtype=np.float32)
        self.aspects: NDArray[np.float32] | None = None
        """Width over height of each sample's pictures [N] as decoded; none where they were squeezed."""
        if keeps_aspects(self.modalities):
            self.aspects = np.asarray(self._column("aspect"), dtype=np.float32)
        self.present: dict[str, NDArray[np.bool_]] = {
            name: np.asarray(self._column(f"present:{name}"), dtype=np.bool_) for name in self._masked
        }

    @classmethod
    def open(cls, path: str | Path) -> "FeatureStore":
        """Open the store in folder `path`, comparing counts, file sizes and times with its manifest.

        Raises InputError: no folder, no manifest, or a manifest that does not match the files.
        """
        folder = Path(path).resolve()
        manifest = manifests.read(folder)
        manifests.require_unchanged(folder, manifest)
        return cls.mapped(folder, manifest)

    @classmethod
    def mapped(cls, folder: Path, manifest: dict[str, Any]) -> "FeatureStore":
        """Map the files of a store whose manifest was read already; InputError if they do not fit it."""
        try:
            return cls(folder, manifest)
        except (OSError, pa.ArrowException, LookupError, TypeError, ValueError, OverflowError) as error:
            raise InputError(f"{folder} is damaged ({error}): prepare it again") from error

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def name(self) -> str:
        """Name of the data set."""
        return str(self.manifest["dataset"])

    @property
    def digest(self) -> str:
        """Checksum of what can influence a result: arrays, ids, labels, groups, splits and recipe."""
        return str(self.manifest["digest"])

    @property
    def is_sample(self) -> bool:
        """Whether this is the generated sample rather than real data."""
        return bool(self.manifest["is_sample"])

    @property
    def note(self) -> str:
        """What every report on these data should say of them; empty if there is nothing."""
        return str(self.manifest.get("note", ""))

    @property
    def multilabel(self) -> bool:
        """Whether a sample may have several classes, or none."""
        return bool(self.manifest.get("multilabel", False))

    @property
    def ceilings(self) -> dict[str, float]:
        """Accuracy of Bayes' rule with each modality alone and TOGETHER; empty where nobody can know it."""
        return dict(self.manifest.get("ceilings", {}))

    @property
    def recipe(self) -> dict[str, Any]:
        """Name and parameters of the recipe."""
        return dict(self.manifest["recipe"])

    @property
    def _masked(self) -> list[str]:
        """Modalities that some samples lack."""
        return list(self.manifest.get("present", []))

    @property
    def default_split(self) -> str:
        """The split policy used where none is named."""
        return str(self.manifest["default_split"])

    @property
    def policies(self) -> tuple[str, ...]:
        """Names of the split policies that the store offers."""
        return tuple(sorted(self.manifest["splits"]))

    def parts(self, policy: str) -> list[str]:
        """Part name per sample (`""`: in no part) under a policy."""
        if policy not in self.policies:
            raise InputError(f"unknown split {policy}: {self.path} offers {', '.join(self.policies)}")
        return self._column(f"split:{policy}")

    def split(self, policy: str = "default") -> dict[str, NDArray[np.int64]]:
        """Row indices of `train`, `validation` and `test`, disjoint; `default` is `default_split`.

        Raises InputError: unknown policy, or a part that is empty or lacks a class.
        """
        policy = self.default_split if policy == "default" else policy
        return rows_by_part(policy, self.parts(policy), self.labels, self.classes)

    def read(self, modality: str, rows: Sequence[int] | NDArray[np.int64]) -> NDArray[Any]:
        """Copy the given rows of one modality: [len(rows), *shape], in the order of `rows`.

        Raises InputError: a file of which nothing was read before is damaged.
        """
        spec = self.modalities[modality]
        rows = np.asarray(rows, dtype=np.int64)
        if rows.size and not 0 <= rows.min() <= rows.max() < len(self):
            raise IndexError(f"rows must lie in 0..{len(self) - 1}, got {rows.min()}..{rows.max()}")
        result = np.empty((len(rows), *spec.shape), dtype=spec.dtype)
        shards = np.searchsorted(self._starts, rows, side="right") - 1
        for shard in np.unique(shards):
            array, start = self._array(int(shard), spec), self._starts[shard]
            for place in np.flatnonzero(shards == shard):  # indexing by lists would copy every sample twice
                result[place] = array[rows[place] - start]
        return result

    def _array(self, shard: int, spec: Modality) -> NDArray[Any]:
        """All rows of one modality in one shard: a read-only view of the mapped file, which is whole."""
        known = self._arrays.get((shard, spec.name))
        if known is not None:
            return known
        manifests.require_whole(self.path, self.manifest["files"][shard])
        column = self._batches[shard].column(f"modality:{spec.name}")
        values: NDArray[Any] = column.flatten().to_numpy(zero_copy_only=True)
        return self._arrays.setdefault((shard, spec.name), values.reshape(-1, *spec.shape))

    def _columns(self) -> dict[str, Any]:
        """Columns that every file must have, with their Arrow types."""
        several = (len(self.classes),) if self.multilabel else ()
        columns = {"id": pa.string(), "label": label_type(several), "group": pa.string()}
        columns |= {f"split:{policy}": pa.string() for policy in self.policies}
        columns |= {f"present:{name}": pa.bool_() for name in self._masked}
        columns |= {"value": pa.float32()} if self.quantity else {}
        columns |= {"aspect": pa.float32()} if keeps_aspects(self.modalities) else {}
        for name, spec in self.modalities.items():
            value = pa.from_numpy_dtype(np.dtype(spec.dtype))
            columns[f"modality:{name}"] = pa.list_(value, int(np.prod(spec.shape)))
        return columns

    def _column(self, name: str) -> list[Any]:
        return [value for batch in self._batches for value in batch.column(name).to_pylist()]


def _map(file: Path, columns: dict[str, Any]) -> Any:
    """The single record batch of a file, backed by the mapped file rather than by memory."""
    batch = pa.ipc.open_file(pa.memory_map(str(file))).get_batch(0)
    for name, kind in columns.items():
        if batch.schema.field(name).type != kind:
            raise TypeError(f"{file.name} holds {batch.schema.field(name)} instead of {kind}")
        _require_sound(file, name, batch.column(name))
    return batch


def _require_sound(file: Path, name: str, column: Any) -> None:
    """Numbers and text that lie inside their file and are all there: to read others can end the process."""
    column.validate(full=pa.types.is_string(column.type))
    values = column.flatten() if pa.types.is_fixed_size_list(column.type) else column
    if name != "group" and (column.null_count or values.null_count):
        raise ValueError(f"{file.name} has empty cells in {name}")
