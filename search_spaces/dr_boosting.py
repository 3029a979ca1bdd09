"""Boosting with Diagnosing & Re-learning on top: the settings of both."""

from collections.abc import Sequence
from typing import Any

from search_spaces.boosting import boosting
from search_spaces.diagnose_relearn import diagnose_relearn
from search_spaces.space import SearchSpace

DEFAULTS = {**diagnose_relearn.DEFAULTS, **boosting.DEFAULTS}
"""Published for each by itself; of the two learning rates boosting's, whose losses are trained."""


def _domains(modalities: Sequence[str], epochs: int) -> dict[str, Any]:
    """Domains for the named modalities and a budget of `epochs`."""
    return {**diagnose_relearn(epochs), **boosting(modalities, epochs)}


def _defaults(modalities: Sequence[str], epochs: int) -> dict[str, Any]:
    """The published values, with both periods scaled to `epochs` epochs."""
    return {**diagnose_relearn.defaults(epochs), **boosting.defaults(modalities, epochs)}


NOTATION = {**diagnose_relearn.notation, **boosting.notation}
PAIRS = (*diagnose_relearn.pairs, *boosting.pairs)
dr_boosting = SearchSpace(_domains, DEFAULTS, _defaults, NOTATION, PAIRS, boosting.floors)
