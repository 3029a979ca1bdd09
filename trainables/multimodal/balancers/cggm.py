"""Classifier-guided gradient modulation (CGGM), NeurIPS 2024, arXiv 2411.01409; release zrguo/CGGM.

A classifier of each modality, from features to which it passes no gradient, shows how its accuracy changes.
Each encoder's gradient is scaled by the others' share of all changes (magnitude), and the fused head is drawn
to the classifiers (direction).
"""

from collections.abc import Mapping
from typing import Any, Final

import torch
from torch import Tensor

from trainables.multimodal.balancers.base import Balancer, Run
from trainables.multimodal.data.loading.batches import Batch
from trainables.multimodal.errors import InputError
from trainables.multimodal.networks.fusion import OwnHeadsFusion
from trainables.multimodal.networks.missing_modalities import present_rows
from trainables.multimodal.setting_checks import require_finite_numbers

TINY: Final = 1e-8  # beside a sum of improvements, and in place of a norm of zero


def coefficients(improvements: Mapping[str, Tensor], limit: float | None) -> dict[str, Tensor]:
    """B_m = sum over the others of d_o / sum over all of d_o, from improvements d_m of accuracy; all scalars.

    Without a limit they sum to n - 1. Where all improve, what improves faster has the smaller one; where all
    fall, what falls faster has. Where some improve and some fall it can be anything, and below 0 the encoder
    climbs its loss: `limit` bounds the size. 1 where a modality is alone.
    """
    if len(improvements) < 2:
        return {name: torch.ones_like(value) for name, value in improvements.items()}
    total = torch.stack(list(improvements.values())).sum() + TINY
    factors = {name: (total - value) / total for name, value in improvements.items()}
    return factors if limit is None else {n: f.clamp(-limit, limit) for n, f in factors.items()}


def cosine_gradient(own: Tensor, fused: Tensor) -> Tensor:
    """Gradient [C, D_m] of cos(w, W) with respect to W, of weights w (`own`) and W (`fused`) [C, D_m]."""
    lengths = [weight.norm().clamp(min=TINY) for weight in (own, fused)]
    unit, fused_unit = own / lengths[0], fused / lengths[1]
    gradient: Tensor = (unit - (unit * fused_unit).sum() * fused_unit) / lengths[1]
    return gradient


class Cggm(Balancer):
    """Scales the gradients of encoder m by rho B_m, and trains the fused head on loss(z) + lam L_gm.

    L_gm = 1 / n sum over m of |B_m| - B_m cos(w_m, W_m), with the weight w_m of the classifier of modality m
    and the columns W_m that the fused head has for it. As in the release, B_m is that of two batches in a
    row, the cosine is one of weights, and L_gm acts in the step after.

    rho: scale of all encoders' gradients.
    lam: strength of L_gm; 0 leaves the magnitudes alone.
    limit: largest size of B_m. The release has none and cuts the model's gradients to a length of .8: two
        batches whose accuracies change by opposite amounts give a B_m of millions. Without it set clip_norm.

    What differs beside the limit: classifiers are linear, as the fused head is, follow the run's optimizer
    and are cut by clip_norm with all others. A modality has columns of the fused head to itself; the release
    compares each classifier with the whole of it. All of an encoder is scaled, its first layers too.
    """

    fusion = "own_heads"
    fewest_modalities = 2  # improvements are compared

    def __init__(self, rho: float = 1.3, lam: float = 0.2, *, limit: float | None = 1.0) -> None:
        require_finite_numbers(rho=rho, lam=lam, limit=0.0 if limit is None else limit)
        if limit is not None and limit <= 0:
            raise InputError(f"limit must be above 0, or none, got {limit}")
        self.rho: float = rho
        self.lam: float = lam
        self.limit = limit
        self._accuracies: dict[str, Tensor] = {}  # of each classifier on the last batch that had its modality
        self._pulls: dict[str, Tensor] = {}  # gradient of -L_gm of the last step, by modality

    def step(self, run: Run, batch: Batch) -> Mapping[str, Tensor]:
        """One step on the fused loss, and on those of the classifiers, which share no parameter with it."""
        features = run.encode(batch)
        fused = run.model.fusion(features, batch.present).fused
        detached = {name: values.detach() for name, values in features.items()}
        rows = present_rows(batch.present, run.model.fusion(detached, batch.present).unimodal, batch.labels)
        own = {name: run.task.loss(*pair) for name, pair in rows.items()}
        loss = run.task.loss(fused, batch.labels)
        run.optimizer.zero_grad(set_to_none=True)
        torch.stack([loss, *own.values()]).sum().backward()  # type: ignore[no-untyped-call]
        factors = self._modulate(run, rows)
        run.optimizer.step()
        right = run.task.accuracy(fused.detach(), batch.labels)
        named = {f"{name}/coefficient": factor for name, factor in factors.items()}
        named |= {f"{name}/loss": value.detach() for name, value in own.items()}
        return {"loss": loss.detach(), "accuracy": right, **named}

    def state_dict(self) -> dict[str, Any]:
        """What the next step compares with, and what it adds."""
        return {"accuracies": dict(self._accuracies), "pulls": dict(self._pulls)}

    def load_state_dict(self, run: Run, state: dict[str, Any]) -> None:
        """Go on from there."""
        device = run.runtime.device
        self._accuracies, self._pulls = (
            {name: value.to(device) for name, value in state[key].items()} for key in ("accuracies", "pulls")
        )

    @torch.no_grad()
    def _modulate(self, run: Run, rows: Mapping[str, tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
        """Change the gradients that are there; gives B_m of the modalities that the batch has."""
        now = {name: run.task.accuracy(*pair) for name, pair in rows.items()}
        before = {name: self._accuracies.get(name, torch.zeros_like(value)) for name, value in now.items()}
        factors = coefficients({name: now[name] - before[name] for name in now}, self.limit)
        self._accuracies |= now
        for name, factor in factors.items():
            for parameter in run.model.encoders[name].parameters():
                if parameter.grad is not None:
                    parameter.grad.mul_(self.rho * factor)
        self._pull_fused_head(run, factors)
        return factors

    def _pull_fused_head(self, run: Run, factors: Mapping[str, Tensor]) -> None:
        """Add what the last step has found to the fused head's gradient, and find it for the next one."""
        fusion = run.model.fusion
        assert isinstance(fusion, OwnHeadsFusion)  # noqa: S101  (tells mypy what `fusion` names)
        columns, gradient = fusion.columns(), fusion.head.weight.grad
        if gradient is not None:
            parts = torch.split(gradient, list(fusion.sizes.values()), dim=1)
            for name, part in zip(fusion.sizes, parts, strict=True):
                if name in self._pulls:
                    part.sub_(self.lam * self._pulls[name])
        self._pulls = {
            name: (factor / len(factors)).float()
            * cosine_gradient(fusion.heads[name].get_parameter("weight"), columns[name])
            for name, factor in factors.items()
        }
