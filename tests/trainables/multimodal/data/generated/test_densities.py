"""Densities of known truth: Bayes' rule against classifiers and numbers that are computed in other ways."""

import numpy as np
import pytest
from scipy import integrate, stats
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from trainables.multimodal.data.generated.densities import (
    Parities,
    Simplex,
    bayes_accuracy,
    parities_accuracy,
    patches,
    random_basis,
    simplex_accuracy,
)

SAMPLES = 20_000
ERROR = 4 * 0.5 / SAMPLES**0.5  # four standard errors of an accuracy, at most


@pytest.fixture
def generator():
    return np.random.default_rng(0)


@pytest.fixture
def simplex(generator):
    return Simplex(random_basis(8, 5, generator), 2.0)


@pytest.fixture(params=[2, 3])
def parities(request, generator):
    return Parities(random_basis(12, 2 * request.param, generator), request.param, 0.5)


def sampled(density, generator):
    """Vectors and labels of equally frequent classes."""
    labels = np.arange(SAMPLES) % density.classes
    return density.draw(labels, generator), labels


def test_bayes_rule_on_a_simplex_is_as_good_as_linear_discriminant_analysis(simplex, generator):
    vectors, labels = sampled(simplex, generator)
    fitted = LinearDiscriminantAnalysis().fit(*sampled(simplex, generator))
    assert bayes_accuracy([simplex.log_likelihoods(vectors)], labels) == pytest.approx(
        fitted.score(vectors, labels), abs=0.005
    )


@pytest.mark.parametrize(("classes", "strength"), [(2, 1.0), (4, 2.3), (5, 0.0), (10, 4.0)])
def test_the_accuracy_on_a_simplex_is_the_integral(classes, strength):
    whole, _ = integrate.quad(
        lambda z: stats.norm.cdf(z + strength) ** (classes - 1) * stats.norm.pdf(z), -12, 12
    )
    assert simplex_accuracy(classes, strength) == pytest.approx(whole, abs=1e-9)


def test_two_simplices_are_like_one_of_their_joint_strength(generator):
    both = [Simplex(random_basis(8, 5, generator), strength) for strength in (2.0, 1.2)]
    labels = np.arange(SAMPLES) % 5
    seen = [density.log_likelihoods(density.draw(labels, generator)) for density in both]
    assert bayes_accuracy(seen, labels) == pytest.approx(simplex_accuracy(5, np.hypot(2.0, 1.2)), abs=ERROR)


def test_bayes_rule_reaches_the_stated_accuracy_on_parities(parities, generator):
    vectors, labels = sampled(parities, generator)
    reached = bayes_accuracy([parities.log_likelihoods(vectors)], labels)
    assert reached == pytest.approx(parities_accuracy(2, parities.signs, 0.5), abs=ERROR)
    assert 0.8 < reached < 0.97


def test_likelihoods_of_parities_are_those_of_the_mixture_over_all_signs(parities, generator):
    vectors = parities.draw(np.arange(4), generator)
    centres = (
        np.array(np.meshgrid(*[[-1.0, 1.0]] * parities.basis.shape[1])).reshape(len(parities.basis.T), -1).T
    )
    bits = centres.reshape(len(centres), 2, -1).prod(axis=2)
    near = stats.norm.pdf(vectors[:, None], centres @ parities.basis.T, parities.noise).prod(axis=2)
    classes = [(1, 1), (1, -1), (-1, 1), (-1, -1)]
    exact = np.log([near[:, (bits == code).all(axis=1)].sum(axis=1) for code in classes]).T
    given = parities.log_likelihoods(vectors)
    np.testing.assert_allclose(given - given[:, :1], exact - exact[:, :1], atol=1e-8)


def test_the_bits_of_parities_can_be_read_back_where_there_is_little_noise(generator):
    clear = Parities(random_basis(12, 6, generator), 3, 0.1)
    vectors, labels = sampled(clear, generator)
    signs = np.sign(vectors @ clear.basis).reshape(-1, 2, 3)
    bits = signs.prod(axis=2)
    assert (labels == (bits < 0) @ [2, 1]).all()
    assert abs(signs[:, :, :2].mean()) < ERROR


def test_no_linear_classifier_reads_parities(parities, generator):
    fitted = LinearDiscriminantAnalysis().fit(*sampled(parities, generator))
    assert fitted.score(*sampled(parities, generator)) == pytest.approx(0.25, abs=0.02)


def test_bases_are_orthonormal(generator):
    for basis in (random_basis(32, 6, generator), patches(16, 6), patches(16, 4)):
        np.testing.assert_allclose(basis.T @ basis, np.eye(basis.shape[1]), atol=1e-12)
