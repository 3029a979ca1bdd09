"""k-means of features [N, D] on the device they lie on: all restarts at once, as batched matrix products."""

from typing import Final

import numpy as np
import torch
from torch import Tensor

RESTARTS: Final = 10
MOST_ROUNDS: Final = 300
TOLERANCE: Final = 1e-4
"""Of the mean variance of a column: centres that move less, squared and summed, have arrived."""
MOST_DISTANCES: Final = 2**25
"""That are held at once, 128 MiB: restarts beyond it are run one part after the other."""


def kmeans(samples: Tensor, n_clusters: int, *, seed: int = 0, n_init: int = RESTARTS) -> Tensor:
    """Cluster numbers [N] of the restart with the smallest inertia, of samples [N, D].

    The algorithm is that of scikit-learn 1.9 with its defaults, from the same random numbers: greedy
    k-means++, Lloyd's rounds until no sample changes its cluster or the centres stand still, and an empty
    cluster takes a sample that is far from its centre. What differs: distances are |x|^2 - 2 x c + |c|^2 in
    single precision and summed in another order, so that a close call may end in another local optimum. All
    of it is matrix products, sums in a fixed order and a few draws on the CPU, so that equal samples on one
    device always give equal clusters.
    """
    if n_clusters == 1:
        return torch.zeros(len(samples), dtype=torch.long, device=samples.device)
    centred = (samples - samples.mean(dim=0)).float()
    quantiles = np.random.RandomState(seed).uniform(
        size=(n_init, 1 + (n_clusters - 1) * _candidates(n_clusters))
    )
    tolerance = TOLERANCE * float(centred.var(dim=0, correction=0).mean())
    together = max(1, MOST_DISTANCES // (n_clusters * len(centred)))
    best, smallest = torch.zeros(0), float("inf")
    for start in range(0, n_init, together):
        centres = first_centres(centred, n_clusters, quantiles[start : start + together])
        labels, inertias = _rounds(centred, centres, tolerance)
        place = int(inertias.argmin())
        if float(inertias[place]) < smallest:
            best, smallest = labels[place], float(inertias[place])
    return best


def _candidates(n_clusters: int) -> int:
    """Samples among which each next centre is chosen."""
    return 2 + int(np.log(n_clusters))


def first_centres(samples: Tensor, n_clusters: int, quantiles: np.ndarray) -> Tensor:
    """Samples [R, K, D] to begin with, by greedy k-means++ (Arthur and Vassilvitskii 2007).

    Each next centre is the best of a few samples, drawn in proportion to the squared distance to the nearest
    centre so far; the best is that with the smallest sum of such distances. `quantiles` are uniform random
    numbers [R, n], one for the first centre and then those of the candidates.
    """
    every = torch.arange(len(quantiles))
    steps = quantiles[:, 1:].reshape(len(quantiles), n_clusters - 1, -1)
    chosen = torch.from_numpy((quantiles[:, :1] * len(samples)).astype(np.int64)).to(samples.device)
    nearest = _distances(samples, samples[chosen])[:, 0]
    for step in range(n_clusters - 1):
        drawn = _drawn(nearest, steps[:, step])
        distances = torch.minimum(nearest[:, None], _distances(samples, samples[drawn]))
        best = distances.sum(dim=2).argmin(dim=1)
        nearest = distances[every, best]
        chosen = torch.cat([chosen, drawn[every, best, None]], dim=1)
    return samples[chosen]


def _drawn(weights: Tensor, quantiles: np.ndarray) -> Tensor:
    """Numbers [R, C] of samples, drawn in proportion to weights [R, N].

    Sums run on the CPU: a GPU adds up in an order that may change.
    """
    sums = weights.cpu().double().cumsum(dim=1)
    marks = torch.from_numpy(quantiles) * sums[:, -1:]
    return torch.searchsorted(sums, marks).clamp(max=weights.shape[1] - 1).to(weights.device)


def _distances(samples: Tensor, centres: Tensor) -> Tensor:
    """Squared distances [R, C, N] of samples [N, D] from centres [R, C, D]."""
    products = centres.flatten(0, 1) @ samples.T
    norms = centres.square().sum(dim=2, keepdim=True) + samples.square().sum(dim=1)
    return (norms - 2 * products.view(*centres.shape[:2], -1)).clamp_(min=0)


def _rounds(samples: Tensor, centres: Tensor, tolerance: float) -> tuple[Tensor, Tensor]:
    """Clusters [R, N] and inertias [R] that Lloyd's rounds arrive at from centres [R, K, D]."""
    moving = torch.arange(len(centres), device=samples.device)
    labels = torch.full((len(centres), len(samples)), -1, device=samples.device)
    for _ in range(MOST_ROUNDS):
        nearest, found = _distances(samples, centres[moving]).min(dim=1)
        means = _means(samples, found, nearest, centres.shape[1])
        shifts = (means - centres[moving]).square().sum(dim=(1, 2))
        arrived = (found == labels[moving]).all(dim=1) | (shifts <= tolerance)
        labels[moving], centres[moving] = found, means
        moving = moving[~arrived]
        if not len(moving):
            break
    nearest, labels = _distances(samples, centres).min(dim=1)
    return labels, nearest.sum(dim=1)


def _means(samples: Tensor, labels: Tensor, nearest: Tensor, clusters: int) -> Tensor:
    """Mean [R, K, D] of each cluster; an empty one moves to a sample that is far from its centre."""
    belongs = (labels[:, None] == torch.arange(clusters, device=labels.device)[:, None]).to(samples.dtype)
    counts = belongs.sum(dim=2)
    means = (belongs.flatten(0, 1) @ samples).view(*counts.shape, -1) / counts.clamp(min=1)[..., None]
    for restart in (counts == 0).any(dim=1).nonzero().flatten().tolist():
        empty = (counts[restart] == 0).nonzero().flatten()
        means[restart, empty] = samples[nearest[restart].topk(len(empty)).indices]
    return means
