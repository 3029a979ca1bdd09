"""k-means on the device, beside scikit-learn's."""

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans, kmeans_plusplus

from trainables.multimodal.clustering import _means, first_centres, kmeans
from trainables.multimodal.diagnostics import cluster_purities


def drawn(case):
    """Samples, classes and the number of classes of a random case; in some the classes overlap."""
    draw = np.random.default_rng(case)
    classes, samples, size = (int(draw.integers(*ends)) for ends in ((2, 11), (100, 800), (4, 129)))
    labels, apart = draw.integers(0, classes, samples), draw.uniform(0.2, 1.5)
    means = draw.normal(size=(classes, size)) * apart
    return (means[labels] + draw.normal(size=(samples, size))).astype(np.float32), labels, classes


def inertia(samples, clusters):
    parts = [samples[clusters == number].astype(float) for number in np.unique(clusters)]
    return sum(((part - part.mean(axis=0)) ** 2).sum() for part in parts)


def purity_of(clusters, labels):
    return float(cluster_purities(torch.from_numpy(clusters).long(), torch.from_numpy(labels)[None])[0])


@pytest.mark.parametrize(
    ("cases", "as_pure"), [(range(8), 8), pytest.param(range(50), 48, marks=pytest.mark.slow)]
)
def test_clusters_are_as_good_as_those_of_scikit_learn(cases, as_pure):
    apart, worse = [], []
    for case in cases:
        samples, labels, classes = drawn(case)
        ours = kmeans(torch.from_numpy(samples), classes).numpy()
        theirs = KMeans(classes, n_init=10, random_state=0).fit_predict(samples)
        apart.append(abs(purity_of(ours, labels) - purity_of(theirs, labels)))
        worse.append(inertia(samples, ours) / inertia(samples, theirs))
    assert sum(difference <= 0.01 for difference in apart) >= as_pure
    assert max(worse) <= 1.01


@pytest.mark.parametrize(("samples", "size", "clusters"), [(9, 1, 4), (300, 7, 2), (700, 64, 8)])
def test_first_centres_are_those_of_scikit_learn_at_every_restart(samples, size, clusters):
    values = np.random.default_rng(0).normal(size=(samples, size)).astype(np.float32)
    quantiles = np.random.RandomState(0).uniform(size=(10, 1 + (clusters - 1) * (2 + int(np.log(clusters)))))
    ours, random = first_centres(torch.from_numpy(values), clusters, quantiles), np.random.RandomState(0)
    for centres in ours.numpy():
        assert np.array_equal(centres, kmeans_plusplus(values, clusters, random_state=random)[0])


def test_the_same_samples_give_the_same_clusters_and_another_seed_may_not():
    samples = torch.from_numpy(np.random.default_rng(0).normal(size=(300, 5)).astype(np.float32))
    first, again = kmeans(samples, 6), kmeans(samples, 6)
    assert torch.equal(first, again)
    assert not torch.equal(first, kmeans(samples, 6, seed=1))


def test_restarts_that_do_not_fit_into_memory_at_once_give_the_same(monkeypatch):
    samples = torch.from_numpy(drawn(3)[0])
    whole = kmeans(samples, 5)
    monkeypatch.setattr("trainables.multimodal.clustering.MOST_DISTANCES", 3 * 5 * len(samples))
    assert torch.equal(kmeans(samples, 5), whole)


def test_fewer_different_samples_than_clusters_leave_some_empty():
    samples = torch.tensor([[0.0, 0.0], [0.0, 0.0], [5.0, 5.0], [5.0, 5.0]])
    clusters = kmeans(samples, 3)
    assert clusters[0] == clusters[1] != clusters[2] == clusters[3]


def test_an_empty_cluster_takes_the_sample_that_is_farthest_away():
    samples = torch.tensor([[0.0], [1.0], [9.0]])
    labels = torch.zeros(1, 3, dtype=torch.long)
    means = _means(samples, labels, samples.T.square(), 2)
    assert means.flatten().tolist() == [pytest.approx(10 / 3), 9.0]


def test_numbers_far_from_zero_lose_no_precision():
    samples, _, classes = drawn(1)
    near, far = (kmeans(torch.from_numpy(samples.astype(np.float64) + by), classes) for by in (0.0, 1e6))
    assert torch.equal(near, far)


def test_one_cluster_holds_all():
    assert kmeans(torch.randn(7, 3), 1).tolist() == [0] * 7
