"""What early stopping costs: whether a rung tells the end, what was saved, what was thrown away."""

from collections.abc import Sequence

import numpy as np
from scipy import stats

LEAST_RANKED = 3  # trials of a rank correlation


def rank_correlation(rung: Sequence[float], end: Sequence[float]) -> float | None:
    """Spearman's correlation of what trials have at a rung with what they end with.

    None for fewer than LEAST_RANKED trials, or where either has no spread.
    """
    if len(rung) < LEAST_RANKED or np.ptp(rung) == 0 or np.ptp(end) == 0:
        return None
    return float(stats.spearmanr(rung, end).statistic)
