"""Class-conditional densities of one modality, and what Bayes' rule reaches with them.

All are isotropic Gaussians around points of a subspace, so that a projection onto its basis is sufficient.
Classes are equally likely, and modalities independent given the class: log-likelihoods add up.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
NODES: Final = 100
"""Nodes of the Gauss-Hermite rule that integrates over one normal variable; 60 agree with it to 1e-12."""


class Density(Protocol):
    """How the samples of one modality are distributed in each class."""

    @property
    def classes(self) -> int:
        """K."""
        ...

    def draw(self, labels: NDArray[np.int64], generator: np.random.Generator) -> Array:
        """Vectors [N, D], a sample of the class of each label [N]."""
        ...

    def log_likelihoods(self, vectors: Array) -> Array:
        """Logarithm of p(vector | class) [N, K], up to a number that all classes share."""
        ...


@dataclass(frozen=True)
class Simplex:
    """x = s b_k + z for class k: means at equal distances, and standard normal noise z in all D dimensions.

    A linear classifier can be as good as Bayes' rule. A strength of 0 leaves nothing but noise.
    """

    basis: Array
    """b_1, ..., b_K [D, K], orthonormal."""
    strength: float
    """s, the norm of each mean in standard deviations of the noise."""

    @property
    def classes(self) -> int:
        """K."""
        return int(self.basis.shape[1])

    def draw(self, labels: NDArray[np.int64], generator: np.random.Generator) -> Array:
        """Vectors [N, D] of the classes `labels` [N]."""
        means = self.strength * self.basis.T[labels]
        return means + generator.normal(size=means.shape)

    def log_likelihoods(self, vectors: Array) -> Array:
        """The products s b_k'x [N, K]: all means have the same norm."""
        return self.strength * (vectors @ self.basis)


@dataclass(frozen=True)
class Parities:
    """Each bit of the class is the product of `signs` random signs, x = B e + noise z; e holds all signs.

    With B bits there are 2^B classes, and class k's bit j is -1 where digit j of k is 1. Whatever leaves one
    sign of a bit out says nothing of it, so that no linear classifier is better than chance.
    """

    basis: Array
    """B [D, bits * signs], orthonormal; the signs of one bit stand side by side."""
    signs: int
    """Signs of a bit, 2 or more."""
    noise: float
    """Standard deviation of the noise in each of the D dimensions."""

    @property
    def classes(self) -> int:
        """K."""
        return len(self._codes)

    def draw(self, labels: NDArray[np.int64], generator: np.random.Generator) -> Array:
        """Vectors [N, D] of the classes `labels` [N]."""
        free = generator.choice((-1.0, 1.0), size=(len(labels), self._bits, self.signs - 1))
        last = self._codes[labels] * free.prod(axis=2)
        signs = np.concatenate([free, last[:, :, None]], axis=2)
        vectors = signs.reshape(len(labels), -1) @ self.basis.T
        return vectors + self.noise * generator.normal(size=vectors.shape)

    def log_likelihoods(self, vectors: Array) -> Array:
        """Sum over bits of log (1 + b t) / 2 [N, K], where t = prod_i tanh(x_i / noise^2) over its signs.

        t is the bit's expectation given its signs' coordinates x_i.
        """
        signs = (vectors @ self.basis).reshape(len(vectors), self._bits, self.signs)
        expected = np.tanh(signs / self.noise**2).prod(axis=2)
        tiny = np.finfo(np.float64).tiny
        likelihoods: Array = np.log(np.maximum(1 + expected[:, None] * self._codes, tiny)).sum(axis=2)
        return likelihoods

    @property
    def _bits(self) -> int:
        return int(self.basis.shape[1]) // self.signs

    @property
    def _codes(self) -> Array:
        """Bits [K, B] of each class."""
        return np.array(list(product((1.0, -1.0), repeat=self._bits)))


def simplex_accuracy(classes: int, strength: float) -> float:
    """Accuracy of Bayes' rule on a simplex of K classes: the integral of Phi(z + s)^(K - 1) phi(z) dz.

    The right mean's coordinate s + z must be the largest of K. Several independent simplices of the same
    classes are like one with s^2 = s_1^2 + s_2^2 + ...
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    below = np.array([_normal_cdf(strength + node) for node in nodes]) ** (classes - 1)
    return float(weights @ below / weights.sum())


def parities_accuracy(bits: int, signs: int, noise: float) -> float:
    """Accuracy of Bayes' rule on parities: ((1 + (2 Phi(1 / noise) - 1)^signs) / 2)^bits.

    A bit is right where an even number of its signs is read wrongly.
    """
    agreement = 2 * _normal_cdf(1 / noise) - 1
    return float(((1 + agreement**signs) / 2) ** bits)


def bayes_accuracy(log_likelihoods: Iterable[Array], labels: NDArray[np.int64]) -> float:
    """Share of labels [N] that Bayes' rule finds from the log-likelihoods [N, K] of each modality."""
    summed = np.sum(list(log_likelihoods), axis=0)
    return float((summed.argmax(axis=1) == labels).mean())


def random_basis(dimensions: int, count: int, generator: np.random.Generator) -> Array:
    """Orthonormal directions [D, count], drawn at random."""
    return np.linalg.qr(generator.normal(size=(dimensions, count)))[0]


def patches(side: int, count: int) -> Array:
    """Orthonormal pictures [side * side, count]: squares beside one another, each of one brightness."""
    columns = math.ceil(math.sqrt(count))
    size = side // columns
    pictures = np.zeros((count, side, side))
    for number, picture in enumerate(pictures):
        row, column = divmod(number, columns)
        picture[row * size : (row + 1) * size, column * size : (column + 1) * size] = 1 / size
    return pictures.reshape(count, -1).T


def _normal_cdf(value: float) -> float:
    return 0.5 * math.erfc(-value / math.sqrt(2))
