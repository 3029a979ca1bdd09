"""Adaptive gradient modulation (AGM), ICCV 2023, arXiv 2308.07686.

The share of each modality in the fused logits is its Shapley value. Where a modality classifies a batch
better, compared with the others, than it does on average, the gradient that reaches its share is made
smaller, and larger where it does worse.
"""

from collections.abc import Mapping
from typing import Any, Final

import torch
from torch import Tensor

from trainables.multimodal.balancers.base import Balancer, Run
from trainables.multimodal.config import TrainerConfig
from trainables.multimodal.data.loading.batches import Batch
from trainables.multimodal.errors import InputError
from trainables.multimodal.metrics import true_class
from trainables.multimodal.networks.fusion import CONCATENATION
from trainables.multimodal.networks.missing_modalities import present_rows
from trainables.multimodal.setting_checks import require_finite_numbers, require_whole_numbers

LEAST = 1e-8  # probability of the true class whose logarithm is taken
MOST = 10.0  # difference of two ratios
LARGEST = 1.0  # entry of the head's gradient, beyond which all gradients together are cut to length 1
TINY: Final = 1e-6


def scores(logits: Mapping[str, tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
    """s_m = mean of -log p(true class), from logits [B, C] and labels [B] of each modality."""
    return {name: -true_class(*pair).clamp(min=LEAST).log().mean() for name, pair in logits.items()}


def ratios(values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """r_m = exp(mean over the others of s_o - s_m): above 1 where a modality is better than the others."""
    total, others = torch.stack(list(values.values())).sum(), max(len(values) - 1, 1)
    return {name: ((total - value) / others - value).exp() for name, value in values.items()}


def coefficients(now: Mapping[str, Tensor], average: Mapping[str, Tensor], alpha: float) -> dict[str, Tensor]:
    """k_m = exp(alpha min(R_m - r_m, 10)), R_m being the ratio of the average scores of earlier steps.

    1 where a modality is alone.
    """
    if len(now) < 2:
        return {name: torch.ones_like(value) for name, value in now.items()}
    usual, present = ratios(average), ratios(now)
    return {name: (alpha * (usual[name] - present[name]).clamp(max=MOST)).exp() for name in now}


class Agm(Balancer):
    """Modulates the gradient of each modality's share of the logits while `begin` <= epoch < `end`.

    alpha: how strongly; 0 is joint training.
    begin, end: epochs counted from 0; an end of none means to the last epoch.
    """

    needs_classes = True  # scores are probabilities of the true class
    fewest_modalities = 2  # scores are compared

    def __init__(self, alpha: float = 1.0, begin: int = 0, end: int | None = None) -> None:
        require_finite_numbers(alpha=alpha)
        require_whole_numbers(0, begin=begin, end=0 if end is None else end)
        self.alpha: float = alpha
        self.begin, self.end = begin, end
        self._averages: dict[str, Tensor] = {}  # S_m, over the steps in which any sample had the modality
        self._steps: dict[str, int] = {}

    def on_configured(self, config: TrainerConfig) -> None:
        """Refuse a fusion whose logits are not the sum of the modalities' own."""
        if config.fusion != CONCATENATION:
            raise InputError(
                f"agm scales what each modality adds to the logits of a {CONCATENATION}, and {config.fusion} "
                "is none: leave fusion or agm out"
            )

    def first_action(self) -> int:
        """The first epoch whose gradients are modulated; 0 if there is none."""
        return self.begin + 1 if self.is_active(self.begin) else 0

    def is_active(self, epoch: int) -> bool:
        """Whether gradients are modulated in the epoch with this index, counted from 0."""
        return self.alpha > 0 and self.begin <= epoch and (self.end is None or epoch < self.end)

    def step(self, run: Run, batch: Batch) -> Mapping[str, Tensor]:
        """The joint step with z = sum of k_m z_m in the backward pass, and of z_m in the forward pass."""
        if not self.is_active(run.epoch):
            return run.joint_step(batch)
        output = run.forward(batch)
        factors = self._factors(output.unimodal, batch)
        passed = {
            name: factors[name] * z + (1 - factors[name]) * z.detach() if name in factors else z
            for name, z in output.unimodal.items()
        }
        fused = torch.stack(list(passed.values())).sum(dim=0)
        loss = run.task.loss(fused, batch.labels)
        run.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        _shorten(run)
        run.optimizer.step()
        right = run.task.accuracy(fused.detach(), batch.labels)
        named = {f"{name}/coefficient": factor for name, factor in factors.items()}
        return {"loss": loss.detach(), "accuracy": right, **named}

    def state_dict(self) -> dict[str, Any]:
        """Average scores, and of how many steps."""
        return {"averages": dict(self._averages), "steps": dict(self._steps)}

    def load_state_dict(self, run: Run, state: dict[str, Any]) -> None:
        """Go on with the averages."""
        self._averages = {name: value.to(run.runtime.device) for name, value in state["averages"].items()}
        self._steps = dict(state["steps"])

    @torch.no_grad()
    def _factors(self, unimodal: Mapping[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """k_m of the modalities that the batch has; this step counts in later averages."""
        now = scores(present_rows(batch.present, unimodal, batch.labels))
        average = {name: self._averages.get(name, torch.zeros_like(value)) for name, value in now.items()}
        factors = coefficients(now, average, self.alpha)
        for name, value in now.items():
            count = self._steps[name] = self._steps.get(name, 0) + 1
            self._averages[name] = average[name] + (value - average[name]) / count
        return factors


@torch.no_grad()
def _shorten(run: Run) -> None:
    """Cut all gradients to a common length of 1 where an entry of the head's is beyond LARGEST."""
    head = [p.grad.abs().max() for p in run.model.fusion.parameters() if p.grad is not None]
    gradients = [
        p.grad for group in run.optimizer.param_groups for p in group["params"] if p.grad is not None
    ]
    length = torch.stack([gradient.norm() for gradient in gradients]).norm()
    shorter = (1 / (length + TINY)).clamp(max=1.0)
    factor = torch.where(torch.stack(head).max() > LARGEST, shorter, 1.0)
    for gradient in gradients:
        gradient.mul_(factor)
