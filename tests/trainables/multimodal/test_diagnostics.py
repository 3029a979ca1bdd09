import subprocess
import sys

import numpy as np
import pytest
import torch

from trainables.multimodal.diagnostics import Labelled, Probes, measure_purity, purity, scale, thinned
from trainables.multimodal.errors import Diverged


def labelled(features, labels):
    return Labelled(torch.from_numpy(features), torch.from_numpy(labels))


def noise(draw, samples):
    return labelled(draw.normal(size=(samples, 16)).astype(np.float32), draw.integers(0, 6, samples))


def blobs(samples, classes=3):
    labels = np.arange(samples) % classes
    return labelled(np.eye(classes)[labels] + 1e-3 * np.arange(samples)[:, None], labels)


def test_separate_classes_are_pure():
    assert purity(blobs(30).features, blobs(30).labels, 3) == 1


def test_purity_does_not_change_with_the_scale_of_a_feature():
    draw = np.random.default_rng(0)
    features, labels = draw.normal(size=(60, 4)), draw.integers(0, 3, 60)
    assert purity(features * [1, 100, 0.01, 5], labels, 3) == purity(features, labels, 3)


def test_columns_are_scaled_to_minus_one_and_one_and_constants_to_zero():
    scaled = scale(torch.tensor([[1.0, 7.0], [2.0, 7.0], [3.0, 7.0]]))
    assert scaled.tolist() == [[-1, 0], [0, 0], [1, 0]]


def test_features_that_are_all_equal_form_one_cluster():
    assert purity(np.ones((4, 2)), np.array([0, 0, 0, 1]), 3) == 0.75


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


def one_distribution(seed, sizes=(960, 240), classes=8, dimensions=128, separation=0.22):
    """Training and validation features that differ in nothing but their number."""
    draw = np.random.default_rng(seed)
    centres = draw.normal(size=(classes, dimensions)) * separation
    labels = [draw.integers(0, classes, size) for size in sizes]
    return [
        labelled((centres[y] + draw.normal(size=(len(y), dimensions))).astype(np.float32), y) for y in labels
    ]


def test_more_samples_of_one_distribution_have_a_published_gap_and_next_to_no_size_matched_one():
    measured = measure_purity(*one_distribution(0), 8)
    assert measured.gap > 3 * measured.noise_floor
    assert measured.gap_size_matched < measured.gap / 3


def test_what_is_learnt_by_heart_has_a_size_matched_gap_far_above_its_floor():
    draw = np.random.default_rng(0)
    train = noise(draw, 960)
    train.features[:, :6] += 6 * torch.eye(6)[train.labels]
    measured = measure_purity(train, noise(draw, 240), 6)
    assert measured.gap_size_matched > 0.5 > 5 * measured.noise_floor_size_matched


@pytest.mark.parametrize(("size", "parts"), [(48, 3), (100, 3), (101, 2), (200, 1), (300, 1), (301, 0)])
def test_training_features_are_thinned_to_disjoint_parts_of_the_wanted_size(size, parts):
    samples = labelled(np.arange(300)[:, None], np.arange(300))
    taken = [part.labels.numpy() for part in thinned(samples, size)]
    assert [len(labels) for labels in taken] == [size] * parts
    assert len({*np.concatenate([[], *taken])}) == size * parts
    assert all(torch.equal(part.features[:, 0], part.labels) for part in thinned(samples, size))


def test_a_validation_split_as_large_as_training_leaves_the_gap_as_published():
    draw = np.random.default_rng(0)
    measured = measure_purity(noise(draw, 60), noise(draw, 61), 6)
    assert measured.gap_size_matched == measured.gap
    assert measured.noise_floor_size_matched == measured.noise_floor


def test_the_gap_is_the_distance_of_both_purities_and_is_reported_by_name():
    draw = np.random.default_rng(1)
    measured = measure_purity(blobs(30), labelled(draw.normal(size=(30, 3)), np.arange(30) % 3), 3)
    metrics = measured.metrics("m")
    matched, validation = metrics["purity/m/train_size_matched"], metrics["purity/m/validation"]
    assert metrics["purity/m/gap_size_matched"] == abs(matched - validation)
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
from trainables.multimodal.diagnostics import Labelled, measure_purity

def states():
    return random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()

before = states()
train, validation = (Labelled(torch.eye(3)[torch.arange(n) % 3], torch.arange(n) % 3) for n in (9, 6))
measure_purity(train, validation, 3)
assert states() == before
"""


def test_not_even_the_first_diagnosis_of_a_process_draws_a_random_number():
    subprocess.run([sys.executable, "-c", FIRST], check=True)
