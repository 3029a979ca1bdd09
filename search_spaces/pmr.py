"""PMR: learning rate, strength of the prototypes' loss, and how many epochs it lasts."""

from typing import Any

from ray import tune

from search_spaces.space import LEARNING_RATE, SearchSpace, learning_rate

PUBLISHED_EPOCHS = 150
DEFAULTS = {"lr": 1e-3, "alpha": 1.0, "end": 100}
"""The release: 150 epochs, the prototypes' loss until the 100th. Its learning rate of 1e-4 is below what any
method searches here, so that a search begins at the lowest."""


def _domains(epochs: int) -> dict[str, Any]:
    """Domains for a budget of `epochs`: the prototypes' loss lasts until its second half."""
    return {
        "lr": learning_rate(),
        "alpha": tune.uniform(0.1, 3.0),
        "end": tune.randint(max(1, epochs // 2), epochs + 1),
    }


def _defaults(epochs: int) -> dict[str, Any]:
    """The published values, with the end scaled from 150 to `epochs` epochs."""
    return {**DEFAULTS, "end": max(1, epochs * int(DEFAULTS["end"]) // PUBLISHED_EPOCHS)}


NOTATION = {
    **LEARNING_RATE,
    "alpha": ("\N{GREEK SMALL LETTER ALPHA}", "strength of the prototypes' loss"),
    "memory": ("\N{GREEK SMALL LETTER MU}", "what prototypes keep of earlier epochs"),
    "end": ("epochs with the prototypes' loss", ""),
}
pmr = SearchSpace(_domains, DEFAULTS, _defaults, NOTATION, pairs=(("lr", "alpha"),))
