"""A loss for every modality beside the fused one: only the learning rate is searched."""

from typing import Any

from search_spaces.space import LEARNING_RATE, SearchSpace, learning_rate

DEFAULTS = {"lr": 2e-3}
"""As for joint training, and as released with MMPareto, whose baseline the sum of all losses is."""


def _domains() -> dict[str, Any]:
    """Domains of a sum of losses."""
    return {"lr": learning_rate()}


def _defaults() -> dict[str, Any]:
    """The values of joint training."""
    return dict(DEFAULTS)


unimodal_losses = SearchSpace(_domains, DEFAULTS, _defaults, LEARNING_RATE)
