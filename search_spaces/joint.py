"""Joint training, and each modality alone: only the learning rate is searched."""

from typing import Any

from search_spaces.space import LEARNING_RATE, SearchSpace, learning_rate

DEFAULTS = {"lr": 2e-3}
"""Published for CREMA-D."""


def _domains() -> dict[str, Any]:
    """Domains of joint training."""
    return {"lr": learning_rate()}


def _defaults() -> dict[str, Any]:
    """The published values; none of them depends on the number of epochs."""
    return dict(DEFAULTS)


joint = SearchSpace(_domains, DEFAULTS, _defaults, LEARNING_RATE)
