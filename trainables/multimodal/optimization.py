"""How a run's parameters are trained, all of it a function of (config, epoch): no schedule keeps a state."""

from collections.abc import Sequence
from typing import Any, Final

import torch
from torch import nn

from trainables.multimodal.config import TrainerConfig
from trainables.multimodal.model import MultimodalModel
from trainables.multimodal.optimizers import OPTIMIZERS, start_moments

FACTOR: Final = "lr_factor"
"""Name in a group of the optimizer: what its learning rate is multiplied by."""


def build_optimizer(config: TrainerConfig, model: MultimodalModel) -> torch.optim.Optimizer:
    """The optimizer of a model that lies on its device, as it is before the first epoch."""
    encoders, rest = list(model.encoders.parameters()), list(model.fusion.parameters())
    groups = [{"params": encoders, FACTOR: config.encoder_lr}, {"params": rest, FACTOR: 1.0}]
    kind = OPTIMIZERS[config.optimizer]
    optimizer = kind.build(groups, config.lr)
    start_moments(optimizer, kind, [*encoders, *rest])
    if config.clip_norm is not None:
        cut_gradients(optimizer, config.clip_norm)
    set_hyperparameters(optimizer, config, epoch=0)
    return optimizer


def cut_gradients(optimizer: torch.optim.Optimizer, longest: float) -> None:
    """Before each step from now on scale all gradients together, so that their L2 norm is at most `longest`.

    Gradient clipping (Pascanu et al., ICML 2013, algorithm 1). The optimizer does it itself: whoever asks for
    a step gets it, after all that a method does to gradients.
    """

    def cut(stepping: torch.optim.Optimizer, *_: Any) -> None:
        parameters = [parameter for group in stepping.param_groups for parameter in group["params"]]
        nn.utils.clip_grad_norm_(parameters, longest)

    optimizer.register_step_pre_hook(cut)


def add_parameters(
    optimizer: torch.optim.Optimizer, config: TrainerConfig, parameters: Sequence[nn.Parameter]
) -> None:
    """Let the optimizer train further heads, whose moments start at zero; set their rate afterwards."""
    optimizer.add_param_group({"params": list(parameters), FACTOR: 1.0})
    start_moments(optimizer, OPTIMIZERS[config.optimizer], parameters)


def set_hyperparameters(optimizer: torch.optim.Optimizer, config: TrainerConfig, epoch: int) -> None:
    """Give all groups what was chosen for the epoch with this index: it wins over what a checkpoint held."""
    options = OPTIMIZERS[config.optimizer].options(config.momentum, config.weight_decay)
    for group in optimizer.param_groups:
        group.update(options, lr=config.lr_at(epoch) * group[FACTOR])


def freeze_encoders(model: MultimodalModel, config: TrainerConfig, epoch: int) -> None:
    """Let encoders with initial weights stand still if the epoch with this index is early."""
    early = epoch < config.freeze_epochs
    model.freeze(name for name in config.initial_weights if early and name in model.encoders)
