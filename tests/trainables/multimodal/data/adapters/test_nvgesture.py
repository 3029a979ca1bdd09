"""NVGesture from the layout of the published set."""

import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from study.prepare import main
from trainables.multimodal.data.adapters import nvgesture
from trainables.multimodal.data.media.optical_flow import Dis
from trainables.multimodal.data.media.video import Frames
from trainables.multimodal.data.preparing.writer import write_store
from trainables.multimodal.data.recipes import Recipe
from trainables.multimodal.data.store.feature_store import FeatureStore
from trainables.multimodal.errors import InputError

RECIPE = Recipe("rgbd-dis", {"rgb": Frames(2, 32), "depth": nvgesture.Depth(2, 32), "flow": Dis(2, 32)})
SUBJECTS, TRAINED = (1, 2, 3, 12), 3
START, STOP, FRAMES = 6, 11, 14
"""The gesture; before it the films are dark and still."""


def line(label: int, subject: int, interval: tuple[int, int] = (START, STOP)) -> str:
    start, stop = interval
    films = " ".join(f"{sensor}:sk_{sensor}:{start}:{stop}" for sensor in ("depth", "color"))
    place = f"./Video_data/class_{label:02d}/subject{subject}_r0"
    return f"path:{place} {films} duo_left:duo_left:3:9 label:{label}\n"


