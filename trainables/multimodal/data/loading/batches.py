"""Batches from a feature store: order and frames are functions of (seed, epoch), so a loader has no state."""

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Final, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainables.multimodal.data.limits import MOST_COPIED_BYTES, MOST_RESIDENT_SHARE
from trainables.multimodal.data.loading.prefetch import ahead
from trainables.multimodal.data.store.feature_store import FeatureStore, Modality, sample_bytes
from trainables.multimodal.errors import InputError

AHEAD = {"cuda": 2, "cpu": 0}
"""Batches that a thread gathers ahead where they do not lie on the device; a CPU's cores have work enough."""


@dataclass(frozen=True)
class Batch:
    """Raw inputs [B, *shape_m] by modality, labels or values to predict [B] and masks, all on the trainer's
    device.
    """

    inputs: dict[str, Tensor]
    labels: Tensor
    rows: np.ndarray
    """Rows [B] of the store that the samples are."""
    present: dict[str, Tensor] = field(default_factory=dict)
    """Which samples [B] have a modality, for those that some samples of the store lack."""
    aspects: np.ndarray | None = None
    """Width over height of their pictures [B] as decoded, where the store keeps it."""


Batches = Generator[Batch, None, None]
"""Closing them ends the thread that gathers ahead."""


@dataclass(frozen=True)
class Cut:
    """The part of a store that a loader reads: rows [N] of the named modalities, and what they predict."""

    rows: np.ndarray
    modalities: tuple[str, ...]
    targets: Callable[[FeatureStore], np.ndarray] = attrgetter("labels")


class SampleReader(Protocol):
    """Where a loader takes the samples of one modality from."""

    def take(self, positions: np.ndarray, frames: np.ndarray | None) -> Tensor:
        """Samples [B, *shape] at positions [B] of the split; `frames` [B, n] picks n frames of each.

        They lie on the device, or in memory from which it takes them. May be called in another thread.
        """
        ...


class MappedReader:
    """Samples gathered batch by batch from the store's memory map, which all trials on a node share."""

    def __init__(self, store: FeatureStore, modality: str, rows: np.ndarray, device: torch.device) -> None:
        self._store, self._modality, self._rows, self._device = store, modality, rows, device

    def take(self, positions: np.ndarray, frames: np.ndarray | None) -> Tensor:
        """Copy the samples out of the map, for CUDA into pinned memory."""
        samples = self._store.read(self._modality, self._rows[positions])
        if frames is not None:
            samples = samples[np.arange(len(samples))[:, None], frames]
        gathered = torch.from_numpy(samples)
        return gathered.pin_memory() if self._device.type == "cuda" else gathered


class ResidentReader:
    """Samples of a split that lie on the device from the start."""

    def __init__(self, store: FeatureStore, modality: str, rows: np.ndarray, device: torch.device) -> None:
        self._samples = torch.from_numpy(store.read(modality, rows)).to(device)

    def take(self, positions: np.ndarray, frames: np.ndarray | None) -> Tensor:
        """Index the samples on the device."""
        index = torch.from_numpy(positions).to(self._samples.device, non_blocking=True)
        if frames is None:
            return self._samples[index]
        return self._samples[index[:, None], torch.from_numpy(frames).to(index.device, non_blocking=True)]


def stored_frames(modalities: Mapping[str, Modality], wanted: int) -> dict[str, int]:
    """Frames per sample of each modality that has frames; InputError where fewer are stored than wanted."""
    stored = {name: modality.shape[0] for name, modality in modalities.items() if len(modality.shape) == 4}
    for name, count in stored.items():
        if wanted > count:
            raise InputError(f"frames is {wanted}, but modality {name} stores {count} frames per sample")
    return stored


