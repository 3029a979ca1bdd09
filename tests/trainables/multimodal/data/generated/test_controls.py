"""The controls: what their note says is true of their samples, and a seed decides them."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from trainables.multimodal.data.datasets import generated_store, read_source
from trainables.multimodal.data.generated import controls
from trainables.multimodal.errors import InputError


def source(variant, seed=0):
    return read_source(f"controls-{variant}", None, settings={"seed": str(seed)})


def arrays(drawn):
    """All samples [N, D] by modality."""
    loaded = [drawn.load(row) for row in range(len(drawn.ids))]
    return {name: np.stack([sample[name] for sample in loaded]) for name in drawn.modalities}


def reached_on_test(vectors, labels, parts):
    """Test accuracy of logistic regression on one split."""
    fitted = LogisticRegression().fit(vectors[parts == "train"], labels[parts == "train"])
    return fitted.score(vectors[parts == "test"], labels[parts == "test"])


@pytest.mark.parametrize("variant", controls.STRENGTHS)
def test_a_linear_classifier_comes_close_to_the_truth_on_the_samples(variant):
    drawn, truth = source(variant, seed=3), controls.on_samples(variant, 3)
    samples, folds = arrays(drawn), [np.array(drawn.splits[f"drawn-{number}"]) for number in range(1, 6)]
    both = np.concatenate(list(samples.values()), axis=1)
    reached = [
        np.mean([reached_on_test(vectors, drawn.labels, fold) for fold in folds])
        for vectors in (samples["first"], both)
    ]
    assert reached == pytest.approx([truth.first, truth.both], abs=0.01)


def test_the_second_modality_is_worth_points_in_gain_and_nothing_in_null():
    assert controls.expected("gain").gain == pytest.approx(0.060, abs=0.001)
    assert controls.expected("null").gain == controls.on_samples("null", 3).gain == 0
    assert controls.on_samples("gain", 3).gain == pytest.approx(0.060, abs=0.03)


def test_the_note_states_the_truth():
    drawn, truth = source("gain", seed=5), controls.on_samples("gain", 5)
    assert "second is worth 6.0 points" in drawn.note
    assert f"on the samples of seed 5 {truth.first:.1%}, {truth.both:.1%}" in drawn.note


def test_a_seed_decides_the_samples():
    first, again, other = (arrays(source("gain", seed))["first"] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1


def test_every_class_is_as_frequent_in_every_part():
    drawn = source("gain")
    parts = np.array(drawn.splits["drawn"])
    for part, count in zip(("train", "validation", "test"), controls.COUNTS, strict=True):
        assert set(np.bincount(drawn.labels[parts == part])) == {count // controls.CLASSES}


def test_a_generated_store_is_made_once(tmp_path):
    store = generated_store("controls-null", tmp_path)
    written = {file: file.stat().st_mtime_ns for file in store.path.iterdir()}
    assert generated_store("controls-null", tmp_path).path == store.path
    assert {file: file.stat().st_mtime_ns for file in store.path.iterdir()} == written
    assert (store.is_sample, len(store)) == (False, sum(controls.COUNTS))
    assert "second is worth 0.0 points" in store.note


def test_generated_data_take_no_folder_and_others_need_one(tmp_path):
    with pytest.raises(InputError, match="controls-gain is generated: leave --source out"):
        read_source("controls-gain", tmp_path)
    with pytest.raises(InputError, match="name the --source folder of ravdess"):
        read_source("ravdess", None)
