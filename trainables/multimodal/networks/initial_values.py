"""Initial values of a whole model that differ from those its parts are built with."""

from collections.abc import Callable, Mapping
from typing import Final

from torch import nn


def as_built(model: nn.Module) -> None:
    """Leave all as it is: as in D&R's release, batch norm N(1, .02) and linear layers as torch draws them."""


def as_in_ogm_ge(model: nn.Module) -> None:
    """As in the releases of OGM-GE and AUG: every linear layer Xavier-normal with zero bias, batch norm 1."""
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_normal_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.weight)


INITS: Final[Mapping[str, Callable[[nn.Module], None]]] = {"dnr": as_built, "ogm": as_in_ogm_ge}
"""What is done to a model that was just built, by the name that settings carry; convolutions stay."""
