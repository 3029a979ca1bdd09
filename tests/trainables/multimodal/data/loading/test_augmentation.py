"""Crops and mirror images: torchvision's, and a function of seed, epoch and row alone."""

import numpy as np
import pytest
import torch
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from trainables.multimodal.data.loading.augmentation import (
    View,
    augmented,
    draw_view,
    is_flow,
    is_picture,
    look,
    uniforms,
)
from trainables.multimodal.data.loading.batches import Batch
from trainables.multimodal.data.store.feature_store import Modality

MANY = np.arange(20_000)


def box(top, left, height, width, size, mirrored=False):
    """One view of a picture of `size` [H, W], in pixels."""
    shares = (
        np.array([number / side]) for number, side in zip((top, left, height, width), size * 2, strict=True)
    )
    return View(*shares, np.array([mirrored]))


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
    torch.testing.assert_close(look(clip, box(*area, (24, 32), mirrored))[0], expected, atol=2e-3, rtol=0)


def test_the_whole_picture_is_left_exactly_as_it_is():
    clip = picture(1, 2, 3, 24, 32)
    assert torch.equal(look(clip, box(0, 0, 24, 32, (24, 32))), clip.float())


@pytest.mark.parametrize("size", [(64, 64), (40, 90)])
def test_boxes_are_distributed_as_torchvisions(size):
    height, width = size
    view = draw_view(uniforms(0, 0, MANY), height, width)
    torch.manual_seed(0)
    transform = v2.RandomResizedCrop(size)
    draws = [transform.make_params([torch.empty(3, *size)]) for _ in range(len(MANY) // 4)]
    for name, ours, side in (
        ("top", view.top, height),
        ("left", view.left, width),
        ("height", view.height, height),
        ("width", view.width, width),
    ):
        theirs = np.array([drawn[name] for drawn in draws]) / side
        levels = [0.05, 0.25, 0.5, 0.75, 0.95]
        pixel = 1.001 / side
        assert np.quantile(ours, levels) == pytest.approx(np.quantile(theirs, levels), abs=pixel)
        assert (ours.mean(), ours.std()) == pytest.approx((theirs.mean(), theirs.std()), abs=0.01)


def test_half_of_the_samples_are_mirrored_whatever_their_box():
    view = draw_view(uniforms(0, 0, MANY), 64, 64)
    assert view.mirrored.mean() == pytest.approx(0.5, abs=0.015)
    assert abs(np.corrcoef(view.mirrored, view.width)[0, 1]) < 0.03


def test_boxes_lie_on_whole_pixels_inside_the_picture():
    view = draw_view(uniforms(0, 0, MANY), 17, 50)
    for start, share, size in ((view.top, view.height, 17), (view.left, view.width, 50)):
        assert np.allclose(start * size, np.rint(start * size))
        assert ((start >= 0) & (share > 0) & (start + share <= 1 + 1e-9)).all()


def test_where_no_box_fits_the_largest_in_the_middle_is_taken():
    view = draw_view(np.full((1, 23), 1 - 1e-9), 10, 100)
    assert (view.top[0] * 10, view.left[0] * 100) == (0, 43)
    assert (view.height[0] * 10, view.width[0] * 100) == (10, pytest.approx(13))


def test_draws_are_uniform_and_independent_of_each_other():
    draws = uniforms(3, 1, MANY)
    assert np.abs(np.corrcoef(draws.T) - np.eye(draws.shape[1])).max() < 0.04
    assert np.quantile(draws, [0.01, 0.5, 0.99]) == pytest.approx([0.01, 0.5, 0.99], abs=0.005)
    assert (draws.min() >= 0, draws.max() < 1) == (True, True)


def test_draws_are_a_function_of_seed_epoch_and_row():
    rows = np.array([5, 0, 900_000])
    assert np.array_equal(uniforms(1, 2, rows[::-1]), uniforms(1, 2, rows)[::-1])
    assert np.array_equal(uniforms(1, 2, rows[1:2]), uniforms(1, 2, rows)[1:2])
    for other in ((2, 2), (1, 3), (2, 1)):
        assert not np.isin(uniforms(*other, rows), uniforms(1, 2, rows)).any()


def test_a_sample_looks_the_same_in_any_batch():
    clips, modalities = picture(6, 2, 3, 20, 20), {"clip": modality("uint8", 2, 3, 20, 20)}

    def seen(rows):
        (batch,) = augmented([batch_of(rows, clip=clips[rows])], modalities, seed=1, epoch=2)
        return dict(zip(rows, batch.inputs["clip"], strict=True))

    together, apart = seen([3, 0, 5, 1]), {**seen([0, 3]), **seen([5]), **seen([1])}
    assert all(torch.equal(together[row], apart[row]) for row in apart)
    assert not torch.equal(together[3], clips[3].float())


def test_frames_and_pictures_of_a_sample_share_their_view():
    still = picture(4, 3, 20, 20)
    inputs = {"image": still, "clip": torch.stack([still, still], dim=1)}
    modalities = {"image": modality("uint8", 3, 20, 20), "clip": modality("uint8", 2, 3, 20, 20)}
    (batch,) = augmented([batch_of(range(4), **inputs)], modalities, 0, 0)
    for frame in (0, 1):
        assert torch.equal(batch.inputs["clip"][:, frame], batch.inputs["image"])


def test_a_picture_of_another_size_is_seen_through_the_same_share():
    ramp = torch.arange(40.0).expand(1, 3, 40, 40)
    small = torch.nn.functional.avg_pool2d(ramp, 2)
    view = draw_view(uniforms(0, 0, np.array([2])), 40, 40)
    seen = torch.nn.functional.avg_pool2d(look(ramp, view), 2)
    torch.testing.assert_close(look(small, view)[..., 2:-2], seen[..., 2:-2], atol=0.5, rtol=0)


def test_a_mirrored_flow_moves_the_other_way_and_no_movement_stays_none():
    flow = torch.tensor([100, 128, 0], dtype=torch.uint8).expand(1, 1, 2, 4, 3).contiguous()
    seen = look(flow, box(0, 0, 4, 3, (4, 3), mirrored=True), flow=True)
    assert seen[0, 0, 0, 0].tolist() == [256, 128, 156]
    assert seen[0, 0, 1, 0].tolist() == [0, 128, 100]


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
def test_a_gpu_shows_what_a_cpu_shows():
    clips, view = picture(6, 2, 3, 20, 20), draw_view(uniforms(0, 0, np.arange(6)), 20, 20)
    torch.testing.assert_close(look(clips.cuda(), view).cpu(), look(clips, view), atol=1e-3, rtol=0)
