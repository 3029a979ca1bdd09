"""On-the-fly gradient modulation with generalisation enhancement (OGM-GE), CVPR 2022, arXiv 2203.15332.

A modality that classifies a batch better than the others learns more slowly; noise makes up for the smaller
gradient variance.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from trainables.multimodal.balancers.base import Balancer, Run
from trainables.multimodal.data.loading.batches import Batch
from trainables.multimodal.metrics import true_class
from trainables.multimodal.networks.fusion import Output
from trainables.multimodal.networks.missing_modalities import present_rows
from trainables.multimodal.setting_checks import require_finite_numbers, require_flags, require_whole_numbers

TINY = 1e-12  # others that give the true class no probability at all


def coefficients(scores: Mapping[str, Tensor], alpha: float) -> dict[str, Tensor]:
    """k_m = 1 - tanh(alpha * rho_m) where rho_m > 1, else 1; rho_m = s_m / mean(scores of the others).

    Scores are scalars, the mean probability of the true class; two modalities at least.
    """
    total = torch.stack(list(scores.values())).sum()
    factors = {}
    for name, score in scores.items():
        rho = score * (len(scores) - 1) / (total - score).clamp(min=TINY)
        factors[name] = torch.where(rho > 1, 1 - torch.tanh(alpha * rho), 1.0)
    return factors


@torch.no_grad()
def modulate(encoder: nn.Module, coefficient: Tensor, least_dims: int = 2, *, noise: bool = True) -> None:
    """Replace gradients of weights with `least_dims` or more dimensions: g <- k g + noise.

    The noise is Gaussian with the standard deviation of the gradient before scaling; without it, g <- k g.
    """
    for parameter in encoder.parameters():
        gradient = parameter.grad
        if gradient is not None and gradient.dim() >= least_dims:
            deviation = gradient.std()
            gradient.mul_(coefficient)
            if noise:
                gradient.addcmul_(_noise(gradient), deviation)


def _noise(like: Tensor) -> Tensor:
    """Standard Gaussian noise in the memory order of a dense tensor.

    Drawn flat: torch.randn_like takes seven times longer on a CPU where the order is channels_last.
    """
    flat = torch.randn(like.numel(), dtype=like.dtype, device=like.device)
    return flat.as_strided(like.size(), like.stride())


class OgmGe(Balancer):
    """Modulates the encoders' gradients while `begin` <= epoch < `end`, epochs counted from 0.

    alpha: how strongly the better modality is slowed down; 0 leaves only the noise. The default is released
    for CREMA-D.
    end: none means to the last epoch.
    conv_only: as in the release, convolutions alone; the default takes every weight matrix of an encoder.
    noise: generalisation enhancement (GE); without it the method is OGM.
    """

    needs_classes = True  # scores are probabilities of the true class
    fewest_modalities = 2  # scores are compared

    def __init__(
        self,
        alpha: float = 0.8,
        begin: int = 0,
        end: int | None = None,
        *,
        conv_only: bool = False,
        noise: bool = True,
    ) -> None:
        require_finite_numbers(alpha=alpha)
        require_whole_numbers(0, begin=begin, end=0 if end is None else end)
        require_flags(conv_only=conv_only, noise=noise)
        self.alpha, self.begin, self.end = alpha, begin, end
        self.least_dims = 4 if conv_only else 2
        self.noise = noise

    def first_action(self) -> int:
        """The first epoch whose gradients are modulated; 0 if there is none."""
        return self.begin + 1 if self.is_active(self.begin) else 0

    def after_backward(self, run: Run, batch: Batch, output: Output) -> Mapping[str, Tensor]:
        """Scale the gradients of each encoder by how much better its modality does than the others."""
        if not self.is_active(run.epoch):
            return {}
        with torch.no_grad():
            rows = present_rows(batch.present, output.unimodal, batch.labels)
            scores = {name: true_class(*pair).mean() for name, pair in rows.items()}
        factors = coefficients(scores, self.alpha)
        for name, factor in factors.items():
            modulate(run.model.encoders[name], factor, self.least_dims, noise=self.noise)
        return {f"{name}/coefficient": factor for name, factor in factors.items()}

    def is_active(self, epoch: int) -> bool:
        """Whether gradients are modulated in the epoch with this index, counted from 0."""
        return self.begin <= epoch and (self.end is None or epoch < self.end)
