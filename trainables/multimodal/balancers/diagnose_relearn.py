"""Diagnosing & Re-learning (D&R), ECCV 2024, arXiv 2407.09705.

Every H epochs the gap between the purity of training and validation features says how far each encoder has
over-fitted. The encoder is then pulled back towards its initial weights by as much.
"""

import math
from collections.abc import Callable, Mapping
from operator import attrgetter
from types import MappingProxyType
from typing import Any, Final

import torch
from torch import Tensor, nn

from trainables.multimodal.balancers.base import Balancer, Run
from trainables.multimodal.clustering import RESTARTS
from trainables.multimodal.diagnostics import Purity, purity
from trainables.multimodal.model import MultimodalModel
from trainables.multimodal.optimizers import scale_moments
from trainables.multimodal.setting_checks import (
    require_finite_numbers,
    require_flags,
    require_whole_numbers,
    require_word,
)

__all__ = ["DiagnoseRelearn", "purity", "relearn", "relearning_strength"]

GAPS: Final[Mapping[str, Callable[[Purity], float]]] = {
    "published": attrgetter("gap"),
    "size_matched": attrgetter("gap_size_matched"),
}
"""Which purity gap the strength follows, by the name that settings carry."""


def relearning_strength(gap: float, lam: float) -> float:
    """Re-learning strength alpha = tanh(lambda * g), in [0, 1), of a purity gap g in [0, 1]."""
    return math.tanh(lam * gap)


def relearn(encoder: nn.Module, initial: Mapping[str, Tensor], strength: float) -> None:
    """Pull every parameter back, in place: theta = (1 - alpha) theta + alpha theta_init.

    `initial` maps parameter names to tensors, as cloned from `named_parameters`.
    """
    blend(dict(encoder.named_parameters()), initial, strength)


@torch.no_grad()
def blend(current: Mapping[str, Tensor], initial: Mapping[str, Tensor], strength: float) -> None:
    """Move each floating-point tensor of `current`, in place, by `strength` to its initial value."""
    for name, tensor in current.items():
        if tensor.is_floating_point():
            tensor.lerp_(initial[name].to(tensor.device), strength)


class DiagnoseRelearn(Balancer):
    """Re-learn every encoder after epochs H, 2H, ... counted from 0, at most `max_relearnings` times.

    lam: lambda of the strength alpha_m = tanh(lambda * |P_train - P_validation|); 0 is joint training.
    every: H, in epochs.
    gap: `published`, or `size_matched`, whose P_train is that of training features thinned to the size of
    validation. k-means orders more samples better, which the published gap takes for over-fitting.
    n_init: restarts of k-means; the release leaves it to scikit-learn, whose default was 10 and became 1.
    The three switches, off in the paper's release, apply the same strength to more:
    reset_buffers to normalisation statistics, reset_head to the head's columns of the modality, and
    reset_momentum to all that the optimizer keeps of the encoder, whose initial value is 0: the momentum of
    SGD; both moments and the number of steps of Adam and AdamW.
    """

    EARLY = MappingProxyType({"every": 1})

    def __init__(
        self,
        lam: float = 3.0,
        every: int = 20,
        max_relearnings: int = 3,
        *,
        gap: str = "published",
        n_init: int = RESTARTS,
        reset_buffers: bool = False,
        reset_head: bool = False,
        reset_momentum: bool = False,
    ) -> None:
        require_finite_numbers(lam=lam)
        require_whole_numbers(1, every=every, n_init=n_init)
        require_whole_numbers(0, max_relearnings=max_relearnings)
        require_word("gap", gap, GAPS)
        require_flags(reset_buffers=reset_buffers, reset_head=reset_head, reset_momentum=reset_momentum)
        self.lam, self.every, self.max_relearnings = lam, every, max_relearnings
        self.gap, self.n_init = gap, n_init
        self.reset_buffers, self.reset_head, self.reset_momentum = reset_buffers, reset_head, reset_momentum
        self.relearnings = 0
        self._encoders: dict[str, dict[str, Tensor]] = {}
        self._columns: dict[str, Tensor] = {}

    def first_action(self) -> int:
        """The epoch after which encoders are first re-learnt, H + 1; 0 if they never are."""
        return self.every + 1 if self.max_relearnings else 0

    def on_built(self, model: MultimodalModel) -> None:
        """Refuse reset_head where modalities have no columns of their own."""
        if self.reset_head:
            model.fusion.columns()

    def on_fit_start(self, run: Run) -> None:
        """Keep the initial weights: re-learning always returns to the same ones."""
        for name, encoder in run.model.encoders.items():
            tensors = {**dict(encoder.named_parameters()), **dict(encoder.named_buffers())}
            self._encoders[name] = {key: value.detach().clone() for key, value in tensors.items()}
        if self.reset_head:
            self._columns = {n: w.detach().clone() for n, w in run.model.fusion.columns().items()}

    def on_epoch_end(self, run: Run) -> Mapping[str, float]:
        """Diagnose and re-learn each modality, if this is the epoch for it."""
        metrics: dict[str, float] = {}
        if self.is_due(run.epoch - 1):
            for name, diagnosis in run.diagnose().items():
                strength = relearning_strength(GAPS[self.gap](diagnosis), self.lam)
                self._relearn(run, name, strength)
                metrics[f"relearning/{name}/strength"] = strength
            self.relearnings += 1
        return {**metrics, "relearning/count": self.relearnings}

    def is_due(self, index: int) -> bool:
        """Whether to re-learn after the epoch with this index, counted from 0."""
        return index > 0 and index % self.every == 0 and self.relearnings < self.max_relearnings

    @torch.no_grad()
    def _relearn(self, run: Run, name: str, strength: float) -> None:
        encoder = run.model.encoders[name]
        relearn(encoder, self._encoders[name], strength)
        if self.reset_buffers:
            blend(dict(encoder.named_buffers()), self._encoders[name], strength)
        if self.reset_head:
            blend({name: run.model.fusion.columns()[name]}, self._columns, strength)
        if self.reset_momentum:
            scale_moments(run.optimizer, encoder, 1 - strength)

    def state_dict(self) -> dict[str, Any]:
        """How often re-learning has happened."""
        return {"relearnings": self.relearnings}

    def load_state_dict(self, run: Run, state: dict[str, Any]) -> None:
        """Go on counting."""
        self.relearnings = int(state["relearnings"])

    def constants(self) -> dict[str, Any]:
        """The initial weights."""
        return {"encoders": self._encoders, "columns": self._columns}

    def load_constants(self, run: Run, constants: dict[str, Any]) -> None:
        """Return to the initial weights of the run that is continued."""
        device = run.runtime.device
        self._encoders = {
            name: {key: value.to(device) for key, value in tensors.items()}
            for name, tensors in constants["encoders"].items()
        }
        self._columns = {name: value.to(device) for name, value in constants["columns"].items()}