@pytest.fixture(scope="session")
def _source(tmp_path_factory: pytest.TempPathFactory, film: Callable[..., Path], texture: Callable) -> Path:
    """Films of 14 frames, the last eight of them moving; depth is a grey that tells the frame's number."""
    root = tmp_path_factory.mktemp("nvgesture") / "source"
    moving = [texture(3 * max(0, frame - START), 0) for frame in range(FRAMES)]
    color = film(root / "color.avi", np.stack([x if f >= START else x // 8 for f, x in enumerate(moving)]))
    depth = film(
        root / "depth.avi", np.stack([np.full((48, 64, 3), 15 * f, np.uint8) for f in range(FRAMES)])
    )
    lines: dict[str, str] = {"train": "", "test": ""}
    for label in (1, 25):
        for position, subject in enumerate(SUBJECTS):
            folder = root / "Video_data" / f"class_{label:02d}" / f"subject{subject}_r0"
            folder.mkdir(parents=True)
            shutil.copy(color, folder / "sk_color.avi")
            shutil.copy(depth, folder / "sk_depth.avi")
            lines["train" if position < TRAINED else "test"] += line(label, subject)
    for part, text in lines.items():
        (root / f"nvgesture_{part}_correct_cvpr2016_v2.lst").write_text(text)
    color.unlink()
    depth.unlink()
    return root


@pytest.fixture
def root(_source: Path, tmp_path: Path) -> Path:
    """A copy, free to be broken, of two classes of one gesture of four subjects, the last one for test."""
    return Path(shutil.copytree(_source, tmp_path / "source"))


def films(root: Path, label: int, subject: int) -> Path:
    return root / "Video_data" / f"class_{label:02d}" / f"subject{subject}_r0"


def relist(root: Path, text: str) -> None:
    """Another line for the gesture of class 1 and subject 1."""
    file = root / "nvgesture_train_correct_cvpr2016_v2.lst"
    file.write_text(file.read_text().replace(line(1, 1), text))


def test_lists_tell_class_subject_and_part(root: Path) -> None:
    source = nvgesture.read(root, RECIPE)
    row = source.ids.index("class_25/subject12_r0")
    assert source.groups is not None
    assert (source.classes[source.labels[row]], source.groups[row]) == ("25", "subject12")
    assert source.splits["official"][row] == "test"


@pytest.mark.parametrize("sensor", ["color", "depth"])
def test_films_of_a_sensor_that_are_all_missing_are_one_sentence(root: Path, sensor: str) -> None:
    for file in sorted(root.rglob(f"sk_{sensor}.avi")):
        file.unlink()
    with pytest.raises(InputError, match=f"no {sensor} film of any gesture: Video_data holds none"):
        nvgesture.read(root, RECIPE)


def test_a_training_subject_validates(root: Path) -> None:
    source = nvgesture.read(root, RECIPE)
    held = {group for group, part in zip(source.groups or [], source.splits["official"], strict=True)
            if part == "validation"}  # fmt: skip
    assert len(held) == 1
    assert held < {"subject1", "subject2", "subject3"}
    assert source.default_split == "official"


def test_a_gesture_becomes_colour_depth_and_motion(root: Path) -> None:
    arrays = nvgesture.read(root, RECIPE).load(0)
    assert {name: array.shape for name, array in arrays.items()} == {
        "rgb": (2, 3, 32, 32),
        "depth": (2, 1, 32, 32),
        "flow": (2, 2, 32, 32),
    }
    assert {array.dtype.name for array in arrays.values()} == {"uint8"}


def test_only_the_frames_of_the_gesture_count_and_all_show_the_same_moments(root: Path) -> None:
    arrays = nvgesture.read(root, RECIPE).load(0)
    assert arrays["rgb"].mean(axis=(1, 2, 3)).min() > 90
    np.testing.assert_allclose(arrays["depth"].mean(axis=(1, 2, 3)), [15 * 7, 15 * 9], atol=3)
    motion = (arrays["flow"][:, 0, 8:-8, 8:-8].astype(float) - 128).mean(axis=(1, 2)) * 20 / 127
    assert list(motion) == pytest.approx([3, 3], abs=0.3)


def test_each_film_has_an_interval_of_its_own(root: Path) -> None:
    relist(root, line(1, 1).replace("depth:sk_depth:6:11", "depth:sk_depth:1:6"))
    source = nvgesture.read(root, RECIPE)
    depth = source.load(source.ids.index("class_01/subject1_r0"))["depth"]
    np.testing.assert_allclose(depth.mean(axis=(1, 2, 3)), [15 * 2, 15 * 4], atol=3)


def test_loading_can_be_handed_to_another_process(root: Path) -> None:
    load = nvgesture.read(root, RECIPE).load
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(load))(0)["depth"], load(0)["depth"])


def test_an_interval_past_the_end_is_named(root: Path, tmp_path: Path) -> None:
    relist(root, line(1, 1, (10, 15)))
    with pytest.raises(
        InputError, match="class_01/subject1_r0: its list names frames 10 to 15, but there are 14"
    ):
        write_store(nvgesture.read(root, RECIPE), tmp_path / "store")


def test_a_missing_film_is_named_and_can_be_skipped(root: Path, tmp_path: Path) -> None:
    source = nvgesture.read(root, RECIPE)
    held = next(group for group, part in zip(source.groups or [], source.splits["official"], strict=True)
                if part == "validation")  # fmt: skip
    gone = next(subject for subject in (1, 2, 3) if f"subject{subject}" != held)
    (films(root, 1, gone) / "sk_depth.avi").unlink()
    source = nvgesture.read(root, RECIPE)
    with pytest.raises(InputError, match=rf"class_01/subject{gone}_r0: .*sk_depth\.avi is missing"):
        write_store(source, tmp_path / "store")
    assert len(write_store(source, tmp_path / "store", skip_up_to=0.13)) == 7


def test_classes_without_films_are_left_out_and_noted(root: Path) -> None:
    shutil.rmtree(root / "Video_data" / "class_25")
    source = nvgesture.read(root, RECIPE)
    assert (source.classes, source.note) == (("01",), "only 1 of the 25 classes are there.")


@pytest.mark.parametrize(
    "text", ["path:./Video_data/class_01/subject1_r0 label:1\n", line(1, 1).replace("label:1", "label:x"),
             line(1, 1).replace("subject1_r0", "somebody"),
             line(1, 1).replace("label:1", f"label:{'1' * 5000}"),
             line(1, 1).replace(f":{STOP} ", f":{'1' * 5000} ")]
)  # fmt: skip
def test_a_line_that_cannot_be_right_is_named(root: Path, text: str) -> None:
    relist(root, text)
    with pytest.raises(
        InputError, match=r"nvgesture_train_correct_cvpr2016_v2\.lst: `path:.*take the published file"
    ) as caught:
        nvgesture.read(root, RECIPE)
    assert len(str(caught.value)) < 500


def test_a_path_out_of_the_source_is_refused(root: Path) -> None:
    relist(root, line(1, 1).replace("./Video_data", "../../Video_data"))
    with pytest.raises(InputError, match="leaves the source folder"):
        nvgesture.read(root, RECIPE)


def test_it_is_prepared_from_the_command_line(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ["--frames", "3", "--image-size", "16", "--workers", "1"]
    assert main(["nvgesture", "--source", str(root), "--out", str(out), *options]) == 0
    store = FeatureStore.open(out)
    assert store.modalities["depth"].shape == (3, 1, 16, 16)
    assert {part: len(rows) for part, rows in store.split().items()} == {
        "train": 4,
        "validation": 2,
        "test": 2,
    }


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_all_methods_run_on_raw_files(root: Path, require_comparison: Callable[..., None]) -> None:
    require_comparison("nvgesture", root, "--frames", "2", "--image-size", "32")
