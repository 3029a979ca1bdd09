"""Looking at features: purity of their clusters, and linear probes. Neither changes training."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from trainables.multimodal.clustering import RESTARTS, kmeans
from trainables.multimodal.errors import Diverged
from trainables.multimodal.networks.missing_modalities import EVERYWHERE, Present, present_rows

PERMUTATIONS = 20  # of the labels, for the noise floor
THINNINGS = 3  # disjoint parts of the training features, each of the size of validation
PROBE_LR = 1e-2


def scale(features: Tensor) -> Tensor:
    """Min-max scale each column of features [N, D] to [-1, 1]; a constant column becomes 0.

    Raises Diverged if a feature is infinite or NaN.
    """
    if not features.isfinite().all():
        raise Diverged("features became infinite or NaN")
    low, high = features.amin(dim=0), features.amax(dim=0)
    span = torch.where(high > low, high - low, 1)
    return torch.where(high > low, (features - low) / span * 2 - 1, 0)


def cluster(features: Tensor, n_clusters: int, *, seed: int = 0, n_init: int = RESTARTS) -> Tensor:
    """Cluster numbers [N] that k-means gives the scaled features [N, D], on their device.

    Raises ValueError for fewer samples than clusters.
    """
    if len(features) < n_clusters:
        raise ValueError(f"{len(features)} samples cannot form {n_clusters} clusters")
    return kmeans(scale(features), n_clusters, seed=seed, n_init=n_init)


def cluster_purities(clusters: Tensor, labels: Tensor) -> Tensor:
    """P = (1 / N) sum over clusters of the largest class count in the cluster, for rows of labels [P, N]."""
    rows, classes, groups = len(labels), int(labels.max()) + 1, int(clusters.max()) + 1
    cells = clusters * classes + labels
    cells = cells + groups * classes * torch.arange(rows, device=cells.device)[:, None]
    counts = torch.bincount(cells.flatten(), minlength=rows * groups * classes)
    return counts.view(rows, groups, classes).amax(dim=2).sum(dim=1).double() / labels.shape[1]


def purity(
    features: np.ndarray | Tensor,
    labels: np.ndarray | Tensor,
    n_clusters: int,
    *,
    seed: int = 0,
    n_init: int = RESTARTS,
) -> float:
    """Purity of k-means clusters of features [N, D], scaled inside, against labels [N].

    P = (1 / N) sum over clusters of the largest class count in the cluster. `n_init` is pinned because its
    default differs between versions of scikit-learn, and that alone changes the strength of re-learning.
    Raises ValueError for N < n_clusters, Diverged for non-finite features.
    """
    clusters = cluster(torch.as_tensor(features), n_clusters, seed=seed, n_init=n_init)
    return float(cluster_purities(clusters, torch.as_tensor(labels)[None])[0])


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

    features: Tensor
    labels: Tensor


@dataclass(frozen=True)
class Clustered:
    """Clusters [N] that k-means gives features, and their labels [N]."""

    clusters: Tensor
    labels: Tensor

    @classmethod
    def of(cls, part: Labelled, n_clusters: int, n_init: int = RESTARTS) -> "Clustered":
        """Cluster the features of a part."""
        return cls(cluster(part.features, n_clusters, n_init=n_init), part.labels)

    @property
    def purity(self) -> float:
        """Purity of the clusters against the labels."""
        return float(cluster_purities(self.clusters, self.labels[None])[0])

    def reordered(self, orders: np.ndarray) -> Tensor:
        """Purities [P] of the same clusters against the labels in other orders [P, N]."""
        return cluster_purities(self.clusters, self.labels[torch.from_numpy(orders).to(self.labels.device)])


def measure_purity(train: Labelled, validation: Labelled, n_clusters: int, n_init: int = RESTARTS) -> Purity:
    """Purity of both splits, of the thinned training split, and the noise floor of both gaps.

    The floors depend on the sizes of the splits: a small split looks purer than a large one by chance.
    """
    whole, unseen = (Clustered.of(part, n_clusters, n_init) for part in (train, validation))
    smaller = thinned(train, len(validation.labels))
    parts = [Clustered.of(part, n_clusters, n_init) for part in smaller] or [whole]
    return Purity(
        whole.purity,
        unseen.purity,
        noise_floor([whole], unseen),
        sum(part.purity for part in parts) / len(parts),
        noise_floor(parts, unseen),
    )


def thinned(train: Labelled, size: int) -> list[Labelled]:
    """Up to THINNINGS random parts of `size` samples, disjoint and always the same; none if all are too few.

    Their mean purity varies less than that of a single part.
    """
    order = torch.from_numpy(np.random.default_rng(0).permutation(len(train.labels))).to(train.labels.device)
    parts = [order[start : start + size] for start in range(0, len(order) - size + 1, size)][:THINNINGS]
    return [Labelled(train.features[rows], train.labels[rows]) for rows in parts]


def noise_floor(train: Sequence[Clustered], validation: Clustered) -> float:
    """Mean over permutations of the labels of |mean P_train - P_validation|, the clusters as they are."""
    draw, parts = np.random.default_rng(0), [*train, validation]
    orders = [[draw.permutation(len(part.labels)) for part in parts] for _ in range(PERMUTATIONS)]
    chance = [
        part.reordered(np.stack(each)) for part, each in zip(parts, zip(*orders, strict=True), strict=True)
    ]
    return float((torch.stack(chance[:-1]).mean(dim=0) - chance[-1]).abs().mean())


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
        on_cuda = any(parameter.is_cuda for parameter in self.parameters())
        return torch.optim.Adam(self.parameters(), lr=PROBE_LR, fused=on_cuda, foreach=not on_cuda)

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
        torch.autograd.backward(losses)
        optimizer.step()
