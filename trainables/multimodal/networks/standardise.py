"""From raw store arrays to what an encoder takes: part of the model, so exported ones take raw arrays."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from trainables.multimodal.data.loading.batches import segment_middles
from trainables.multimodal.data.store.feature_store import FeatureStore

ROUNDING = 1e-7  # of the mean: less spread than what sums in double precision may leave of none
CHUNK = 64  # samples read at once while statistics are taken
NUDGE = 1e-6  # standard deviations, in place of 0 where 0 would mean padding


class Standardise(nn.Module):
    """Decode raw samples, then (x - mean) / std: per feature of vectors, else per channel.

    Of more stored frames than `frames`, the middle one of each of `frames` equal segments is taken. Pictures
    of another height and width than are `shown` are squeezed to these.
    """

    mean: Tensor
    std: Tensor
    shown: tuple[int, int] | None = None
    """Height and width of pictures for the encoder; None: those that are stored."""

    def __init__(self, shape: tuple[int, ...], frames: int) -> None:
        super().__init__()
        self.shape, self.frames = tuple(shape), frames
        size = self.statistics_shape()
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("std", torch.ones(size))

    def forward(self, raw: Tensor) -> Tensor:
        """Give float32 vectors [B, D], images [B, C, H, W] or frames [B, frames, C, H, W]."""
        return (decode(self.taken(raw)) - self.mean) / self.std

    def taken(self, raw: Tensor) -> Tensor:
        """Raw samples with the frames, and in the size, that an encoder gets."""
        if len(self.shape) == 4 and raw.shape[1] != self.frames:
            middles = segment_middles(raw.shape[1], self.frames)
            raw = raw[:, torch.from_numpy(middles).to(raw.device)]
        return raw if self.shown in (None, raw.shape[-2:]) else squeezed(raw.float(), self.shown)

    def noise(self, values: Tensor, draw: torch.Generator) -> Tensor:
        """Standard normal noise for standardised values, of their shape."""
        return torch.randn(values.shape, generator=draw, device=values.device, dtype=values.dtype)

    def statistics_shape(self) -> tuple[int, ...]:
        """Shape of a mean that broadcasts over decoded samples: [D] of vectors, else [C, 1, 1]."""
        if len(self.shape) == 1:
            return self.shape
        return (1 if len(self.shape) == 2 else self.shape[-3], 1, 1)

    def moments(self, raw: Tensor) -> Tensor:
        """Count, sum and sum of squares [3, ...] of raw samples, per entry of the mean."""
        return _moments(decode(raw))


class StandardiseSteps(Standardise):
    """Standardise sequences [B, T, D] per feature.

    A step whose raw features are all zero is padding: no statistic counts it and it stays zero. No other step
    becomes zero: the encoder tells padding by that.
    """

    def forward(self, raw: Tensor) -> Tensor:
        """Give float32 sequences [B, T, D]."""
        values = (raw.float() - self.mean) / self.std
        average = ~values.any(dim=2, keepdim=True)
        return values.masked_fill(average, NUDGE) * _is_step(raw).unsqueeze(2)

    def noise(self, values: Tensor, draw: torch.Generator) -> Tensor:
        """None at padding, which would become a step."""
        return super().noise(values, draw) * values.any(dim=2, keepdim=True)

    def statistics_shape(self) -> tuple[int, ...]:
        """Shape of the mean, [D]."""
        return self.shape[1:]

    def moments(self, raw: Tensor) -> Tensor:
        """Count, sum and sum of squares [3, D] over all steps that are not padding."""
        return _moments(raw[_is_step(raw)].float())


class AsStored(Standardise):
    """Hand samples on as float32 and otherwise as the store has them; whole numbers are exact up to 2^24.

    For values that are no quantities, such as token ids: no noise is added to them.
    """

    def forward(self, raw: Tensor) -> Tensor:
        """Give float32 samples [B, *shape], of frames those that are taken."""
        return self.taken(raw).float()

    def noise(self, values: Tensor, draw: torch.Generator) -> Tensor:
        """None."""
        return torch.zeros_like(values)

    def moments(self, raw: Tensor) -> Tensor:
        """None are needed."""
        return torch.zeros(3, *self.statistics_shape())


@contextmanager
def noisy(inputs: Standardise, level: float, draw: torch.Generator) -> Iterator[None]:
    """Inside, an encoder is given noise of so many standard deviations on top of its standardised input."""
    hook = inputs.register_forward_hook(lambda _, __, values: values + level * inputs.noise(values, draw))
    try:
        yield
    finally:
        hook.remove()


def squeezed(pictures: Tensor, size: tuple[int, int]) -> Tensor:
    """Pictures [..., H, W] in another size, bilinear and smoothed where it is smaller, as Pillow does it."""
    flat = pictures.flatten(0, -4)
    made = functional.interpolate(flat, size, mode="bilinear", antialias=True, align_corners=False)
    return made.view(*pictures.shape[:-2], *size)


def decode(raw: Tensor) -> Tensor:
    """Float32 of raw arrays [B, ...] in their own units; sequences [B, T, D] become images [B, 1, T, D]."""
    values = raw.float()
    return values.unsqueeze(1) if values.ndim == 3 else values


def statistics(
    inputs: Standardise, store: FeatureStore, modality: str, rows: np.ndarray
) -> dict[str, Tensor]:
    """State of a modality's `inputs`: the recipe's constants, else statistics of the samples `rows`.

    Samples that lack the modality count nothing. What never varies, but for rounding, is divided by 1.
    """
    described, size = store.modalities[modality], inputs.statistics_shape()
    if described.mean is not None and described.std is not None:
        return {
            "mean": torch.tensor(described.mean).view(size),
            "std": torch.tensor(described.std).view(size),
        }
    if modality in store.present:
        rows = rows[store.present[modality][rows]]
    moments = torch.zeros(3, *size, dtype=torch.float64)
    for start in range(0, len(rows), CHUNK):
        moments += inputs.moments(torch.from_numpy(store.read(modality, rows[start : start + CHUNK])))
    count, total, squares = moments
    count = count.clamp(min=1)  # there may be nothing but padding
    mean = total / count
    std = (squares / count - mean**2).clamp(min=0).sqrt()
    return {"mean": mean.float(), "std": torch.where(std > ROUNDING * mean.abs(), std, 1).float()}


def _is_step(raw: Tensor) -> Tensor:
    """Which steps [B, T] of sequences [B, T, D] are not padding."""
    return raw.any(dim=2)


def _moments(values: Tensor) -> Tensor:
    """Count, sum and sum of squares of decoded samples, per feature or per channel."""
    wide = values.double()
    kept = (1,) if values.ndim == 2 else (values.ndim - 3,)
    axes = [axis for axis in range(values.ndim) if axis not in kept]
    shape = (-1,) if values.ndim == 2 else (-1, 1, 1)
    powers = torch.ones_like(wide), wide, wide**2
    return torch.stack([power.sum(dim=axes).view(shape) for power in powers])
