"""Names of metrics as trainers log them, and which of them are fractions."""

from typing import Final

METRICS: Final = ("accuracy", "macro_f1")
"""What every run reports, on validation and on test."""
PLAIN_NUMBERS: Final = ("mae", "correlation")
"""Metrics of a regression that are no fractions."""
BINS: Final = "accuracy_"
"""Followed by the number of bins that a regression is scored in."""


def of_regression(name: str) -> bool:
    """Whether a metric is one that only a regression has."""
    return name in (*PLAIN_NUMBERS, "weighted_f1") or name.startswith(BINS)
