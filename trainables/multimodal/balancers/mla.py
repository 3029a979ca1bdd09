"""Multimodal learning with alternating unimodal adaptation (MLA), CVPR 2024, arXiv 2311.10707.

All modalities share one linear head and are trained in turn, each on a loss of its own. What the head learns
of one is kept from what the others need: its gradient is taken across the features that it has seen.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import torch
from torch import Tensor

from trainables.multimodal.balancers.base import Balancer, Run
from trainables.multimodal.data.loading.batches import Batch
from trainables.multimodal.errors import InputError
from trainables.multimodal.networks.fusion import CERTAINTIES, SharedHeadFusion, weighted
from trainables.multimodal.networks.missing_modalities import present_rows, spread
from trainables.multimodal.setting_checks import require_word

OFF: Final = "off"
FIXED: Final = "fixed"
DAMPING = 0.1  # alpha_t falls from .1 at the begin of an epoch to .01 at its end

GAINS: Final[Mapping[str, Callable[[Tensor, Tensor], Tensor]]] = {
    "paper": lambda k, mean: mean @ k,
    "code": lambda k, mean: k @ mean,
}
"""What k k' is divided by: in recursive least squares a number, in the released code each entry by one of its
own. That code never runs, as it looks for a parameter by a name that the head does not have: `off`."""


def projected(projection: Tensor, mean: Tensor, damping: float, gain: str) -> Tensor:
    """P <- P - k k' / (alpha_t + gain), k = P r', scaled to a norm of 1; P [D, D], mean feature r [1, D]."""
    k = projection @ mean.T
    moved = projection - (k @ k.T) / (damping + GAINS[gain](k, mean))
    scaled: Tensor = moved / moved.norm()
    return scaled


class Mla(Balancer):
    """A step for each modality in turn on the cross-entropy of z_m = W u_m + b.

    project: how the gradient of W is taken across earlier features, grad W <- grad W P': as in the `paper`,
    as in the released `code`, or `off`.
    combine: the prediction's weights of the modalities: `per_sample` by how certain each is, as the paper
    means it, `per_batch` as released, or `fixed`.
    fusion_weights: the fixed weights, equal if none are given.
    """

    needs_classes = True  # certainty is that of classes

    def __init__(
        self,
        *,
        project: str = "paper",
        combine: str = "per_sample",
        fusion_weights: Mapping[str, float] | None = None,
    ) -> None:
        require_word("project", project, (*GAINS, OFF))
        require_word("combine", combine, (*CERTAINTIES, FIXED))
        if fusion_weights and combine != FIXED:
            raise InputError(f"fusion weights count with combine=fixed alone, and it is {combine}")
        self.project, self.fusion_weights = project, dict(fusion_weights or {})
        self.fusion = f"shared_{combine}"
        self.projection: Tensor | None = None  # P; None before the very first step
        self._position = 0  # batches of this epoch

    def step(self, run: Run, batch: Batch) -> Mapping[str, Tensor]:
        """One step of the optimizer for each modality, from one forward pass of all encoders."""
        fusion, damping = _fusion(run), DAMPING ** (1 + self._position / run.steps)
        rows = present_rows(batch.present, run.encode(batch), batch.labels)
        logits: dict[str, Tensor] = {}
        metrics: dict[str, Tensor] = {}
        for name, (features, labels) in rows.items():
            aligned = fusion.aligned(name, features)
            outputs = fusion.head(aligned)  # by the head as it is at this modality's turn
            loss = run.task.loss(outputs, labels)
            run.optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            self._take_across(fusion.head.weight, aligned.detach().mean(dim=0, keepdim=True), damping)
            run.optimizer.step()
            logits[name], metrics[f"{name}/loss"] = outputs.detach(), loss.detach()
        self._position += 1
        total = torch.stack(list(metrics.values())).sum()
        everywhere = {name: spread(batch.present, name, values) for name, values in logits.items()}
        fused = weighted(everywhere, fusion.shares(everywhere), batch.present)
        return {"loss": total, "accuracy": run.task.accuracy(fused, batch.labels), **metrics}

    def on_epoch_end(self, run: Run) -> Mapping[str, float]:
        """The damping begins anew."""
        self._position = 0
        return {}

    def state_dict(self) -> dict[str, Any]:
        """What the head's gradient is taken across."""
        return {"projection": self.projection}

    def load_state_dict(self, run: Run, state: dict[str, Any]) -> None:
        """Go on with it."""
        kept = state["projection"]
        self.projection = None if kept is None else kept.to(run.runtime.device)

    @torch.no_grad()
    def _take_across(self, weight: Tensor, mean: Tensor, damping: float) -> None:
        """Change the gradient of the head's weight [C, D]; the very first step leaves it as it is."""
        if self.project == OFF or weight.grad is None:
            return
        if self.projection is None:
            self.projection = torch.eye(weight.shape[1], device=weight.device)
            return
        self.projection = projected(self.projection, mean, damping, self.project)
        weight.grad = weight.grad @ self.projection.T


def _fusion(run: Run) -> SharedHeadFusion:
    fusion = run.model.fusion
    assert isinstance(fusion, SharedHeadFusion)  # noqa: S101  (what Mla.fusion has asked for)
    return fusion
