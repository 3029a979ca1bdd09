"""Names of metrics as trainers log them, and which of them are fractions."""

from collections.abc import Sequence
from typing import Final

from study.analysis.statistics import Interval, fraction_interval, mean_interval
from trainables.multimodal.tasks import LOSS

METRICS: Final = ("accuracy", "macro_f1")
"""What every run reports, on validation and on test."""
REGRESSION_NUMBERS: Final = ("mae", "correlation")
"""Metrics of a regression that are no fractions."""
PLAIN_NUMBERS: Final = (*REGRESSION_NUMBERS, LOSS)
"""All that are none."""
SIGNED: Final = ("contribution",)
"""Shares of an accuracy that may be below zero."""
BINS: Final = "accuracy_"
"""Followed by the number of bins that a regression is scored in."""


def of_regression(name: str) -> bool:
    """Whether a metric is one that only a regression has."""
    return name in (*REGRESSION_NUMBERS, "weighted_f1") or name.startswith(BINS)


def is_fraction(metric: str) -> bool:
    """Whether a metric never leaves 0..1."""
    return metric not in (*PLAIN_NUMBERS, *SIGNED)


def interval_over_seeds(values: Sequence[float], metric: str) -> Interval:
    """Mean of a metric with its 95 % interval; that of a fraction never leaves 0..1."""
    return fraction_interval(values) if is_fraction(metric) else mean_interval(values)
