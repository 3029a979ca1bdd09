"""Diagnosing & Re-learning: learning rate, lambda, H (`every`) and the number of re-learnings."""

from typing import Any

from ray import tune

from search_spaces.space import SearchSpace

PUBLISHED_EPOCHS = 90
DEFAULTS = {"lr": 2e-3, "lam": 3.0, "every": 20, "max_relearnings": 3}
"""Published for CREMA-D and 90 epochs."""


def _domains(epochs: int) -> dict[str, Any]:
    """Domains for a budget of `epochs`: H lies in [1, epochs // 4], so that every trial re-learns early."""
    return {
        "lr": tune.loguniform(1e-3, 1e-1),
        "lam": tune.uniform(0.0, 10.0),
        "every": tune.randint(1, max(1, epochs // 4) + 1),  # the upper end is exclusive
        "max_relearnings": tune.randint(1, 6),
    }


def _defaults(epochs: int) -> dict[str, Any]:
    """The published values, with H scaled from 90 to `epochs` epochs."""
    scaled = round(DEFAULTS["every"] / PUBLISHED_EPOCHS * epochs)
    return {**DEFAULTS, "every": min(max(1, scaled), max(1, epochs // 4))}


diagnose_relearn = SearchSpace(_domains, DEFAULTS, _defaults)
