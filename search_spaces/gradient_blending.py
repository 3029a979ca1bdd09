"""Gradient-Blending: only the learning rate is searched, as weights of the losses are measured."""

from typing import Any

from search_spaces.space import LEARNING_RATE, SearchSpace, learning_rate

DEFAULTS = {"lr": 2e-3}
"""As for joint training; no learning rate is published for these data."""


def _domains() -> dict[str, Any]:
    """Domains of Gradient-Blending."""
    return {"lr": learning_rate()}


def _defaults() -> dict[str, Any]:
    """The values of joint training."""
    return dict(DEFAULTS)


NOTATION = {**LEARNING_RATE, "super_epoch": ("n", "epochs of a super-epoch, after which weights are new")}
gradient_blending = SearchSpace(_domains, DEFAULTS, _defaults, NOTATION)
