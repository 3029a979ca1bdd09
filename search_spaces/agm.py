"""AGM: learning rate and strength of the modulation."""

from typing import Any

from ray import tune

from search_spaces.space import LEARNING_RATE, SearchSpace, learning_rate

DEFAULTS = {"lr": 1e-3, "alpha": 1.0}
"""The release's strength; its learning rate for CREMA-D is not published, and this is where we begin."""


def _domains() -> dict[str, Any]:
    """Domains of AGM; the modulation lasts for the whole training."""
    return {"lr": learning_rate(), "alpha": tune.uniform(0.1, 3.0)}


def _defaults() -> dict[str, Any]:
    """Where a search begins."""
    return dict(DEFAULTS)


NOTATION = {
    **LEARNING_RATE,
    "alpha": ("\N{GREEK SMALL LETTER ALPHA}", "strength of the gradient modulation"),
    "begin": ("epochs before modulation", ""),
    "end": ("epochs after which modulation ends", ""),
}
agm = SearchSpace(_domains, DEFAULTS, _defaults, NOTATION, pairs=(("lr", "alpha"),))
