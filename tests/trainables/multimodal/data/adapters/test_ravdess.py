"""RAVDESS: face action units and spectrograms, split by actor number."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trainables.multimodal.data.adapters import ravdess
from trainables.multimodal.errors import InputError


def write(root: Path, **changes: Any) -> None:
    """24 actors, each emotion once."""
    count = 24 * 8
    arrays = {
        "clip": np.array([f"clip-{row}" for row in range(count)]),
        "emotion": np.arange(count, dtype=np.int8) % 8,
        "actor": (np.arange(count) // 8 + 1).astype(np.int8),
        "face_au": np.arange(count * 35, dtype=np.float32).reshape(count, 35),
        "logmel": np.full((count, 200, 64), 9, np.uint8),
    }
    kept = {name: array for name, array in {**arrays, **changes}.items() if array is not None}
    np.savez_compressed(root / ravdess.TABLE, **kept)


def test_modalities_are_units_of_the_face_and_an_image_of_the_voice(tmp_path: Path) -> None:
    write(tmp_path)
    arrays = ravdess.read(tmp_path).load(1)
    assert (arrays["face_au"].shape, arrays["face_au"].dtype, arrays["face_au"][0]) == ((35,), np.float32, 35)
    assert (arrays["logmel"].shape, arrays["logmel"].dtype) == ((1, 200, 64), np.uint8)


def test_the_default_split_is_by_actor_number(tmp_path: Path) -> None:
    write(tmp_path)
    source = ravdess.read(tmp_path)
    parts = source.splits[source.default_split]
    assert source.default_split == "ravdess-16-4-4"
    assert [parts.count(part) // 8 for part in ("train", "validation", "test")] == [16, 4, 4]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"logmel": None}, "lacks the array logmel"),
        ({"face_au": np.zeros((192, 34))}, r"face_au is \(192, 34\) instead of \(192, 35\)"),
        ({"actor": np.ones(5, np.int8)}, "actor is"),
        ({"emotion": np.full(192, 8)}, r"emotion must lie in 0\.\.7, got 8\.\.8"),
        ({"actor": np.full(192, np.nan)}, "actor holds float64"),
        ({"face_au": np.full((192, 35), "x")}, "face_au holds <U1"),
        ({"clip": np.array("alone")}, "emotion is"),
        ({"clip": np.array(["same"] * 192)}, "duplicate id: same"),
    ],
)
def test_a_file_that_cannot_be_right_is_refused(
    tmp_path: Path, change: dict[str, Any], complaint: str
) -> None:
    write(tmp_path, **change)
    with pytest.raises(InputError, match=complaint):
        ravdess.read(tmp_path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"ravdess_av\.npz is missing"):
        ravdess.read(tmp_path)


def test_the_real_file_is_complete(real_data: Path) -> None:
    source = ravdess.read(real_data / "ravdess_av")
    parts = source.splits["ravdess-16-4-4"]
    assert [parts.count(part) for part in ("train", "validation", "test")] == [960, 240, 240]
    assert source.ids[0] == "01-01-01-01-01-01-01"
