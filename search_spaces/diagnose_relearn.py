"""Diagnosing & Re-learning: learning rate, lambda, H (`every`) and the number of re-learnings."""

from typing import Any

from ray import tune

from search_spaces.space import LEARNING_RATE, SearchSpace, learning_rate, period, scaled_period

PUBLISHED_EPOCHS = 90
DEFAULTS = {"lr": 2e-3, "lam": 3.0, "every": 20, "max_relearnings": 3}
"""Published for CREMA-D and 90 epochs."""


def _domains(epochs: int) -> dict[str, Any]:
    """Domains for a budget of `epochs`."""
    return {
        "lr": learning_rate(),
        "lam": tune.uniform(0.0, 10.0),
        "every": period(epochs),
        "max_relearnings": tune.randint(1, 6),
    }


def _defaults(epochs: int) -> dict[str, Any]:
    """The published values, with H scaled from 90 to `epochs` epochs."""
    return {**DEFAULTS, "every": scaled_period(int(DEFAULTS["every"]), PUBLISHED_EPOCHS, epochs)}


NOTATION = {
    **LEARNING_RATE,
    "lam": ("λ", "scale of the re-learning strength"),
    "every": ("H", "epochs between re-learnings"),
    "max_relearnings": ("R", "largest number of re-learnings"),
    "gap": ("gap", "purity gap that the strength follows"),
    "n_init": ("restarts", "of the k-means that purity is measured with"),
}
PAIRS = (("lam", "every"),)
diagnose_relearn = SearchSpace(_domains, DEFAULTS, _defaults, NOTATION, PAIRS)
