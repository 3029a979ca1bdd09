"""MLA: only the learning rate is searched."""

from typing import Any

from search_spaces.space import LEARNING_RATE, SearchSpace, learning_rate

DEFAULTS = {"lr": 1e-3}
"""As released."""


def _domains() -> dict[str, Any]:
    """Domains of MLA."""
    return {"lr": learning_rate()}


def _defaults() -> dict[str, Any]:
    """The published value."""
    return dict(DEFAULTS)


mla = SearchSpace(_domains, DEFAULTS, _defaults, LEARNING_RATE)
