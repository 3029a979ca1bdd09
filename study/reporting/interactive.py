"""A page of its own on which the trials of each search are explored: Optuna's plots, drawn by plotly.

It holds plotly whole, 5 MB, and needs no network.
"""

import json
from collections.abc import Sequence
from typing import Any

import optuna
from jinja2 import Environment, PackageLoader, StrictUndefined
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial
from optuna.visualization import plot_intermediate_values, plot_parallel_coordinate, plot_slice
from plotly.colors import sample_colorscale
from plotly.offline import get_plotlyjs

from study.analysis.importance import quiet, varied
from study.analysis.metric_names import PLAIN_NUMBERS
from study.analysis.results import Results
from study.analysis.sweeps import hashable
from study.records.trial_record import Record
from study.reporting import wording

FILE = "interactive.html"
STATES = {"completed": TrialState.COMPLETE, "pruned": TrialState.PRUNED}
"""Trials that reach a value; others are not drawn."""
SCALE = ("#d55e00", "#8f4e86", "#08306b")
"""From the lowest value to the highest: all of it is seen on white, where Optuna's own scale begins."""
Plot = dict[str, Any]  # data and layout, as plotly takes them


def render(results: Results) -> str:
    """The page, with the plots of every method of which a search trial has completed."""
    searched = [method for method, trials in results.chosen.searched.items() if trials]
    plots = {results.settings.label(method): _plots(results, method) for method in searched}
    loader = PackageLoader("study.reporting", ".")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return environment.get_template(FILE).render(
        study=results.settings.study,
        is_sample=results.settings.data.is_sample,
        plots=plots,
        plotly=get_plotlyjs() if plots else "",
    )


def _plots(results: Results, method: str) -> list[Plot]:
    """Parallel coordinates and slices of completed trials, and learning curves of pruned ones too."""
    metric = results.settings.judged_by.name
    score = wording.with_unit(f"validation {wording.metric(metric)}", metric, "%")
    search = _search(results, method)
    parallel = plot_parallel_coordinate(search, target_name=score)
    slices = plot_slice(search, target_name=score)
    curves = plot_intermediate_values(search)
    parallel.update_layout(title="Configurations and what they reach")
    _recolour(parallel)
    for each in slices.data:
        each.marker.colorscale = SCALE
    slices.update_layout(title=f"Best {score} against each hyperparameter")
    for curve in curves.data:
        curve.name = curve.name.replace("Trial", "trial ")
    curves.update_layout(title="Learning curves", xaxis_title="epoch", yaxis_title=score, showlegend=True)
    return [json.loads(figure.to_json()) for figure in (parallel, slices, curves)]


def _recolour(parallel: Any) -> None:
    """Draw each line in the colour of its score, the height at which it leaves the first axis."""
    for line in parallel.data:
        if line.mode == "lines":
            (line.line.color,) = sample_colorscale(SCALE, [line.y[0]])
            line.opacity = 0.8
        else:
            line.marker.colorscale = SCALE


def _search(results: Results, method: str) -> optuna.Study:
    """The trials of a search by the names of the papers, with scores as reports show them."""
    larger = results.settings.judged_by.sign > 0
    with quiet():
        study = optuna.create_study(direction=StudyDirection.MAXIMIZE if larger else StudyDirection.MINIMIZE)
    study.add_trials(_trials(results, method))
    return study


def _trials(results: Results, method: str) -> Sequence[FrozenTrial]:
    begun = results.chosen.trials("search", method)
    trials = [trial for trial in begun if trial.status in STATES and trial.value is not None]
    notation = results.settings.method(method).search.notation
    space = varied([trial.config for trial in trials])
    names = {key: wording.symbol(key, notation) for key in space}
    return [
        create_trial(
            state=STATES[trial.status],
            value=_shown(results, results.settings.judged_by.score(trial.value or 0.0)),
            params={name: hashable(trial.config[key]) for key, name in names.items()},
            distributions={name: space[key] for key, name in names.items()},
            intermediate_values=_curve(results, trial),
        )
        for trial in trials
    ]


def _curve(results: Results, trial: Record) -> dict[int, float]:
    """Epoch -> validation score, where it was measured."""
    name = f"validation/{results.settings.judged_by.name}"
    return {n: _shown(results, metrics[name]) for n, metrics in trial.epochs.items() if name in metrics}


def _shown(results: Results, score: float) -> float:
    """A fraction in percent, any other number as it is."""
    return score if results.settings.judged_by.name in PLAIN_NUMBERS else 100 * score
