"""Spoken digits beside images of digits."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from sklearn.datasets import load_digits

from trainables.multimodal.data.adapters import avdigits
from trainables.multimodal.data.source import Source
from trainables.multimodal.errors import InputError


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Twelve recordings of every digit: a second of a tone whose pitch is the digit."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    time = np.arange(8000) / 8000
    for digit in range(10):
        for number in range(12):
            tone = np.sin(2 * np.pi * (300 + 300 * digit) * time)
            soundfile.write(folder / f"{digit}_ann_{number}.wav", tone, 8000, subtype="PCM_16")
    return tmp_path


def test_sound_and_image_show_the_same_digit(raw: Path) -> None:
    source = avdigits.read(raw)
    digits = load_digits()
    for digit in (0, 7):
        row = source.ids.index(f"{digit}_ann_11")
        arrays = source.load(row)
        assert arrays["audio"].shape == (1, 64, 40)
        (image,) = np.flatnonzero((digits.data / 16 == arrays["image"]).all(axis=1))
        assert source.labels[row] == digits.target[image] == digit


def test_a_higher_tone_is_higher_in_the_spectrum(raw: Path) -> None:
    source = avdigits.read(raw)
    peaks = [
        int(source.load(source.ids.index(f"{d}_ann_11"))["audio"][0].mean(axis=0).argmax()) for d in range(10)
    ]
    assert peaks == sorted(peaks)
    assert len(set(peaks)) > 5


def test_the_published_test_part_is_kept(raw: Path) -> None:
    source = avdigits.read(raw)
    part = dict(zip(source.ids, source.splits["fsdd"], strict=True))
    assert [part[f"3_ann_{n}"] for n in (0, 4, 5, 9, 10, 11)] == [
        "test", "test", "validation", "validation", "train", "train"
    ]  # fmt: skip


def parts_of_images(source: Source) -> dict[bytes, set[str]]:
    """Image -> parts in which it is seen."""
    found: dict[bytes, set[str]] = {}
    for row, part in enumerate(source.splits["fsdd"]):
        image = source.load.args[1][row]  # type: ignore[attr-defined]
        found.setdefault(image.tobytes(), set()).add(part)
    return found


def test_no_image_is_seen_in_two_parts(raw: Path) -> None:
    assert {len(parts) for parts in parts_of_images(avdigits.read(raw)).values()} == {1}


@pytest.mark.parametrize(
    "name", ["._3_ann_0.wav", "3_ann_0 (1).wav", "3_ann_0 - Copy.wav", "__MACOSX/3_ann_0.wav"]
)
def test_what_copying_leaves_is_passed_over(raw: Path, name: str) -> None:
    before = avdigits.read(raw)
    (raw / "recordings" / name).parent.mkdir(exist_ok=True)
    (raw / "recordings" / name).write_bytes(b"no sound")
    assert avdigits.read(raw).ids == before.ids


def test_a_file_of_another_name_is_named(raw: Path) -> None:
    (raw / "recordings" / "x_ann_1.wav").write_bytes(b"RIFF")
    with pytest.raises(InputError, match=r"x_ann_1\.wav is not named <digit>_<speaker>_<number>"):
        avdigits.read(raw)


def test_the_real_recordings_are_complete(real_data: Path) -> None:
    source = avdigits.read(real_data / "fsdd")
    parts = source.splits["fsdd"]
    assert [parts.count(part) for part in ("train", "validation", "test")] == [2400, 300, 300]
    assert len(set(source.groups or [])) == 6
    assert {len(found) for found in parts_of_images(source).values()} == {1}
    assert np.isfinite(source.load(17)["audio"]).all()
