"""How a run's parameters are trained, all of it a function of (config, epoch): no schedule keeps a state."""

from collections.abc import Sequence

import torch
from torch import nn

from trainables.multimodal.config import TrainerConfig
from trainables.multimodal.optimizers import OPTIMIZERS, start_moments


def build_optimizer(config: TrainerConfig, model: nn.Module) -> torch.optim.Optimizer:
    """The optimizer of a model that lies on its device, as it is before the first epoch."""
    parameters = list(model.parameters())
    kind = OPTIMIZERS[config.optimizer]
    optimizer = kind.build([{"params": parameters}], config.lr)
    start_moments(optimizer, kind, parameters)
    set_hyperparameters(optimizer, config, epoch=0)
    return optimizer


def add_parameters(
    optimizer: torch.optim.Optimizer, config: TrainerConfig, parameters: Sequence[nn.Parameter]
) -> None:
    """Let the optimizer train further parameters, whose moments start at zero; set their rate afterwards."""
    optimizer.add_param_group({"params": list(parameters)})
    start_moments(optimizer, OPTIMIZERS[config.optimizer], parameters)


def set_hyperparameters(optimizer: torch.optim.Optimizer, config: TrainerConfig, epoch: int) -> None:
    """Give all groups what was chosen for the epoch with this index: it wins over what a checkpoint held."""
    options = OPTIMIZERS[config.optimizer].options(config.momentum, config.weight_decay)
    for group in optimizer.param_groups:
        group.update(options, lr=config.lr_at(epoch))
