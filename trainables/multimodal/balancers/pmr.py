"""Prototypical modal rebalance (PMR), CVPR 2023, arXiv 2211.07089.

A prototype is the mean feature of a class. The modality whose features tell the classes apart less well, by
their distances from the prototypes, learns from a loss of its own that draws them to theirs.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import torch
from torch import Tensor
from torch.nn import functional

from trainables.multimodal.balancers.base import Balancer, Run
from trainables.multimodal.data.loading.batches import Batch
from trainables.multimodal.metrics import true_class
from trainables.multimodal.networks.missing_modalities import present_rows
from trainables.multimodal.setting_checks import (
    FRACTION,
    require,
    require_finite_numbers,
    require_whole_numbers,
    require_word,
)

TINY = 1e-12  # a modality that gives the true class no probability at all

WEIGHTS: Final[Mapping[str, Callable[[Tensor], Tensor]]] = {
    "binary": lambda behind: (behind > 0).float(),
    "ratio": lambda behind: behind.clamp(0, 1),
}
"""What the loss of a modality counts, from how far it is behind: q_max / q_m - 1."""


def prototypes(features: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Mean [C, D] of the features [N, D] of each class; zero of one that has none."""
    members = functional.one_hot(labels, classes).to(features.dtype)
    return members.T @ features / members.sum(dim=0).clamp(min=1)[:, None]


def closeness(features: Tensor, centres: Tensor) -> Tensor:
    """Logits [B, C]: the negative Euclidean distances of features [B, D] from prototypes [C, D]."""
    distances: Tensor = torch.linalg.vector_norm(features[:, None] - centres, dim=2)
    return -distances


class Pmr(Balancer):
    """Trains on loss(z) + alpha * sum over slow modalities m of weight_m * loss(their closeness).

    alpha: strength; 0 is joint training.
    memory: mu, what the prototypes of an epoch keep of those before it.
    weight: a slow modality's loss counts once (`binary`, as released), or min(q_max / q_m - 1, 1) times.
    end: epochs after which it is joint training; none means to the last.

    Prototypes rest on the whole training split; the release takes a tenth of it. Of three modalities and
    more, which the paper does not treat, all but the best are slow.
    """

    needs_classes = True  # prototypes are those of classes
    fewest_modalities = 2  # some are slower than others

    def __init__(
        self, alpha: float = 1.0, memory: float = 0.2, *, weight: str = "binary", end: int | None = None
    ) -> None:
        require_finite_numbers(alpha=alpha)
        require({"memory": FRACTION}, {"memory": memory})
        require_word("weight", weight, WEIGHTS)
        require_whole_numbers(0, end=0 if end is None else end)
        self.alpha: float = alpha
        self.memory: float = memory
        self.weight, self.end = weight, end
        self.centres: dict[str, Tensor] = {}

    def is_active(self, epoch: int) -> bool:
        """Whether slow modalities have a loss of their own in the epoch with this index, counted from 0."""
        return self.alpha > 0 and (self.end is None or epoch < self.end)

    def on_fit_start(self, run: Run) -> None:
        """Take the first prototypes, of encoders that have learned nothing yet."""
        if self.is_active(run.epoch):
            self.centres = _prototypes(run)

    def step(self, run: Run, batch: Batch) -> Mapping[str, Tensor]:
        """The joint step, and beside it a loss for each modality that is behind in this batch."""
        if not self.is_active(run.epoch):
            return run.joint_step(batch)
        output = run.forward(batch)
        near = {name: closeness(values, self.centres[name]) for name, values in output.features.items()}
        rows = present_rows(batch.present, near, batch.labels)
        weights = self._weights(rows)
        own = {name: run.task.loss(*pair) for name, pair in rows.items()}
        loss = run.task.loss(output.fused, batch.labels)
        slow = torch.stack([weights[name] * own[name] for name in rows]).sum()
        run.update(loss + self.alpha * slow)
        metrics = {f"{name}/prototype_loss": value.detach() for name, value in own.items()}
        metrics |= {f"{name}/weight": value for name, value in weights.items()}
        right = run.task.accuracy(output.fused.detach(), batch.labels)
        return {"loss": loss.detach(), "accuracy": right, **metrics}

    def on_epoch_end(self, run: Run) -> Mapping[str, float]:
        """Move the prototypes to where the classes now are: c <- (1 - mu) c_new + mu c_old."""
        if self.is_active(run.epoch) and not run.done:
            for name, new in _prototypes(run).items():
                self.centres[name] = (1 - self.memory) * new + self.memory * self.centres[name]
        return {}

    def state_dict(self) -> dict[str, Any]:
        """The prototypes."""
        return {"centres": dict(self.centres)}

    def load_state_dict(self, run: Run, state: dict[str, Any]) -> None:
        """Go on with the prototypes."""
        self.centres = {name: value.to(run.runtime.device) for name, value in state["centres"].items()}

    @torch.no_grad()
    def _weights(self, rows: Mapping[str, tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
        """What each modality's loss counts; nothing for the best, by q_m = mean softmax of the true class."""
        scores = {name: true_class(*pair).mean().clamp(min=TINY) for name, pair in rows.items()}
        best = torch.stack(list(scores.values())).max()
        return {name: WEIGHTS[self.weight](best / score - 1) for name, score in scores.items()}


@torch.no_grad()
def _prototypes(run: Run) -> dict[str, Tensor]:
    """Of each modality, from the samples of the training split that have it."""
    seen, classes = run.evaluate("train"), len(run.model.classes)
    return {name: prototypes(*pair, classes) for name, pair in seen.present_rows(seen.features).items()}
