"""Joint training: only the learning rate is searched."""

from typing import Any

from ray import tune

from search_spaces.space import SearchSpace

DEFAULTS = {"lr": 2e-3}
"""Published for CREMA-D."""


def _domains() -> dict[str, Any]:
    """Domains of joint training."""
    return {"lr": tune.loguniform(1e-3, 1e-1)}


def _defaults(epochs: int) -> dict[str, Any]:
    """The published values; none of them depends on the number of epochs."""
    return dict(DEFAULTS)


joint = SearchSpace(_domains, DEFAULTS, _defaults)
