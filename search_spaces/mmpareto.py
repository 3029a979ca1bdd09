"""MMPareto: learning rate, and how much longer its steps are."""

from typing import Any

from ray import tune

from search_spaces.space import LEARNING_RATE, SearchSpace, learning_rate

DEFAULTS = {"lr": 2e-3, "gain": 1.5}
"""As released."""


def _domains() -> dict[str, Any]:
    """Domains of MMPareto."""
    return {"lr": learning_rate(), "gain": tune.uniform(1.0, 2.5)}


def _defaults() -> dict[str, Any]:
    """The published values."""
    return dict(DEFAULTS)


NOTATION = {
    **LEARNING_RATE,
    "gain": ("\N{GREEK SMALL LETTER GAMMA}", "how many times longer steps of encoders are"),
    "per": ("lengths compared by", ""),
}
mmpareto = SearchSpace(_domains, DEFAULTS, _defaults, NOTATION, pairs=(("lr", "gain"),))
