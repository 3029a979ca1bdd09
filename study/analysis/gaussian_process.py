"""A Gaussian process over the unit cube, checked by folds, and functions drawn from what it learned."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_solve
from scipy.special import expit, logit
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel
from sklearn.model_selection import KFold
from threadpoolctl import threadpool_limits

from study.analysis.design_axes import Array

SMOOTHNESS = 2.5  # of the Matern kernel: functions can be differentiated twice
RESTARTS = 2
FOLDS = 5
FREQUENCIES = 128  # random Fourier features of the prior


@dataclass(frozen=True)
class Link:
    """A scale without ends on which a score is learned, and the way back to the score."""

    to: Callable[[Array], Array]
    back: Callable[[Array], Array]


def _logit(fractions: Array) -> Array:
    """Fractions at an end are taken half as far from it as the nearest one that is not."""
    inside = np.minimum(fractions, 1 - fractions)
    nearest = inside[inside > 0].min(initial=0.5) / 2
    odds: Array = logit(fractions.clip(nearest, 1 - nearest))
    return odds


def _log(values: Array) -> Array:
    logarithms: Array = np.log(values.clip(values[values > 0].min(initial=1.0) / 2))
    return logarithms


FRACTION = Link(_logit, expit)
"""Of accuracies: near an end, where training fails or nothing is left to gain, they change little."""
POSITIVE = Link(_log, np.exp)
"""Of errors."""


class FoldedProcess:
    """A Gaussian process with a length per input and white noise, fitted to all but each fold.

    It learns the score on the scale of its link, and what is drawn from it is the score again.

    The models of the folds are what is drawn from: besides the noise of the points their hyperparameters
    differ, of which a single fit would be falsely certain. They begin at the lengths that fit all points
    best. Those that are checked by left-out points must not: such lengths have seen these points, too, and
    one in five surfaces of noise was said to predict them (results/LOG.md). The fits are deterministic.

    Args:
        inputs: Points [n, d] in the unit cube.
        values: What was measured there [n].
        link: The scale of the values.

    """

    def __init__(self, inputs: Array, values: Array, link: Link) -> None:
        self._link, self._inputs, self._scaled = link, inputs, link.to(values)
        self._folds = list(KFold(FOLDS, shuffle=True, random_state=0).split(inputs))
        predicted = np.empty(len(values))
        for model, (_, fold) in zip(self._models(_kernel(inputs.shape[1])), self._folds, strict=True):
            predicted[fold] = link.back(model.predict(inputs[fold]))
        error = np.sum((values - predicted) ** 2)
        self.r2 = float(1 - error / np.sum((values - values.mean()) ** 2))
        """Share of the variance of left-out points that is predicted; negative: worse than their mean."""

    def draw(self, count: int, seed: int = 0) -> "DrawnFunctions":
        """Functions of the posterior, equally many of every fold's model."""
        rng = np.random.default_rng(seed)
        with threadpool_limits(1):  # matrices this small lose by threads
            whole = _fitted(_kernel(self._inputs.shape[1]), self._inputs, self._scaled, RESTARTS)
        models = self._models(whole.kernel_)
        return DrawnFunctions([_Paths(model, count // FOLDS, rng) for model in models], self._link.back)

    def _models(self, kernel: object) -> list[GaussianProcessRegressor]:
        """A model of all but each fold, whose hyperparameters are looked for from this kernel on."""
        with threadpool_limits(1):
            return [_fitted(kernel, self._inputs[rest], self._scaled[rest], 0) for rest, _ in self._folds]


class DrawnFunctions:
    """Functions drawn from a posterior, to be evaluated anywhere."""

    def __init__(self, paths: Sequence["_Paths"], back: Callable[[Array], Array]) -> None:
        self._paths, self._back = paths, back

    def __call__(self, inputs: Array) -> Array:
        """Values of every function [..., functions] at points [..., d]."""
        flat = inputs.reshape(-1, inputs.shape[-1])
        values = [paths.features(flat) @ paths.weights + paths.mean for paths in self._paths]
        return self._back(np.concatenate(values, 1)).reshape(*inputs.shape[:-1], -1)


class _Paths:
    """Functions drawn from one model by Matheron's rule: of the prior, then corrected by what was measured.

    f(x) = p(x) + k(x, X) (K + s^2 I)^-1 (y - p(X) - e), with p of the prior as random Fourier features, whose
    frequencies are those of a Matern kernel: a multivariate t with 2 * SMOOTHNESS degrees of freedom.
    """

    def __init__(self, model: GaussianProcessRegressor, count: int, rng: np.random.Generator) -> None:
        self._points, signal, noise = model.X_train_, model.kernel_.k1, model.kernel_.k2.noise_level
        self._kernel = signal
        shape = (FREQUENCIES, self._points.shape[1])
        heavy = np.sqrt(rng.chisquare(2 * SMOOTHNESS, FREQUENCIES) / (2 * SMOOTHNESS))[:, None]
        self._frequencies = rng.standard_normal(shape) / signal.k2.length_scale / heavy
        self._amplitude = np.sqrt(signal.k1.constant_value / FREQUENCIES)
        prior = rng.standard_normal((2 * FREQUENCIES, count))
        measured = model.y_train_[:, None] - np.sqrt(noise) * rng.standard_normal((len(self._points), count))
        corrections = cho_solve((model.L_, True), measured - self._waves(self._points) @ prior)
        self.weights = model._y_train_std * np.concatenate([prior, corrections])
        self.mean = model._y_train_mean

    def features(self, inputs: Array) -> Array:
        """What the weights belong to [n, features]."""
        return np.concatenate([self._waves(inputs), self._kernel(inputs, self._points)], 1)

    def _waves(self, inputs: Array) -> Array:
        phases = inputs @ self._frequencies.T
        waves: Array = self._amplitude * np.concatenate([np.cos(phases), np.sin(phases)], 1)
        return waves


def _kernel(dimensions: int) -> object:
    signal = ConstantKernel(1.0, (1e-2, 1e3)) * Matern([0.5] * dimensions, (0.05, 20.0), SMOOTHNESS)
    return signal + WhiteKernel(1e-2, (1e-5, 2.0))


def _fitted(kernel: object, inputs: Array, values: Array, restarts: int) -> GaussianProcessRegressor:
    model = GaussianProcessRegressor(kernel, normalize_y=True, n_restarts_optimizer=restarts, random_state=0)
    with warnings.catch_warnings():  # an input without effect has a length at its bound
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(inputs, values)
