"""Random resized crops and mirror images of whole batches, on the device where they lie.

As published with D&R, OGM-GE and two-stream networks: a box of 8 to 100 percent of the picture with sides of
3:4 to 4:3 is stretched to the whole picture, bilinearly. Half of the samples are mirrored. All pictures of a
moment are seen through the same box, and so are all frames of a sample, unless each frame has its own box.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from trainables.multimodal.data.loading.batches import Batch, Batches
from trainables.multimodal.data.store.feature_store import Modality

AREA_SHARES: Final = (0.08, 1.0)
"""Area of the box as a share of the picture's."""
ASPECT_RATIOS: Final = (3 / 4, 4 / 3)
"""Its width over its height."""
TRIES: Final = 10
"""Boxes that are drawn until one fits."""
MIRRORED: Final = 0.5
DRAWS: Final = 2 * TRIES + 3
"""Numbers drawn for a sample: area and ratio of each try, top, left, mirror."""
STREAM: Final = 1
"""Sets these draws apart from order and frames, which (seed, epoch) decides."""
FLOW_SUM: Final = 256
"""Sum of a displacement x and its mirror image: 128, which stands for none, stays 128."""


@dataclass(frozen=True)
class View:
    """Boxes [B] as shares of the picture's height and width, float64, and which samples [B] are mirrored.

    All lie on the CPU, so that a view is the same whatever device the pictures lie on.
    """

    top: Tensor
    left: Tensor
    height: Tensor
    width: Tensor
    mirrored: Tensor


def is_flow(modality: Modality) -> bool:
    """Whether a modality is optical flow: bytes [F, 2, H, W], where channel 0 is x and 128 is no movement."""
    return modality.dtype == "uint8" and len(modality.shape) == 4 and modality.shape[1] == 2


def is_picture(modality: Modality) -> bool:
    """Whether a modality is pictures: colour bytes [3, H, W] or [F, 3, H, W], or optical flow.

    This is all that says what is augmented: never spectrograms, which have one channel, nor numbers that are
    no bytes.
    """
    colour = len(modality.shape) in (3, 4) and modality.shape[-3] == 3
    return is_flow(modality) or (modality.dtype == "uint8" and colour)


def augmented(
    batches: Iterable[Batch],
    modalities: Mapping[str, Modality],
    seed: int,
    epoch: int,
    each_frame: bool = False,
) -> Batches:
    """The batches with their pictures seen through boxes that (seed, epoch, place in the epoch) decide.

    A box is drawn for each sample, or for each of its frames.
    """
    pictures = {name: modality for name, modality in modalities.items() if is_picture(modality)}
    generator = epoch_generator(seed, epoch)
    for batch in batches:
        shown = [name for name in batch.inputs if name in pictures]
        if shown:
            inputs = {name: batch.inputs[name] for name in shown}
            frames = max(map(_frames, inputs.values())) if each_frame else 1
            height, width = pictures[shown[0]].shape[-2:]
            widths = width if batch.aspects is None else _widths(height, batch.aspects, frames)
            view = draw_view(draws(len(batch.rows) * frames, generator), height, widths)
            seen = {n: _seen(values, view, frames, pictures[n]) for n, values in inputs.items()}
            batch = replace(batch, inputs={**batch.inputs, **seen})
        yield batch


def epoch_generator(seed: int, epoch: int) -> torch.Generator:
    """What an epoch's boxes are drawn with; a function of both numbers, so that resuming needs no state."""
    state = np.random.SeedSequence([seed, epoch, STREAM]).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state[0]))


def draws(samples: int, generator: torch.Generator) -> Tensor:
    """The next uniform numbers [samples, DRAWS] in [0, 1), float64, however an epoch is cut into batches."""
    return torch.rand(samples, DRAWS, generator=generator, dtype=torch.float64)


def draw_view(draws: Tensor, height: int, width: int | Tensor) -> View:
    """Boxes in whole pixels of a picture, as torchvision draws them, from uniform numbers [B, DRAWS].

    The width may be one for each sample [B]. Of TRIES boxes the first that fits counts; if none does, the
    largest in the middle.
    """
    width = torch.as_tensor(width, dtype=torch.float64).expand(len(draws))
    area = height * width[:, None] * _between(draws[:, :TRIES], *AREA_SHARES)
    ratio = _between(draws[:, TRIES : 2 * TRIES], *map(math.log, ASPECT_RATIOS)).exp()
    high, wide = (area / ratio).sqrt().round(), (area * ratio).sqrt().round()
    fits = (high > 0) & (high <= height) & (wide > 0) & (wide <= width[:, None])
    tall = _first(high, fits, (width / ASPECT_RATIOS[0]).round().clamp(max=height))
    broad = _first(wide, fits, width.clamp(max=round(height * ASPECT_RATIOS[1])))
    top, left, mirror = draws[:, 2 * TRIES :].T
    any_fits = fits.any(1)
    top = torch.where(any_fits, top * (height - tall + 1), (height - tall) / 2).floor()
    left = torch.where(any_fits, left * (width - broad + 1), (width - broad) / 2).floor()
    return View(top / height, left / width, tall / height, broad / width, mirror < MIRRORED)


