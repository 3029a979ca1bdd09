"""UCF-101 as features of frames."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from trainables.multimodal.data.adapters import ucf101_vgg16
from trainables.multimodal.data.source import Source
from trainables.multimodal.errors import InputError

CLIPS = 60


def save(root: Path, **changes: Any) -> Path:
    """Sixty clips of actions 2 and 3 whose features grow by the clip's number with every frame."""
    growth = np.arange(CLIPS)[:, None, None] / 64
    fields = {
        "seq": (growth * np.arange(25)[:, None] * np.ones(128)).astype(np.float16),
        "label": (2 + np.arange(CLIPS) % 2).astype(np.int16),
        "subset": np.where(np.arange(CLIPS) < 40, 1, 2).astype(np.int8),
        "video": np.array([f"v_{number}" for number in range(CLIPS)]),
        "actions": np.array(["Archery", "Bowling", "Diving"]),
    }
    np.savez(root / ucf101_vgg16.TABLE, **{k: v for k, v in {**fields, **changes}.items() if v is not None})
    return root


def test_appearance_is_the_mean_and_motion_the_mean_change(tmp_path: Path) -> None:
    source = ucf101_vgg16.read(save(tmp_path))
    arrays = source.load(32)
    assert arrays["appearance"] == pytest.approx(np.full(128, 0.5 * 12))
    assert arrays["motion"] == pytest.approx(np.full(128, 0.5))


def test_classes_are_the_actions_that_occur(tmp_path: Path) -> None:
    source = ucf101_vgg16.read(save(tmp_path))
    assert source.classes == ("Bowling", "Diving")
    assert source.labels[:3].tolist() == [0, 1, 0]


def test_the_published_test_part_is_kept(tmp_path: Path) -> None:
    parts = ucf101_vgg16.read(save(tmp_path)).splits["official-01"]
    assert set(parts[40:]) == {"test"}
    assert (parts[:40].count("validation"), parts[:40].count("train")) == (4, 36)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"seq": None}, "lacks the array seq"),
        ({"seq": np.zeros((CLIPS, 25, 64), np.float16)}, "seq is .* instead of"),
        ({"subset": np.full(CLIPS, 3)}, "subset must be 1"),
        ({"label": np.full(CLIPS, 4)}, "label must be a number of one of the 3 actions"),
    ],
)
def test_a_file_that_cannot_be_right_is_refused(
    tmp_path: Path, change: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint):
        ucf101_vgg16.read(save(tmp_path, **change))


@pytest.fixture(scope="module")
def real(real_data: Path) -> Source:
    return ucf101_vgg16.read(real_data / "ucf101")


@pytest.mark.parametrize(
    ("modalities", "expected"),
    [(["appearance"], 0.896), (["motion"], 0.414), (["appearance", "motion"], 0.908)],
)
def test_plain_logistic_regression_reaches_what_is_known(
    real: Source, modalities: list[str], expected: float
) -> None:
    loaded = [real.load(row) for row in range(len(real.ids))]
    features = np.array([np.concatenate([arrays[name] for name in modalities]) for arrays in loaded])
    test = np.array(real.splits["official-01"]) == "test"
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    model.fit(features[~test], real.labels[~test])
    assert model.score(features[test], real.labels[test]) == pytest.approx(expected, abs=0.03)
