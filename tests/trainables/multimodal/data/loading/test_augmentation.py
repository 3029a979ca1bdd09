"""Crops and mirror images: torchvision's, and a function of seed, epoch and place in the epoch alone."""

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from trainables.multimodal.data.loading.augmentation import (
    View,
    augmented,
    draw_view,
    draws,
    epoch_generator,
    is_flow,
    is_picture,
    look,
)
from trainables.multimodal.data.loading.batches import Batch
from trainables.multimodal.data.media.video import Frames, WholeFrames
from trainables.multimodal.data.store.feature_store import Modality

MANY = 20_000
TOLERANCE = 5e-3
"""Of 255: places on the grid are rounded to float32."""


def box(top, left, height, width, size, mirrored=False):
    """One view of a picture of `size` [H, W], in pixels."""
    shares = (
        torch.tensor([number / side], dtype=torch.float64)
        for number, side in zip((top, left, height, width), size * 2, strict=True)
    )
    return View(*shares, torch.tensor([mirrored]))


def views(samples, height, width, seed=0, epoch=0):
    """The first views of an epoch."""
    return draw_view(draws(samples, epoch_generator(seed, epoch)), height, width)


def picture(*shape):
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))


def batch_of(rows, **inputs):
    return Batch(inputs, torch.zeros(len(rows), dtype=torch.int64), np.array(rows))


def modality(dtype, *shape):
    return Modality("m", shape, dtype)


@pytest.mark.parametrize(
    "area", [(0, 0, 24, 32), (3, 5, 11, 9), (20, 31, 1, 1), (23, 0, 1, 32), (7, 2, 16, 21)]
)
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_view_is_torchvisions_crop_of_the_same_box(area, mirrored):
    clip = picture(1, 2, 3, 24, 32)
    cropped = functional.resized_crop(clip[0].float(), *area, size=[24, 32])
    expected = functional.horizontal_flip(cropped) if mirrored else cropped
    torch.testing.assert_close(
        look(clip, box(*area, (24, 32), mirrored))[0], expected, atol=TOLERANCE, rtol=0
    )


@pytest.mark.parametrize(
    "area", [(0, 0, 24, 32), (3, 5, 11, 9), (20, 31, 1, 1), (0, 4, 24, 20), (7, 2, 16, 21)]
)
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("shown", [(10, 10), (20, 12), (24, 32)])
def test_a_view_of_larger_pictures_is_torchvisions_smoothed_crop(area, mirrored, shown):
    clip = picture(1, 2, 3, 24, 32)
    cropped = functional.resized_crop(clip[0].float(), *area, size=list(shown), antialias=True)
    expected = functional.horizontal_flip(cropped) if mirrored else cropped
    seen = look(clip, box(*area, (24, 32), mirrored), shown=shown)
    torch.testing.assert_close(seen[0], expected, atol=TOLERANCE, rtol=0)


def test_boxes_have_the_aspect_of_the_film_whatever_that_of_the_stored_picture():
    numbers, widths = draws(6, epoch_generator(0, 0)), torch.tensor([30.0, 40, 90] * 2)
    together = draw_view(numbers, 40, widths)
    for place, width in enumerate(widths.int().tolist()):
        alone = draw_view(numbers[place : place + 1], 40, width)
        for name, values in vars(alone).items():
            assert torch.equal(vars(together)[name][place : place + 1], values)


@pytest.mark.parametrize("each_frame", [False, True])
def test_crops_of_stored_frames_are_cut_by_the_aspects_of_their_films(each_frame):
    clips, aspects = picture(3, 2, 3, 20, 26), np.array([1.0, 1.3, 2.0], np.float32)
    modalities = {"clip": Modality("clip", (2, 3, 20, 26), "uint8", shown=(12, 12))}
    batch = Batch({"clip": clips}, torch.zeros(3), np.arange(3), aspects=aspects)
    (seen,) = augmented([batch], modalities, 1, 2, each_frame)
    assert seen.inputs["clip"].shape == (3, 2, 3, 12, 12)
    boxes = 2 if each_frame else 1
    widths = torch.tensor([20.0, 26, 40]).repeat_interleave(boxes)
    view = draw_view(draws(3 * boxes, epoch_generator(1, 2)), 20, widths)
    expected = look(clips.flatten(0, 1)[:, None] if each_frame else clips, view, shown=(12, 12))
    assert torch.equal(seen.inputs["clip"], expected.view(3, 2, 3, 12, 12))


def contrast(shown):
    """Standard deviation of what a crop shows."""
    return shown.float().std().item()