class Loader:
    """Batches of one split of a store."""

    def __init__(
        self,
        store: FeatureStore,
        cut: Cut,
        batch_size: int,
        frames: int,
        device: torch.device,
        frame_choice: str = "random",
    ) -> None:
        rows, used = cut.rows, {name: store.modalities[name] for name in cut.modalities}
        resident = fits_device(used, len(rows), device)
        source = ResidentReader if resident else MappedReader
        self._sources: dict[str, SampleReader] = {name: source(store, name, rows, device) for name in used}
        self._ahead = 0 if resident else AHEAD[device.type]
        self._stored = stored_frames(used, frames)
        self.labels = torch.from_numpy(cut.targets(store)[rows]).to(device)
        masks = {name: store.present[name] for name in used if name in store.present}
        self.present = {name: torch.from_numpy(mask[rows]).to(device) for name, mask in masks.items()}
        self._rows, self._batch_size, self._frames = rows, batch_size, frames
        self._of_stretch = FRAME_CHOICES[frame_choice]
        self._aspects = None if store.aspects is None else store.aspects[rows]

    def __len__(self) -> int:
        """Samples in the split."""
        return len(self.labels)

    def shuffled(self, seed: int, epoch: int, left_out: NDArray[np.bool_] | None = None) -> Batches:
        """Training batches: a random order, and of each segment of each sample a random or a fixed frame.

        Modalities that store the same number of frames show the same moments of a sample. Without those of
        the samples [N] that are `left_out` the others keep their order.
        """
        draw = np.random.default_rng([seed, epoch])
        order = draw.permutation(len(self))
        if left_out is not None:
            order = order[~left_out[order]]
        if self._of_stretch:
            return self._batches(order, self._fixed(self._of_stretch), self._batch_size)
        drawn = {
            f: segment_choices(draw, len(self), f, self._frames) for f in dict.fromkeys(self._stored.values())
        }
        choices = {name: drawn[stored] for name, stored in self._stored.items()}
        return self._batches(order, choices, self._batch_size)

    def ordered(self, together: int = 1) -> Batches:
        """Evaluation batches: the order of the split, and a fixed frame of each segment, the middle one
        unless training takes another.

        Each is as large as so many training batches `together`.
        """
        choices = self._fixed(self._of_stretch or segment_middles)
        return self._batches(np.arange(len(self)), choices, together * self._batch_size)

    def _fixed(self, choose: Callable[[int, int], np.ndarray]) -> dict[str, np.ndarray]:
        """The same frames [N, frames] of every sample, by modality."""
        chosen = {name: choose(stored, self._frames) for name, stored in self._stored.items()}
        return {name: np.broadcast_to(which, (len(self), len(which))) for name, which in chosen.items()}

    def _batches(self, order: np.ndarray, choices: dict[str, np.ndarray], size: int) -> Batches:
        gathered = self._gathered(order, choices, size)
        device = self.labels.device
        for positions, samples in ahead(gathered, self._ahead) if self._ahead else gathered:
            inputs = {name: values.to(device, non_blocking=True) for name, values in samples.items()}
            index = torch.from_numpy(positions).to(device, non_blocking=True)  # nothing waits for the device
            present = {name: mask[index] for name, mask in self.present.items()}
            aspects = None if self._aspects is None else self._aspects[positions]
            yield Batch(inputs, self.labels[index], self._rows[positions], present, aspects)

    def _gathered(
        self, order: np.ndarray, choices: dict[str, np.ndarray], size: int
    ) -> Iterator[tuple[np.ndarray, dict[str, Tensor]]]:
        """Positions of each batch and its samples, on the device or on the way to it."""
        for start, stop in batch_bounds(len(order), size):
            positions = order[start:stop]
            frames = {name: np.ascontiguousarray(choice[positions]) for name, choice in choices.items()}
            yield positions, {name: s.take(positions, frames.get(name)) for name, s in self._sources.items()}


def batch_bounds(samples: int, batch_size: int) -> list[tuple[int, int]]:
    """Start and stop of each batch; a last single sample joins the batch before it (batch norm needs two)."""
    starts = list(range(0, samples, batch_size))
    if samples % batch_size == 1 and len(starts) > 1:
        starts.pop()
    return list(zip(starts, [*starts[1:], samples], strict=True))


def segment_middles(stored: int, frames: int) -> np.ndarray:
    """Index [frames] of the middle frame of each of `frames` equal segments of `stored` frames."""
    return (2 * np.arange(frames) + 1) * stored // (2 * frames)


def segment_starts(stored: int, frames: int) -> np.ndarray:
    """Index [frames] of the first frame of each of `frames` equal segments of `stored` frames."""
    return np.arange(frames) * stored // frames


FRAME_CHOICES: Final[Mapping[str, Callable[[int, int], np.ndarray] | None]] = {
    "random": None,
    "middle": segment_middles,
    "first": segment_starts,
}
"""Which frame of a segment is taken, by the name that settings carry; None: training draws one."""


def segment_choices(draw: np.random.Generator, samples: int, stored: int, frames: int) -> np.ndarray:
    """Indices [samples, frames]: one frame drawn uniformly from each of `frames` equal segments."""
    bounds = np.arange(frames + 1) * stored // frames
    return draw.integers(bounds[:-1], bounds[1:], size=(samples, frames))


def fits_device(modalities: Mapping[str, Modality], samples: int, device: torch.device) -> bool:
    """Whether `samples` of the modalities may lie on the device from the start.

    They take at most MOST_RESIDENT_SHARE of a CUDA device's free memory, or MOST_COPIED_BYTES of a CPU's.
    """
    size = samples * sample_bytes(modalities)
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return size <= MOST_RESIDENT_SHARE * free
    return size <= MOST_COPIED_BYTES
