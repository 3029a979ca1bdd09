"""What each modality is worth to a model: Shapley values over the modalities that it is shown."""

from collections.abc import Iterable, Mapping
from itertools import chain, combinations
from math import comb

Coalition = frozenset[str]


def coalitions(names: Iterable[str]) -> list[Coalition]:
    """All subsets of the modalities, the empty one first."""
    of = list(names)
    return [*map(frozenset, chain.from_iterable(combinations(of, size) for size in range(len(of) + 1)))]


def contributions(worth: Mapping[Coalition, float]) -> dict[str, float]:
    """Shapley value of each modality, from what every coalition of them is worth (Shapley 1953).

    phi_m is the mean of v(S + m) - v(S) over the sizes of S, and for each size over all S without m. The
    values sum to the worth of all modalities minus that of none.
    """
    names = sorted(frozenset[str]().union(*worth))
    return {name: _contribution(name, worth, len(names)) for name in names}


def _contribution(name: str, worth: Mapping[Coalition, float], count: int) -> float:
    gains = (
        (worth[others | {name}] - value) / comb(count - 1, len(others))
        for others, value in worth.items()
        if name not in others
    )
    return sum(gains) / count
