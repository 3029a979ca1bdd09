"""The surface of every method, from its trials of the stage `surface`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np
from ray.tune.search.optuna import OptunaSearch

from study.analysis.chosen_runs import ChosenRuns
from study.analysis.design_axes import Array, Domain, axis, points
from study.analysis.gaussian_process import FRACTION, POSITIVE
from study.analysis.metric_names import is_fraction
from study.analysis.selection import on_validation
from study.analysis.surface import PairMap, Surface, surface
from study.analysis.sweeps import hashable
from study.records.trial_record import Record

ENDED = ("completed", "diverged", "failed")


@dataclass(frozen=True)
class MethodSurface:
    """A method's validation score over its search space, from a design at full budget."""

    method: str
    surface: Surface
    pairs: Sequence[PairMap]
    """Its maps, those of pairs that the search space names first, then by their interaction."""
    lost: Array
    """Points [n, axes] without a score: every run of them diverged or failed."""
    seeds: int
    """Most seeds of a point."""


def surfaces(chosen: ChosenRuns) -> dict[str, MethodSurface]:
    """The surface of every method that has trials of a design."""
    found = {method: _surface(chosen, method) for method in chosen.methods}
    return {method: one for method, one in found.items() if one is not None}


def _surface(chosen: ChosenRuns, method: str) -> MethodSurface | None:
    ended = [trial for trial in chosen.trials("surface", method) if trial.status in ENDED]
    if not ended:
        return None
    domains = _domains(chosen, method, ended)
    grouped: dict[tuple[Any, ...], list[Record]] = {}
    for trial in ended:
        grouped.setdefault(tuple(hashable(trial.config[key]) for key in domains), []).append(trial)
    score = chosen.settings.judged_by.name
    reached = {at: _scores(trials, score) for at, trials in grouped.items()}
    known = {at: values for at, values in reached.items() if values}
    if not domains or not known:
        return None
    configs = {at: grouped[at][0].config for at in grouped}
    lost = [configs[at] for at in grouped if at not in known]
    found = surface(
        [axis(key, domain) for key, domain in domains.items()],
        points([configs[at] for at in known], domains),
        np.array([fmean(values) for values in known.values()]),
        FRACTION if is_fraction(score) else POSITIVE,
    )
    return MethodSurface(
        method,
        found,
        _ordered(found.maps, chosen.settings.method(method).search.pairs),
        points(lost, domains).reshape(-1, len(domains)),
        max(map(len, known.values())),
    )


def _domains(chosen: ChosenRuns, method: str, trials: Sequence[Record]) -> Mapping[str, Domain]:
    """Domains of the hyperparameters that the design varies."""
    space: dict[str, Domain] = OptunaSearch.convert_search_space(chosen.settings.space(method))
    tried = {key: {hashable(t.config[key]) for t in trials if key in t.config} for key in space}
    return {key: domain for key, domain in space.items() if len(tried[key]) > 1}


def _scores(trials: Sequence[Record], score: str) -> list[float]:
    """Validation scores of the completed runs of a point."""
    completed = [on_validation(trial) for trial in trials if trial.status == "completed"]
    return [metrics[score] for metrics in completed if score in metrics]


def _ordered(maps: Sequence[PairMap], named: Sequence[tuple[str, str]]) -> list[PairMap]:
    pairs = [frozenset(pair) for pair in named]

    def rank(one: PairMap) -> int:
        pair = frozenset((one.first.key, one.second.key))
        return pairs.index(pair) if pair in pairs else len(pairs)

    return sorted(maps, key=rank)
