"""Looking at features: purity of their clusters, and linear probes. Neither changes training."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import torch
from threadpoolctl import ThreadpoolController
from torch import Tensor, nn
from torch.nn import functional

from trainables.multimodal.errors import Diverged
from trainables.multimodal.networks.missing_modalities import EVERYWHERE, Present, present_rows

PERMUTATIONS = 20  # of the labels, for the noise floor
THINNINGS = 3  # disjoint parts of the training features, each of the size of validation
PROBE_LR = 1e-2


def scale(features: np.ndarray) -> np.ndarray:
    """Min-max scale each column of features [N, D] to [-1, 1]; a constant column becomes 0.

    Raises Diverged if a feature is infinite or NaN.
    """
    if not np.isfinite(features).all():
        raise Diverged("features became infinite or NaN")
    low, high = features.min(axis=0), features.max(axis=0)
    span = np.where(high > low, high - low, 1)
    return np.where(high > low, (features - low) / span * 2 - 1, 0)


def cluster(features: np.ndarray, n_clusters: int, *, seed: int = 0, n_init: int = 10) -> np.ndarray:
    """Cluster numbers [N] that k-means gives the scaled features [N, D].

    Raises ValueError for fewer samples than clusters.
    """
    if len(features) < n_clusters:
        raise ValueError(f"{len(features)} samples cannot form {n_clusters} clusters")
    scaled = scale(np.asarray(features))
    kmeans = _kmeans()(distinct(scaled, n_clusters), init=Seeding(), random_state=seed, n_init=n_init)
    with _libraries().limit(limits=torch.get_num_threads()):  # they would start a thread per core
        return np.asarray(kmeans.fit_predict(scaled))


def distinct(samples: np.ndarray, most: int) -> int:
    """How many different rows there are, counted up to `most`: k-means cannot tell equal samples apart."""
    different: set[bytes] = set()
    for row in samples:
        different.add(row.tobytes())
        if len(different) == most:
            break
    return len(different)


class Seeding:
    """First centres by greedy k-means++: those of scikit-learn 1.9 bit by bit, in a third of the time.

    Each next centre is the best of 2 + ln K samples, drawn in proportion to the squared distance to the
    nearest centre so far. Distances are computed in float64: scikit-learn converts all samples each time,
    this does so once for all restarts of one clustering.
    """

    def __init__(self) -> None:
        self._wide: np.ndarray | None = None
        self._norms: np.ndarray | None = None

    def __call__(
        self, samples: np.ndarray, n_clusters: int, random_state: np.random.RandomState
    ) -> np.ndarray:
        """Centres [K, D] among samples [N, D], which are the same at every call."""
        ones = np.ones(len(samples), samples.dtype)
        first = random_state.choice(len(samples), p=ones / ones.sum())
        nearest = self._distances(samples, [first])
        total = nearest @ ones
        centres = [first]
        for _ in range(1, n_clusters):
            marks = random_state.uniform(size=2 + int(np.log(n_clusters))) * total
            candidates = np.searchsorted(np.cumsum(nearest), marks).clip(max=len(samples) - 1)
            distances = np.minimum(nearest, self._distances(samples, candidates))
            totals = distances @ ones[:, None]
            best = np.argmin(totals)
            centres.append(candidates[best])
            nearest, total = distances[best], totals[best]
        return samples[centres]

    def _distances(self, samples: np.ndarray, centres: Any) -> np.ndarray:
        """Squared distances [C, N] from the samples with numbers `centres` [C] to all."""
        if self._wide is None or self._norms is None:
            self._wide = samples.astype(np.float64)
            self._norms = np.einsum("ij,ij->i", self._wide, self._wide)
        products = self._wide[centres] @ self._wide.T
        squares = -2 * products + self._norms[centres, None] + self._norms
        return np.asarray(np.maximum(squares.astype(samples.dtype), 0))


def _kmeans() -> Any:
    """scikit-learn's KMeans. Its import takes seconds, and only what measures purity needs it.

    The import also draws from Python's generator. That is undone: a run that is resumed in a new process
    imports it later than one that never stopped, and both must draw the same.
    """
    state = random.getstate()
    from sklearn.cluster import KMeans

    random.setstate(state)
    return KMeans


@cache
def _libraries() -> ThreadpoolController:
    """The libraries of this process that start threads; to look for them takes longer than to cluster."""
    return ThreadpoolController()


def cluster_purity(clusters: np.ndarray, labels: np.ndarray) -> float:
    """P = (1 / N) sum over clusters of the largest class count in the cluster."""
    classes = int(labels.max()) + 1
    counts = np.bincount(
        clusters.astype(np.int64) * classes + labels, minlength=(clusters.max() + 1) * classes
    )
    return float(counts.reshape(-1, classes).max(axis=1).sum() / len(labels))


def purity(
    features: np.ndarray, labels: np.ndarray, n_clusters: int, *, seed: int = 0, n_init: int = 10
) -> float:
    """Purity of k-means clusters of features [N, D], scaled inside, against labels [N].

    P = (1 / N) sum over clusters of the largest class count in the cluster. `n_init` is pinned because its
    default differs between versions of scikit-learn, and that alone changes the strength of re-learning.
    Raises ValueError for N < n_clusters, Diverged for non-finite features.
    """
    return cluster_purity(cluster(features, n_clusters, seed=seed, n_init=n_init), np.asarray(labels))


@dataclass(frozen=True)
class Purity:
    """Purity of one modality's features on both splits, and the gaps that mere chance would give.

    k-means orders many samples better than few, so that the published gap is not over-fitting alone. Those
    that are `size_matched` compare training features thinned to the size of validation.
    """

    train: float
    validation: float
    noise_floor: float
    train_size_matched: float
    noise_floor_size_matched: float

    @property
    def gap(self) -> float:
        """The published purity gap, g = |P_train - P_validation|."""
        return abs(self.train - self.validation)

    @property
    def gap_size_matched(self) -> float:
        """The same with training features thinned to the size of validation."""
        return abs(self.train_size_matched - self.validation)

    def metrics(self, modality: str) -> dict[str, float]:
        """Flat metrics purity/<modality>/..."""
        values = {**vars(self), "gap": self.gap, "gap_size_matched": self.gap_size_matched}
        return {f"purity/{modality}/{name}": value for name, value in values.items()}


@dataclass(frozen=True)
class Labelled:
    """Features [N, D] of one modality on one split, and the labels [N]."""

    features: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class Clustered:
    """Clusters [N] that k-means gives features, and their labels [N]."""

    clusters: np.ndarray
    labels: np.ndarray

    @classmethod
    def of(cls, part: Labelled, n_clusters: int) -> "Clustered":
        """Cluster the features of a part."""
        return cls(cluster(part.features, n_clusters), part.labels)

    @property
    def purity(self) -> float:
        """Purity of the clusters against the labels."""
        return cluster_purity(self.clusters, self.labels)

    def permuted(self, draw: np.random.Generator) -> "Clustered":
        """The same clusters with the labels in a random order."""
        return replace(self, labels=draw.permutation(self.labels))


def measure_purity(train: Labelled, validation: Labelled, n_clusters: int) -> Purity:
    """Purity of both splits, of the thinned training split, and the noise floor of both gaps.

    The floors depend on the sizes of the splits: a small split looks purer than a large one by chance.
    """
    whole, unseen = Clustered.of(train, n_clusters), Clustered.of(validation, n_clusters)
    parts = [Clustered.of(part, n_clusters) for part in thinned(train, len(validation.labels))] or [whole]
    return Purity(
        whole.purity,
        unseen.purity,
        noise_floor([whole], unseen),
        _mean_purity(parts),
        noise_floor(parts, unseen),
    )


def thinned(train: Labelled, size: int) -> list[Labelled]:
    """Up to THINNINGS random parts of `size` samples, disjoint and always the same; none if all are too few.

    Their mean purity varies less than that of a single part.
    """
    order = np.random.default_rng(0).permutation(len(train.labels))
    parts = [order[start : start + size] for start in range(0, len(order) - size + 1, size)][:THINNINGS]
    return [Labelled(train.features[rows], train.labels[rows]) for rows in parts]


def noise_floor(train: Sequence[Clustered], validation: Clustered) -> float:
    """Mean over permutations of the labels of |mean P_train - P_validation|, the clusters as they are."""
    draw = np.random.default_rng(0)
    gaps = []
    for _ in range(PERMUTATIONS):
        chance = _mean_purity([part.permuted(draw) for part in train])
        gaps.append(abs(chance - validation.permuted(draw).purity))
    return float(np.mean(gaps))


def _mean_purity(parts: Sequence[Clustered]) -> float:
    return sum(part.purity for part in parts) / len(parts)


class Probes(nn.Module):
    """A linear head per modality on detached features, trained by a loss and an optimizer of their own.

    Heads start at zero, so that they draw no random number; nothing of theirs reaches the model.
    """

    def __init__(
        self,
        sizes: Mapping[str, int],
        classes: int,
        loss: Callable[[Tensor, Tensor], Tensor] = functional.cross_entropy,
    ) -> None:
        super().__init__()
        self._loss = loss
        self.heads = nn.ModuleDict(
            {name: nn.Linear(size, classes, device="meta") for name, size in sizes.items()}
        )
        self.to_empty(device="cpu")
        for parameter in self.parameters():
            nn.init.zeros_(parameter)

    def build_optimizer(self) -> torch.optim.Optimizer:
        """The probes' own optimizer; call it once the probes are on their device."""
        return torch.optim.Adam(self.parameters(), lr=PROBE_LR, foreach=True)

    def logits(self, features: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Logits [N, C] of each modality; no gradient reaches the features."""
        return {name: head(features[name].detach()) for name, head in self.heads.items()}

    def fit(
        self,
        optimizer: torch.optim.Optimizer,
        features: Mapping[str, Tensor],
        labels: Tensor,
        present: Present = EVERYWHERE,
    ) -> None:
        """One step on a batch: the loss of each head."""
        pairs = present_rows(present, self.logits(features), labels)
        losses = [self._loss(*pair) for pair in pairs.values()]
        optimizer.zero_grad(set_to_none=True)
        torch.stack(losses).sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
