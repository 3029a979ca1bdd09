"""Random resized crops and mirror images of whole batches, on the device where they lie.

As D&R, OGM-GE and two-stream networks were published: a box of 8 to 100 percent of the picture with sides of
3:4 to 4:3 is stretched to the whole picture, bilinearly, and half of the samples are mirrored. All frames and
all pictures of a sample are seen through the same box, for they show the same moment.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainables.multimodal.data.loading.batches import Batch, Batches
from trainables.multimodal.data.store.feature_store import Modality

SCALE = (0.08, 1.0)  # area of the box as a share of the picture's
RATIO = (3 / 4, 4 / 3)  # its width over its height
TRIES = 10  # boxes that are drawn until one fits
MIRRORED = 0.5
DRAWS = 2 * TRIES + 3  # area and ratio of each try, top, left, mirror
STREAM = 1  # sets these draws apart from order and frames, which (seed, epoch) decides
FLOW_SUM = 256  # of a displacement x and its mirror image: 128, which stands for none, stays 128
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
MIX = (
    (np.uint64(30), np.uint64(0xBF58476D1CE4E5B9)),
    (np.uint64(27), np.uint64(0x94D049BB133111EB)),
)
TAIL, LOW_BITS = np.uint64(31), np.uint64(11)  # a double holds 53 of the 64 bits

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class View:
    """Boxes [B] as shares of the picture's height and width, and which of the samples [B] are mirrored."""

    top: Floats
    left: Floats
    height: Floats
    width: Floats
    mirrored: NDArray[np.bool_]


def is_flow(modality: Modality) -> bool:
    """Whether a modality is optical flow: bytes [F, 2, H, W], where channel 0 is x and 128 is no movement."""
    return modality.dtype == "uint8" and len(modality.shape) == 4 and modality.shape[1] == 2


def is_picture(modality: Modality) -> bool:
    """Whether a modality is seen by an eye: colour bytes [3, H, W] or [F, 3, H, W], or optical flow.

    This is all that says what is augmented: never spectrograms, which have one channel, nor numbers that are
    no bytes.
    """
    colour = len(modality.shape) in (3, 4) and modality.shape[-3] == 3
    return is_flow(modality) or (modality.dtype == "uint8" and colour)


def augmented(batches: Iterable[Batch], modalities: Mapping[str, Modality], seed: int, epoch: int) -> Batches:
    """The batches with their pictures seen through boxes that (seed, epoch, row of the store) decide."""
    pictures = {name: modality for name, modality in modalities.items() if is_picture(modality)}
    for batch in batches:
        shown = [name for name in batch.inputs if name in pictures]
        if shown:
            view = draw_view(uniforms(seed, epoch, batch.rows), *pictures[shown[0]].shape[-2:])
            seen = {name: look(batch.inputs[name], view, is_flow(pictures[name])) for name in shown}
            batch = replace(batch, inputs={**batch.inputs, **seen})
        yield batch


def uniforms(seed: int, epoch: int, rows: NDArray[np.int64]) -> Floats:
    """Numbers [B, DRAWS] in [0, 1) that depend on nothing but seed, epoch and each row of the store.

    Number i of a row is the output of SplitMix64 at place row * DRAWS + i, so that no other row is drawn.
    """
    start = np.random.SeedSequence([seed, epoch, STREAM]).generate_state(1, np.uint64)
    places = rows.astype(np.uint64)[:, None] * np.uint64(DRAWS) + np.arange(1, DRAWS + 1, dtype=np.uint64)
    mixed = start + np.multiply(places, GOLDEN, dtype=np.uint64)
    for shift, factor in MIX:
        mixed = (mixed ^ (mixed >> shift)) * factor
    return ((mixed ^ (mixed >> TAIL)) >> LOW_BITS).astype(np.float64) * 2.0**-53


def draw_view(draws: Floats, height: int, width: int) -> View:
    """Boxes in whole pixels of a picture, as torchvision draws them, from uniform numbers [B, DRAWS].

    Of TRIES boxes the first that fits counts; if none does, the largest in the middle.
    """
    area = height * width * _between(draws[:, :TRIES], *SCALE)
    ratio = np.exp(_between(draws[:, TRIES : 2 * TRIES], *np.log(RATIO)))
    high, wide = np.rint(np.sqrt(area / ratio)), np.rint(np.sqrt(area * ratio))
    fits = (high > 0) & (high <= height) & (wide > 0) & (wide <= width)
    tall = _first(high, fits, min(height, round(width / RATIO[0])))
    broad = _first(wide, fits, min(width, round(height * RATIO[1])))
    top, left, mirror = draws[:, 2 * TRIES :].T
    drawn = fits.any(axis=1)
    top = np.where(drawn, np.floor(top * (height - tall + 1)), (height - tall) // 2)
    left = np.where(drawn, np.floor(left * (width - broad + 1)), (width - broad) // 2)
    return View(top / height, left / width, tall / height, broad / width, mirror < MIRRORED)


def look(pictures: Tensor, view: View, flow: bool = False) -> Tensor:
    """Float32 of pictures [B, ..., H, W] through a view, in the size and the units that they have."""
    rows = _positions(view.top, view.height, pictures.shape[-2])
    columns = _positions(view.left, view.width, pictures.shape[-1])
    columns = np.where(view.mirrored[:, None], columns[:, ::-1], columns)
    seen = _interpolated(_interpolated(pictures.flatten(1, -3), rows, 2), columns, 3).view(pictures.shape)
    if flow:
        turned = torch.from_numpy(view.mirrored).to(pictures.device)[:, None, None, None]
        seen[:, :, 0] = torch.where(turned, FLOW_SUM - seen[:, :, 0], seen[:, :, 0])
    return seen


def _first(lengths: Floats, fits: NDArray[np.bool_], otherwise: int) -> Floats:
    """The first of the lengths [B, TRIES] that fits, else another."""
    first = np.take_along_axis(lengths, fits.argmax(axis=1)[:, None], axis=1)[:, 0]
    return np.where(fits.any(axis=1), first, float(otherwise))


def _between(draws: Floats, low: float, high: float) -> Floats:
    return low + (high - low) * draws


def _positions(start: Floats, share: Floats, size: int) -> Floats:
    """Where [B, size] each pixel of the result lies in the picture, in pixels; never outside the box."""
    length = share[:, None] * size
    inside = np.clip((np.arange(size) + 0.5) * share[:, None] - 0.5, 0, np.maximum(length - 1, 0))
    return np.minimum(inside + start[:, None] * size, size - 1)


def _interpolated(values: Tensor, positions: Floats, axis: int) -> Tensor:
    """Values [B, K, H, W] at positions [B, n] along an axis, between the two nearest pixels."""
    low = np.floor(positions).astype(np.int64)
    high = np.minimum(low + 1, values.shape[axis] - 1)
    weight = _along(positions - low, values, axis).float()
    before, after = (values.gather(axis, _along(at, values, axis).expand_as(values)) for at in (low, high))
    return torch.lerp(before.float(), after.float(), weight)


def _along(numbers: NDArray[Any], values: Tensor, axis: int) -> Tensor:
    """Numbers [B, n] on the device of values [B, K, H, W], to be spread over all its axes but `axis`."""
    spread = numbers[:, None, :, None] if axis == 2 else numbers[:, None, None, :]
    return torch.from_numpy(np.ascontiguousarray(spread)).to(values.device, non_blocking=True)
