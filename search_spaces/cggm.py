"""CGGM: learning rate, scale of the encoders' gradients, and strength of the direction."""

from typing import Any

from ray import tune

from search_spaces.space import LEARNING_RATE, SearchSpace, learning_rate

DEFAULTS = {"lr": 1e-3, "rho": 1.3, "lam": 0.2}
"""As released for CMU-MOSI, with Adam and without a limit; lambda is .05 for UPMC-Food 101."""


def _domains() -> dict[str, Any]:
    """Domains of CGGM."""
    return {"lr": learning_rate(), "rho": tune.uniform(0.5, 2.5), "lam": tune.uniform(0.0, 0.5)}


def _defaults() -> dict[str, Any]:
    """The published values."""
    return dict(DEFAULTS)


NOTATION = {
    **LEARNING_RATE,
    "rho": ("\N{GREEK SMALL LETTER RHO}", "scale of the encoders' gradients"),
    "lam": ("\N{GREEK SMALL LETTER LAMDA}", "strength of the direction"),
    "limit": ("largest coefficient", ""),
}
cggm = SearchSpace(_domains, DEFAULTS, _defaults, NOTATION, pairs=(("lr", "rho"),))
