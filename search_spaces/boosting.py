"""Sustained boosting (AUG): learning rate, lambda (`smoothing`), threshold, period, rounds and weights."""

from collections.abc import Sequence
from typing import Any

from ray import tune

from search_spaces.space import (
    LEARNING_RATE,
    SearchSpace,
    learning_rate,
    period,
    scaled_period,
    weights,
)

PUBLISHED_EPOCHS = 200
DEFAULTS = {"lr": 1e-2, "smoothing": 0.5, "sigma": 1.0, "tau": 0.01, "period": 20, "max_heads": 10}
"""Published for CREMA-D and 200 epochs; modalities weigh the same in the prediction unless told otherwise.

The published step decay (.1 at epochs 69 and 139) is not among them: all methods of a study share a schedule,
constant unless `--set schedule=step` gives them another, so that no method is compared with a better one.
"""


def _domains(modalities: Sequence[str], epochs: int) -> dict[str, Any]:
    """Domains for the named modalities and a budget of `epochs`."""
    return {
        "lr": learning_rate(),
        "smoothing": tune.uniform(0.0, 1.0),
        "sigma": tune.uniform(1.0, 1.5),  # below 1 every modality would get a head every time
        "tau": tune.uniform(0.0, 0.5),
        "period": period(epochs),
        "max_heads": tune.randint(2, 11),
        **weights(modalities, tune.uniform(0.0, 1.0)),
    }


def _defaults(modalities: Sequence[str], epochs: int) -> dict[str, Any]:
    """The published values, with the period scaled from 200 to `epochs` epochs."""
    period = scaled_period(int(DEFAULTS["period"]), PUBLISHED_EPOCHS, epochs)
    return {**DEFAULTS, "period": period, **weights(modalities, 0.5)}


NOTATION = {
    **LEARNING_RATE,
    "smoothing": ("λ of the residual", "at 0 the earlier heads are ignored"),
    "sigma": ("\N{GREEK SMALL LETTER SIGMA}", "ratio of scores at which the weaker modality gets a head"),
    "tau": ("τ", "margin on top of that ratio"),
    "period": ("t_N", "epochs between assignments of heads"),
    "max_heads": ("most heads", "heads a modality may have"),
    "assignment": ("rule of assignment", ""),
    "assign_first": ("assignment after the first epoch", ""),
    "residual": ("form of the residual", ""),
    "step": ("order of the updates", ""),
}
PAIRS = (("sigma", "tau"), ("smoothing", "max_heads"))
boosting = SearchSpace(_domains, DEFAULTS, _defaults, NOTATION, PAIRS, floors=("sigma",))
boosting_no_heads = boosting.without("smoothing", "sigma", "tau", "period", "max_heads")
boosting_random = boosting.without("sigma", "tau")
boosting_tripled = boosting.without("smoothing", "max_heads")
