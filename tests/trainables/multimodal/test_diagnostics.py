import subprocess
import sys

import numpy as np
import pytest
import torch
from sklearn.cluster import kmeans_plusplus
from threadpoolctl import threadpool_info, threadpool_limits

from trainables.multimodal.data.media.one_thread import one_thread
from trainables.multimodal.diagnostics import (
    Labelled,
    Probes,
    Seeding,
    distinct,
    measure_purity,
    purity,
    scale,
)
from trainables.multimodal.errors import Diverged


def noise(draw, samples):
    return Labelled(draw.normal(size=(samples, 16)).astype(np.float32), draw.integers(0, 6, samples))


def blobs(samples, classes=3):
    labels = np.arange(samples) % classes
    return Labelled(np.eye(classes)[labels] + 1e-3 * np.arange(samples)[:, None], labels)


def test_separate_classes_are_pure():
    assert purity(blobs(30).features, blobs(30).labels, 3) == 1


def test_purity_does_not_change_with_the_scale_of_a_feature():
    draw = np.random.default_rng(0)
    features, labels = draw.normal(size=(60, 4)), draw.integers(0, 3, 60)
    assert purity(features * [1, 100, 0.01, 5], labels, 3) == purity(features, labels, 3)


def test_columns_are_scaled_to_minus_one_and_one_and_constants_to_zero():
    scaled = scale(np.array([[1.0, 7.0], [2.0, 7.0], [3.0, 7.0]]))
    assert scaled.tolist() == [[-1, 0], [0, 0], [1, 0]]


def test_features_that_are_all_equal_form_one_cluster():
    assert purity(np.ones((4, 2)), np.array([0, 0, 0, 1]), 3) == 0.75


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("samples", "size", "clusters"), [(9, 1, 4), (300, 7, 1), (700, 64, 8)])
def test_first_centres_are_those_of_scikit_learn_at_every_restart(dtype, samples, size, clusters):
    values = np.random.default_rng(0).normal(size=(samples, size)).astype(dtype)
    seeding, ours, theirs = Seeding(), np.random.RandomState(0), np.random.RandomState(0)
    for _ in range(10):
        expected, _ = kmeans_plusplus(values, clusters, random_state=theirs)
        assert np.array_equal(seeding(values, clusters, ours), expected)


@pytest.mark.parametrize(("most", "count"), [(2, 2), (3, 3), (4, 3)])
def test_different_rows_are_counted_as_far_as_is_asked(most, count):
    assert distinct(np.array([[0.0, 1.0], [0.0, 1.0], [1.0, 1.0], [0.0, 2.0]]), most) == count


def test_a_clustering_takes_no_more_threads_than_the_run(monkeypatch):
    seen = []

    def watched(samples, n_clusters, random_state):
        seen.extend(pool["num_threads"] for pool in threadpool_info())
        return samples[:n_clusters]

    monkeypatch.setattr("trainables.multimodal.diagnostics.Seeding", lambda: watched)
    with threadpool_limits(2), one_thread():
        purity(blobs(30).features, blobs(30).labels, 3)
    assert set(seen) == {1}


def test_fewer_samples_than_clusters_are_refused_with_both_numbers():
    with pytest.raises(ValueError, match="2 samples cannot form 3 clusters"):
        purity(np.ones((2, 2)), np.array([0, 1]), 3)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_features_that_are_not_finite_mean_divergence(value):
    with pytest.raises(Diverged, match="features"):
        purity(np.array([[1.0], [value], [2.0]]), np.array([0, 1, 2]), 2)


def test_the_floor_for_noise_at_960_and_240_samples_is_the_published_one():
    draw = np.random.default_rng(1)
    assert measure_purity(noise(draw, 960), noise(draw, 240), 6).noise_floor == pytest.approx(0.05, abs=0.015)


def test_the_floor_is_higher_for_small_splits():
    draw = np.random.default_rng(1)
    assert measure_purity(noise(draw, 192), noise(draw, 48), 6).noise_floor == pytest.approx(0.10, abs=0.025)


def test_the_gap_is_the_distance_of_both_purities_and_is_reported_by_name():
    draw = np.random.default_rng(1)
    measured = measure_purity(blobs(30), Labelled(draw.normal(size=(30, 3)), np.arange(30) % 3), 3)
    metrics = measured.metrics("m")
    assert metrics["purity/m/gap"] == abs(metrics["purity/m/train"] - metrics["purity/m/validation"]) > 0.2


def test_probes_send_no_gradient_to_the_features():
    features = {"m": torch.randn(8, 4, requires_grad=True)}
    probes = Probes({"m": 4}, classes=2)
    probes.fit(probes.build_optimizer(), features, torch.arange(8) % 2)
    assert features["m"].grad is None


def test_probes_draw_no_random_number():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    Probes({"m": 4}, classes=2)
    assert torch.equal(torch.get_rng_state(), before)


def test_probes_learn_what_is_linear():
    labels = torch.arange(32) % 2
    features = {"m": torch.nn.functional.one_hot(labels).float(), "n": torch.zeros(32, 3)}
    probes = Probes({"m": 2, "n": 3}, classes=2)
    optimizer = probes.build_optimizer()
    for _ in range(5):
        probes.fit(optimizer, features, labels)
    assert (probes.logits(features)["m"].argmax(dim=1) == labels).all()


FIRST = """
import random
import numpy as np
import torch
from trainables.multimodal.diagnostics import purity

def states():
    return random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()

before = states()
purity(np.eye(3)[np.arange(9) % 3], np.arange(9) % 3, 3)
assert states() == before
"""


def test_not_even_the_first_diagnosis_of_a_process_draws_a_random_number():
    subprocess.run([sys.executable, "-c", FIRST], check=True)
