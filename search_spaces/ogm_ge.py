"""OGM-GE: learning rate, alpha, and the epochs between which gradients are modulated."""

from typing import Any

from ray import tune

from search_spaces.space import LEARNING_RATE, SearchSpace, learning_rate

PUBLISHED_EPOCHS = 100
DEFAULTS = {"lr": 1e-3, "alpha": 0.8, "begin": 0, "end": 51}
"""The release: 100 epochs, modulated in those numbered 0 to 50; its alpha for CREMA-D, .1 for VGGSound."""


def _domains(epochs: int) -> dict[str, Any]:
    """Domains for a budget of `epochs`: modulated from its first quarter on until its second half."""
    return {
        "lr": learning_rate(),
        "alpha": tune.uniform(0.05, 1.0),
        "begin": tune.randint(0, epochs // 4 + 1),
        "end": tune.randint(max(1, epochs // 2), epochs + 1),
    }


def _defaults(epochs: int) -> dict[str, Any]:
    """The published values, with the end scaled from 100 to `epochs` epochs."""
    return {**DEFAULTS, "end": max(1, epochs * int(DEFAULTS["end"]) // PUBLISHED_EPOCHS)}


NOTATION = {
    **LEARNING_RATE,
    "alpha": ("\N{GREEK SMALL LETTER ALPHA}", "strength of the gradient modulation"),
    "begin": ("epochs before modulation", ""),
    "end": ("epochs after which modulation ends", ""),
    "noise": ("generalisation enhancement", ""),
}
ogm_ge = SearchSpace(_domains, DEFAULTS, _defaults, NOTATION)
