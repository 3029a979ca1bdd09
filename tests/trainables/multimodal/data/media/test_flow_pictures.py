"""Flow that lies beside the clips as pictures."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from trainables.multimodal.data.media.flow_pictures import Pictures, flow_folders, two_streams
from trainables.multimodal.data.media.optical_flow import Dis
from trainables.multimodal.data.media.video import Frames, squeezed
from trainables.multimodal.errors import InputError

SIZE = 32


@pytest.fixture
def clip(tmp_path: Path, film: Callable[..., Path]) -> Path:
    """Six frames of rising brightness."""
    pictures = [np.full((SIZE, SIZE, 3), 40 * number, np.uint8) for number in range(6)]
    return film(tmp_path / "v_A_g01_c01.avi", np.stack(pictures))


@pytest.fixture
def pictures(tmp_path: Path) -> Callable[[int], Pictures]:
    """Noise, as many pictures of x and y."""

    def write(count: int) -> Pictures:
        folder = tmp_path / "flow" / "v_A_g01_c01"
        folder.mkdir(parents=True)
        draw = np.random.default_rng(0)
        for number in range(1, count + 1):
            for axis in "xy":
                noise = Image.fromarray(draw.integers(0, 256, (SIZE, SIZE), dtype=np.uint8))
                noise.save(folder / f"{axis}_{number:05d}.jpg")
        return flow_folders(tmp_path, re.compile("v_A_g01_c01"))["v_A_g01_c01"]

    return write


def test_pictures_of_the_right_size_are_taken_bit_for_bit(
    clip: Path, pictures: Callable[[int], Pictures]
) -> None:
    found = pictures(5)
    flow = two_streams(clip, found, Frames(5, SIZE), Dis(5, SIZE))["flow"]
    for index, axis in ((i, a) for i in range(5) for a in (0, 1)):
        file = found.folder / f"{'xy'[axis]}_{index + 1:05d}.jpg"
        np.testing.assert_array_equal(flow[index, axis], np.asarray(Image.open(file)))


def test_frames_are_those_of_the_pictures(clip: Path, pictures: Callable[[int], Pictures]) -> None:
    rgb = two_streams(clip, pictures(5), Frames(2, SIZE), Dis(2, SIZE))["rgb"]
    np.testing.assert_allclose(rgb.mean(axis=(1, 2, 3)), [40, 120], atol=4)


@pytest.mark.parametrize("count", [3, 7])
def test_pictures_of_another_number_of_frames_are_refused(
    clip: Path, pictures: Callable[[int], Pictures], count: int
) -> None:
    with pytest.raises(InputError, match=f"flow of {count} frames, but the clip has 6"):
        two_streams(clip, pictures(count), Frames(2, SIZE), Dis(2, SIZE))


def test_a_missing_picture_is_named(clip: Path, pictures: Callable[[int], Pictures]) -> None:
    found = pictures(5)
    (found.folder / "y_00002.jpg").unlink()
    with pytest.raises(InputError, match=r"y_00002\.jpg is missing"):
        two_streams(clip, found, Frames(2, SIZE), Dis(2, SIZE))


def test_a_picture_cut_short_is_named(clip: Path, pictures: Callable[[int], Pictures]) -> None:
    found = pictures(5)
    broken = found.folder / "x_00002.jpg"
    broken.write_bytes(broken.read_bytes()[:200])
    with pytest.raises(InputError, match=r"x_00002\.jpg is no readable picture"):
        two_streams(clip, found, Frames(2, SIZE), Dis(2, SIZE))


def test_a_picture_that_is_a_link_out_of_the_source_is_refused(
    tmp_path: Path, pictures: Callable[[int], Pictures]
) -> None:
    found = pictures(5)
    (found.folder / "x_00002.jpg").rename(tmp_path.parent / f"{tmp_path.name}.jpg")
    (found.folder / "x_00002.jpg").symlink_to(tmp_path.parent / f"{tmp_path.name}.jpg")
    with pytest.raises(InputError, match=r"^flow/v_A_g01_c01/x_00002\.jpg leaves the source folder"):
        list(found.files(5))


def test_two_folders_for_a_clip_are_refused(tmp_path: Path, pictures: Callable[[int], Pictures]) -> None:
    found = pictures(1)
    found.folder.rename(tmp_path / "v_A_g01_c01")
    with pytest.raises(InputError, match=r"v_A_g01_c01 is there twice"):
        pictures(1)


def test_the_classic_layout_is_read_as_it_is(
    real_data: Path, tmp_path: Path, film: Callable[..., Path]
) -> None:
    folder = real_data / "ucf101" / "rgb_flow_sample"
    shown = [np.asarray(Image.open(folder / f"img_{number:05d}.jpg")) for number in range(1, 6)]
    clip = film(tmp_path / "a.avi", np.stack(shown))
    arrays = two_streams(clip, Pictures(folder, folder, 5), Frames(5, 224), Dis(5, 224))
    expected = [squeezed(Image.open(folder / f"x_{number:05d}.jpg"), 224, 224) for number in range(1, 6)]
    np.testing.assert_array_equal(arrays["flow"][:, 0], expected)
    for stored, original in zip(arrays["rgb"], shown, strict=True):
        again = squeezed(Image.fromarray(original), 224, 224).transpose(2, 0, 1).astype(float)
        assert np.abs(stored - again).mean() < 6