def test_crops_keep_fine_detail_that_squeezing_loses():
    stripes = np.tile(np.arange(480) // 3 % 2 * 195 + 30, (360, 1)).astype(np.uint8)
    film = Image.fromarray(np.stack([stripes] * 3, axis=-1))
    stored = {part: torch.from_numpy(part.squeezed(film).copy())[None, None] for part in PARTS}
    own = look(stored[PARTS[2]], box(90, 120, 180, 180, (360, 480)), shown=(224, 224))
    whole = look(stored[PARTS[1]], box(64, 85, 128, 128, (256, 341)), shown=(224, 224))
    squeezed = look(stored[PARTS[0]], box(56, 56, 112, 84, (224, 224)))
    assert contrast(own) > 0.85 * 97.5
    assert contrast(own) > contrast(whole) > 1.5 * contrast(squeezed)


PARTS = (Frames(1), WholeFrames(1), WholeFrames(1, height=360, width=480))


def test_the_whole_picture_is_left_as_it_is():
    clip = picture(1, 2, 3, 24, 32)
    seen = look(clip, box(0, 0, 24, 32, (24, 32)))
    torch.testing.assert_close(seen, clip.float(), atol=TOLERANCE, rtol=0)


def test_nothing_beside_the_box_is_seen():
    clip = torch.full((1, 3, 24, 32), 255, dtype=torch.uint8)
    clip[..., 4:9, 6:20] = 7
    seen = look(clip, box(4, 6, 5, 14, (24, 32)))
    torch.testing.assert_close(seen, torch.full_like(seen, 7), atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("size", [(64, 64), (40, 90)])
def test_boxes_are_distributed_as_torchvisions(size):
    height, width = size
    view = views(MANY, height, width)
    torch.manual_seed(0)
    transform = v2.RandomResizedCrop(size)
    draws = [transform.make_params([torch.empty(3, *size)]) for _ in range(MANY // 4)]
    for name, ours, side in (
        ("top", view.top.numpy(), height),
        ("left", view.left.numpy(), width),
        ("height", view.height.numpy(), height),
        ("width", view.width.numpy(), width),
    ):
        theirs = np.array([drawn[name] for drawn in draws]) / side
        levels = [0.05, 0.25, 0.5, 0.75, 0.95]
        pixel = 1.001 / side
        assert np.quantile(ours, levels) == pytest.approx(np.quantile(theirs, levels), abs=pixel)
        assert (ours.mean(), ours.std()) == pytest.approx((theirs.mean(), theirs.std()), abs=0.01)


def test_half_of_the_samples_are_mirrored_whatever_their_box():
    view = views(MANY, 64, 64)
    assert view.mirrored.double().mean().item() == pytest.approx(0.5, abs=0.015)
    assert abs(np.corrcoef(view.mirrored, view.width)[0, 1]) < 0.03


def test_boxes_lie_on_whole_pixels_inside_the_picture():
    view = views(MANY, 17, 50)
    for start, share, size in ((view.top, view.height, 17), (view.left, view.width, 50)):
        assert torch.allclose(start * size, (start * size).round())
        assert ((start >= 0) & (share > 0) & (start + share <= 1 + 1e-9)).all()


def test_where_no_box_fits_the_largest_in_the_middle_is_taken():
    view = draw_view(torch.full((1, 23), 1 - 1e-9, dtype=torch.float64), 10, 100)
    box_in_pixels = (view.top * 10, view.left * 100, view.height * 10, view.width * 100)
    assert [number.item() for number in box_in_pixels] == pytest.approx([0, 43, 10, 13])


def test_views_are_a_function_of_seed_and_epoch():
    def tops(seed, epoch):
        return views(50, 64, 64, seed, epoch).top

    assert torch.equal(tops(1, 2), tops(1, 2))
    for other in ((2, 2), (1, 3), (2, 1)):
        assert not torch.equal(tops(*other), tops(1, 2))


def test_torchs_own_generator_is_neither_used_nor_moved():
    state = torch.get_rng_state()
    views(50, 64, 64)
    assert torch.equal(torch.get_rng_state(), state)


def test_batches_of_any_size_show_a_sample_the_same():
    clips, modalities = picture(6, 2, 3, 20, 20), {"clip": modality("uint8", 2, 3, 20, 20)}

    def seen(*sizes):
        batches = [batch_of(range(len(clip)), clip=clip) for clip in clips.split(list(sizes))]
        return torch.cat([batch.inputs["clip"] for batch in augmented(batches, modalities, seed=1, epoch=2)])

    assert torch.equal(seen(6), seen(1, 3, 2))
    assert not torch.equal(seen(6), clips.float())


def test_frames_and_pictures_of_a_sample_share_their_view():
    still = picture(4, 3, 20, 20)
    inputs = {"image": still, "clip": torch.stack([still, still], dim=1)}
    modalities = {"image": modality("uint8", 3, 20, 20), "clip": modality("uint8", 2, 3, 20, 20)}
    (batch,) = augmented([batch_of(range(4), **inputs)], modalities, 0, 0)
    for frame in (0, 1):
        assert torch.equal(batch.inputs["clip"][:, frame], batch.inputs["image"])


def test_each_frame_may_have_a_view_of_its_own_that_all_pictures_of_its_moment_share():
    still = picture(4, 3, 20, 20)
    twice = torch.stack([still, still], dim=1)
    inputs = {"image": still, "left": twice, "right": twice.clone()}
    modalities = {name: modality("uint8", *values.shape[1:]) for name, values in inputs.items()}
    (batch,) = augmented([batch_of(range(4), **inputs)], modalities, 0, 0, each_frame=True)
    seen = batch.inputs
    assert torch.equal(seen["left"], seen["right"])
    assert torch.equal(seen["left"][:, 0], seen["image"])
    assert not any(torch.equal(first, second) for first, second in seen["left"].unbind(0))


def test_the_views_of_frames_are_as_many_views_of_samples():
    clips, modalities = picture(3, 2, 3, 20, 20), {"clip": modality("uint8", 2, 3, 20, 20)}
    (batch,) = augmented([batch_of(range(3), clip=clips)], modalities, 5, 1, each_frame=True)
    frames = look(clips.flatten(0, 1), views(6, 20, 20, 5, 1))
    assert torch.equal(batch.inputs["clip"].flatten(0, 1), frames)


def test_a_picture_of_another_size_is_seen_through_the_same_share():
    ramp = torch.arange(40.0).expand(1, 3, 40, 40)
    small = torch.nn.functional.avg_pool2d(ramp, 2)
    view = views(1, 40, 40)
    seen = torch.nn.functional.avg_pool2d(look(ramp, view), 2)
    torch.testing.assert_close(look(small, view)[..., 2:-2], seen[..., 2:-2], atol=0.5, rtol=0)


def test_a_mirrored_flow_moves_the_other_way_and_no_movement_stays_none():
    flow = torch.tensor([100, 128, 0], dtype=torch.uint8).expand(1, 1, 2, 4, 3).contiguous()
    seen = look(flow, box(0, 0, 4, 3, (4, 3), mirrored=True), flow=True)
    assert seen[0, 0, 0, 0].tolist() == pytest.approx([256, 128, 156], abs=TOLERANCE)
    assert seen[0, 0, 1, 0].tolist() == pytest.approx([0, 128, 100], abs=TOLERANCE)


@pytest.mark.parametrize(
    ("dtype", "shape", "picture", "flow"),
    [
        ("uint8", (3, 8, 8), True, False),
        ("uint8", (4, 3, 8, 8), True, False),
        ("uint8", (4, 2, 8, 8), True, True),
        ("uint8", (2, 8, 8), False, False),
        ("uint8", (1, 8, 8), False, False),
        ("uint8", (4, 1, 8, 8), False, False),
        ("float32", (3, 8, 8), False, False),
        ("float32", (4, 2, 8, 8), False, False),
        ("uint8", (3,), False, False),
        ("uint8", (3, 8), False, False),
    ],
)
def test_type_axes_and_channels_say_what_is_augmented(dtype, shape, picture, flow):
    assert (is_picture(modality(dtype, *shape)), is_flow(modality(dtype, *shape))) == (picture, flow)


def test_what_is_no_picture_is_left_as_it_is():
    inputs = {"vector": torch.rand(2, 5), "spectrogram": torch.rand(2, 1, 8, 8)}
    modalities = {"vector": modality("float32", 5), "spectrogram": modality("float32", 1, 8, 8)}
    (batch,) = augmented([batch_of([0, 1], **inputs)], modalities, 0, 0)
    assert all(batch.inputs[name] is value for name, value in inputs.items())


@pytest.mark.gpu
@pytest.mark.parametrize("flow", [False, True])
def test_a_gpu_shows_what_a_cpu_shows(flow):
    clips, view = picture(6, 2, 2 if flow else 3, 20, 20), views(6, 20, 20)
    on_gpu = look(clips.cuda(), view, flow)
    assert on_gpu.device.type == "cuda"
    torch.testing.assert_close(on_gpu.cpu(), look(clips, view, flow), atol=TOLERANCE, rtol=0)
