"""Optimizers by name, and the moments that they keep of each parameter: started, scaled, taken over."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn

from trainables.multimodal.errors import InputError

SECOND_MOMENT: Final = 0.999
"""beta_2 of Adam and AdamW, as published (Kingma & Ba, ICLR 2015)."""

Groups = list[dict[str, Any]]


@dataclass(frozen=True)
class OptimizerKind:
    """How an optimizer is built, what settings are in its own words, and what it starts from."""

    label: str
    """The name in sentences."""
    build: Callable[[Groups, float], torch.optim.Optimizer]
    """From groups of parameters and a learning rate."""
    options: Callable[[float, float], dict[str, Any]]
    """Options of a group, from momentum and weight decay."""
    start: Callable[[nn.Parameter], dict[str, Tensor]]
    """State of a parameter before its first step, all of it zero."""


def _sgd(groups: Groups, lr: float) -> torch.optim.Optimizer:
    return torch.optim.SGD(groups, lr, fused=True)


def _adam(groups: Groups, lr: float) -> torch.optim.Optimizer:
    return torch.optim.Adam(groups, lr, fused=True)


def _adamw(groups: Groups, lr: float) -> torch.optim.Optimizer:
    return torch.optim.AdamW(groups, lr, fused=True)


def _of_sgd(momentum: float, weight_decay: float) -> dict[str, Any]:
    return {"momentum": momentum, "weight_decay": weight_decay}


def _of_adam(momentum: float, weight_decay: float) -> dict[str, Any]:
    return {"betas": (momentum, SECOND_MOMENT), "weight_decay": weight_decay}


def _momentum(parameter: nn.Parameter) -> dict[str, Tensor]:
    """Fused SGD cannot take parameters with and without momentum in one step; alternating steps have both."""
    return {"momentum_buffer": torch.zeros_like(parameter)}


def _two_moments(parameter: nn.Parameter) -> dict[str, Tensor]:
    """Each parameter counts its own steps: one that a step does not reach does not age."""
    steps = torch.zeros((), device=parameter.device)
    return {
        "step": steps,
        "exp_avg": torch.zeros_like(parameter),
        "exp_avg_sq": torch.zeros_like(parameter),
    }


SGD: Final = "sgd"
OPTIMIZERS: Final[Mapping[str, OptimizerKind]] = {
    SGD: OptimizerKind("SGD", _sgd, _of_sgd, _momentum),
    "adam": OptimizerKind("Adam", _adam, _of_adam, _two_moments),
    "adamw": OptimizerKind("AdamW", _adamw, _of_adam, _two_moments),
}
"""Optimizers by the name that settings carry; torch has a fused kernel of each for a CPU and for CUDA."""


def start_moments(
    optimizer: torch.optim.Optimizer, kind: OptimizerKind, parameters: Iterable[nn.Parameter]
) -> None:
    """Give each parameter moments of zero, which the first step assumes anyway."""
    for parameter in parameters:
        optimizer.state[parameter] = kind.start(parameter)


@torch.no_grad()
def scale_moments(optimizer: torch.optim.Optimizer, module: nn.Module, factor: float) -> None:
    """Multiply all that the optimizer keeps of a module's parameters by `factor`; 0 is a new start.

    The number of steps, which corrects the moments of Adam for their start at zero, is scaled with them.
    Otherwise the second moment would be taken for a full one, and the next steps would be too long.
    """
    for parameter in module.parameters():
        for value in optimizer.state.get(parameter, {}).values():
            value.mul_(factor)


def take_over(optimizer: torch.optim.Optimizer, saved: Mapping[str, Any]) -> None:
    """Go on with the moments of a state dict; learning rate, weight decay and groups stay as they are.

    Raises InputError where they are those of another kind of optimizer or of other parameters.
    """
    own = optimizer.state_dict()
    if _kept(own) != _kept(saved):
        raise InputError(
            "the checkpoint holds the moments of another optimizer or of other parameters than those of "
            f"{type(optimizer).__name__}: go on with the optimizer that it was trained by"
        )
    optimizer.load_state_dict({"state": saved["state"], "param_groups": own["param_groups"]})


def _kept(state: Mapping[str, Any]) -> dict[int, set[str]]:
    """Names of what is kept of each parameter, by its number."""
    return {number: set(values) for number, values in state["state"].items()}
