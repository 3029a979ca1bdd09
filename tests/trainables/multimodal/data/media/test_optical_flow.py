"""Optical flow: known motions, stored values, and the frames between which it is taken."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from trainables.multimodal.data.media import optical_flow as flows
from trainables.multimodal.data.media.optical_flow import (
    Dis,
    Farneback,
    Flow,
    encoded,
    moments,
    opencv,
    read_moments,
)
from trainables.multimodal.data.media.video import Frames
from trainables.multimodal.errors import InputError

METHODS = [Dis(frames=1, image_size=64), Farneback(frames=1, image_size=64)]
Texture = Callable[[int, int], np.ndarray]


def pixels(flow: np.ndarray, bound: int = 20) -> list[float]:
    """Mean displacement in the middle of stored flow [1, 2, S, S]."""
    middle = flow[0, :, 16:-16, 16:-16].astype(float)
    return list((middle - 128).mean(axis=(1, 2)) * bound / 127)


@pytest.mark.parametrize("method", METHODS, ids=["dis", "farneback"])
@pytest.mark.parametrize("motion", [(3, -2), (-4, 1), (0, 0)])
def test_a_texture_that_is_moved_has_that_flow(
    method: Flow, motion: tuple[int, int], texture: Texture
) -> None:
    first, second = (Image.fromarray(texture(*place)) for place in [(0, 0), motion])
    assert pixels(method.between([(first, second)])) == pytest.approx(motion, abs=0.2)


def test_displacements_are_stored_around_128_and_clipped() -> None:
    stored = encoded(np.array([[[0.0, 20.0], [-50.0, 10.0]]], np.float32), 20)
    np.testing.assert_array_equal(stored, [[[128, 1]], [[255, 192]]])


def test_the_model_sees_stillness_as_zero_and_the_bound_as_one() -> None:
    seen = Dis(frames=3, image_size=8).modality("flow")
    assert (seen.shape, seen.dtype, seen.mean, seen.std) == ((3, 2, 8, 8), "uint8", (128, 128), (128, 128))


@pytest.mark.parametrize(
    ("available", "wanted", "interval", "expected"),
    [
        (5, 2, None, [1, 3]),
        (2, 3, None, [0, 0, 0]),
        (11, 10, None, list(range(10))),
        (300, 4, (166, 247), [176, 196, 216, 236]),
    ],
)
def test_every_moment_has_a_next_frame(
    available: int, wanted: int, interval: tuple[int, int] | None, expected: list[int]
) -> None:
    assert moments(available, wanted, interval) == expected


@pytest.mark.parametrize(
    ("available", "interval", "complaint"),
    [
        (1, None, "fewer than two frames"),
        (90, (40, 41), "fewer than two frames"),
        (90, (80, 91), "frames 80 to 91, but there are 90"),
    ],
)
def test_where_nothing_can_move_there_is_no_moment(
    available: int, interval: tuple[int, int] | None, complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint):
        moments(available, 3, interval)


def test_pictures_and_flow_are_of_the_same_moment(
    tmp_path: Path, film: Callable[..., Path], texture: Texture
) -> None:
    """Dark frames stand still, bright ones move."""
    dark, bright = [0] * 20, [2 * n for n in range(20)]
    shown = [texture(x, 0) // 3 for x in dark] + [85 + texture(x, 0) // 2 for x in bright]
    found = read_moments(film(tmp_path / "a.avi", np.stack(shown)), 8)
    frames = Frames(8, 32)
    rgb = frames.stacked(frames.squeezed(first) for first, _ in found).mean(axis=(1, 2, 3))
    flow = Dis(8, 32).between(found)[:, 0, 8:-8, 8:-8].mean(axis=(1, 2))
    np.testing.assert_array_equal(rgb > 90, flow > 134)
    assert (rgb > 90).tolist() == [False] * 4 + [True] * 4


def test_frames_of_another_size_are_refused(texture: Texture) -> None:
    picture = Image.fromarray(texture(0, 0))
    with pytest.raises(InputError, match="change their size"):
        METHODS[0].between([(picture, picture.resize((32, 32)))])


def test_pictures_too_small_for_the_method_are_refused() -> None:
    tiny = Image.new("RGB", (8, 8))
    with pytest.raises(InputError, match="no flow can be computed at 8 x 8"):
        METHODS[0].between([(tiny, tiny)])


def test_a_missing_opencv_is_answered_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(InputError, match=r"pip install -c requirements\.txt"):
        opencv()


def test_more_pixels_than_are_held_at_once_are_refused(
    tmp_path: Path, film: Callable[..., Path], texture: Texture, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = film(tmp_path / "a.avi", np.stack([texture(0, 0)] * 4))
    monkeypatch.setattr(flows, "MOST_FLOW_PIXELS", 4 * 64 * 48)
    assert len(read_moments(file, 2)) == 2
    with pytest.raises(InputError, match=r"are the limit .*: make it smaller, or take fewer --frames"):
        read_moments(file, 3)
