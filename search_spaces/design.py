"""Points that fill a search space evenly, for a map of what its hyperparameters do."""

import math
from collections.abc import Mapping
from typing import Any, Final

from ray.tune.search.sample import Categorical, Integer
from scipy.stats import qmc

from search_spaces.space import is_logarithmic

SEED: Final = 0
"""Of the scrambling: the same space has the same points in every study."""
DIGITS: Final = 6
"""Significant digits of a number, so that machines whose last bit differs agree on the points."""


def sobol(space: Mapping[str, Any], points: int) -> list[dict[str, Any]]:
    """The first `points` of a scrambled Sobol sequence over a dict of ray.tune domains, each once.

    More points begin with the same. Powers of two fill the space most evenly. Points that agree, as those of
    a few whole numbers may, are one.
    """
    if not space or points < 1:
        return []
    keys = sorted(space)
    rows = qmc.Sobol(len(keys), rng=SEED).random_base2(math.ceil(math.log2(points)))[:points].tolist()
    drawn = [{key: quantile(space[key], share) for key, share in zip(keys, row, strict=True)} for row in rows]
    return list({repr(point): point for point in drawn}.values())


def quantile(domain: Any, share: float) -> Any:
    """The value below which a `share` in [0, 1) of a domain's draws lies; of a choice, the one there."""
    if isinstance(domain, Categorical):
        return domain.categories[int(share * len(domain.categories))]
    low, high, step = domain.lower, domain.upper, getattr(domain.get_sampler(), "q", None)
    value = low * (high / low) ** share if is_logarithmic(domain) else low + share * (high - low)
    if step is not None:
        value = min(max(round(value / step) * step, low), high)
    if isinstance(domain, Integer):
        return math.floor(value)
    return min(max(float(f"{value:.{DIGITS}g}"), low), high)