def look(pictures: Tensor, view: View, flow: bool = False, shown: tuple[int, int] | None = None) -> Tensor:
    """Float32 of pictures [B, ..., H, W] through a view, in their units, and in the size that is `shown`.

    Where that is their own nothing becomes smaller; otherwise what does is smoothed, as torchvision does it.
    """
    flat = pictures.flatten(1, -3).float()
    seen = _resampled(flat, view, *shown) if shown else _stretched(flat, view)
    seen = seen.view(*pictures.shape[:-2], *seen.shape[-2:])
    if flow:
        turned = view.mirrored.to(pictures.device)[:, None, None, None]
        seen[:, :, 0] = torch.where(turned, FLOW_SUM - seen[:, :, 0], seen[:, :, 0])
    return seen


def _stretched(flat: Tensor, view: View) -> Tensor:
    """Pictures [B, C, H, W] through a view, each box stretched to the whole picture."""
    height, width = flat.shape[-2:]
    columns = _places(view.left, view.width, width)
    x = torch.where(view.mirrored[:, None], columns.flip(1), columns)[:, None, :].expand(-1, height, -1)
    y = _places(view.top, view.height, height)[:, :, None].expand(-1, -1, width)
    grid = torch.stack([x, y], dim=-1).to(flat.device, torch.float32, non_blocking=True)
    return functional.grid_sample(flat, grid, padding_mode="border", align_corners=False)


def _resampled(flat: Tensor, view: View, height: int, width: int) -> Tensor:
    """Pictures [B, C, H, W] through a view, each box [B, C, height, width] pixels large."""
    rows = _shares(view.top, view.height, flat.shape[-2], height)
    columns = _shares(view.left, view.width, flat.shape[-1], width)
    columns = torch.where(view.mirrored[:, None, None], columns.flip(1), columns)
    down, across = (matrix[:, None].to(flat.device, torch.float32) for matrix in (rows, columns))
    return torch.matmul(torch.matmul(down, flat), across.mT)


def _shares(start: Tensor, share: Tensor, size: int, shown: int) -> Tensor:
    """What each of `size` pixels adds to each shown one [B, shown, size], on one axis of the boxes [B].

    A triangle around the middle of the shown pixel, as wide as two stored pixels, or two shown ones where
    these are larger; nothing beside the box adds anything.
    """
    first, step = (start * size)[:, None, None], (share * size / shown)[:, None, None]
    centres = first + step * (torch.arange(shown, dtype=torch.float64)[:, None] + 0.5)
    pixels = torch.arange(size, dtype=torch.float64) + 0.5
    weights = (1 - (pixels - centres).abs() / step.clamp(min=1)).clamp(min=0)
    weights = weights * ((pixels > first) & (pixels < first + step * shown))
    return weights / weights.sum(dim=2, keepdim=True)


def _widths(height: int, aspects: np.ndarray, frames: int) -> Tensor:
    """Width [B * frames] of each picture that is so high and has the aspect [B] of its film."""
    return (height * torch.from_numpy(aspects).double()).round().repeat_interleave(frames)


def _frames(pictures: Tensor) -> int:
    """Frames of each sample of [B, F, C, H, W], one of [B, C, H, W]."""
    return pictures.shape[1] if pictures.dim() == 5 else 1


def _seen(pictures: Tensor, view: View, frames: int, modality: Modality) -> Tensor:
    """Pictures through a view of B * frames boxes; what has one frame is seen through a sample's first."""
    own = _frames(pictures) if frames > 1 else 1
    boxes = View(*(values[:: frames // own] for values in vars(view).values()))
    alone = pictures.flatten(0, 1)[:, None] if own > 1 else pictures
    seen = look(alone, boxes, is_flow(modality), modality.shown)
    return seen.view(*pictures.shape[:-2], *seen.shape[-2:])


def _between(draws: Tensor, low: float, high: float) -> Tensor:
    return low + (high - low) * draws


def _first(lengths: Tensor, fits: Tensor, otherwise: Tensor) -> Tensor:
    """The first of the lengths [B, TRIES] that fits, else another [B]."""
    first = lengths.gather(1, fits.int().argmax(1, keepdim=True))[:, 0]
    return torch.where(fits.any(1), first, otherwise)


def _places(start: Tensor, share: Tensor, size: int) -> Tensor:
    """Where [B, size] each pixel of the result lies in the picture, whose ends are -1 and 1.

    No place lies outside the middles of the box's outermost pixels, so that nothing beside it is seen.
    """
    length = share[:, None] * size
    inside = (torch.arange(size) + 0.5) * share[:, None] - 0.5
    inside = torch.minimum(inside.clamp(min=0), (length - 1).clamp(min=0))
    return (2 * (start[:, None] * size + inside) + 1) / size - 1
