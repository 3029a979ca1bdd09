"""Whether a search ended at the edge of its range, beyond which better values may lie."""

from dataclasses import dataclass
from typing import Any

from search_spaces.space import upper_end
from study.analysis.chosen_runs import ChosenRuns


@dataclass(frozen=True)
class Edge:
    """A hyperparameter whose best value lies at an end of its range."""

    method: str
    key: str
    value: Any
    is_upper: bool


def at_edges(chosen: ChosenRuns) -> list[Edge]:
    """The incumbents' values that lie at an end of what was searched."""
    return [
        Edge(method, key, best.config[key], is_upper)
        for method, best in chosen.incumbents.items()
        for key, domain in chosen.settings.space(method).items()
        if key in best.config and (is_upper := upper_end(domain, best.config[key])) is not None
        if is_upper or key not in chosen.settings.method(method).search.floors
    ]
