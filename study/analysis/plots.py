"""The figures of a study: drawn from numbers that were computed elsewhere, for the caller to save."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from study.analysis import looks, marks, words
from study.analysis.looks import Moments
from study.analysis.sensitivity import Importance, Point
from study.analysis.summary import Comparison, Measure


def save(figure: Figure, path: Path, *, sample: bool) -> None:
    """Write a figure as PNG; one of generated data says so on its face."""
    layout = figure.get_layout_engine()
    if sample and layout is not None:
        layout.set(rect=(0, 0, 1, 1 - 0.26 / figure.get_figheight()))  # type: ignore[call-arg]
        box = {"facecolor": "#FFE9A8", "edgecolor": "none", "pad": 2.5}
        mark = "SAMPLE: generated data, not a result"
        figure.text(0.992, 0.988, mark, ha="right", va="top", fontsize=7.5, fontweight="bold", bbox=box)
    figure.savefig(path)


def sensitivity(method: str, key: str, points: Sequence[Point], chosen: Any, joint: Measure) -> Figure:
    """Mean, interval and seeds at every swept value; incumbent ringed, joint training as a line."""
    figure, (axes,) = looks.panels(looks.COLUMN, 1)
    look = looks.styles([method])[method]
    at = looks.places(axes, [point.value for point in points])
    marks.reference(axes, joint, "joint training, its own best settings")
    drawn = [(x, point) for x, point in zip(at, points, strict=True) if point.interval.mean is not None]
    axes.plot([x for x, _ in drawn], [p.interval.mean or 0 for _, p in drawn], color=look[0], lw=1, alpha=0.6)
    for x, point in drawn:
        marks.interval(axes, x, point.interval, look)
        marks.seeds(axes, x, list(point.seeds.values()), look[0])
        if point.value == chosen and point.interval.mean is not None:
            marks.ring(axes, x, point.interval.mean)
    for x in [x for x, point in zip(at, points, strict=True) if point.lost]:
        marks.lost(axes, x)
    axes.set_xlabel(words.axis(key))
    axes.set_title(f"{words.method(method)}: sensitivity to {words.key(key)}")
    looks.percent(axes, "validation accuracy (%)")
    looks.legend(
        figure, [axes], [looks.key("mean, 95 % interval", look), looks.dots("one seed"), looks.ring_key()]
    )
    return figure


def purity(runs: pd.DataFrame, means: pd.DataFrame, moments: Moments) -> Figure:
    """Gap between training and validation purity per epoch, a panel per modality, beside its noise floor.

    `runs` has one row per method, modality, seed and epoch, `means` the same without seed; both hold `gap`,
    `means` also `noise_floor`.
    """
    names = list(dict.fromkeys(means["modality"]))
    style_of = looks.styles(list(dict.fromkeys(means["method"])))
    figure, panels = looks.panels(looks.PAGE if len(names) > 1 else looks.COLUMN, len(names))
    for axes, name in zip(panels, names, strict=True):
        own = means[means["modality"] == name]
        marks.curves(axes, runs[runs["modality"] == name], own, "gap", style_of)
        for method, part in own.groupby("method", sort=False):
            axes.plot(part["epoch"], part["noise_floor"], color=style_of[str(method)][0], lw=1.1, ls=":")
        marks.moments(axes, moments, style_of)
        axes.set_title(words.plain(name), pad=9)
        axes.set_ylim(bottom=0)
    looks.alike(panels)
    looks.outer(panels, "purity gap")
    floor = Line2D([], [], color=looks.INK, lw=1.1, ls=":", label="noise floor of the gap")
    looks.legend(figure, [], [*looks.method_keys(style_of), floor, *looks.moment_key(moments)])
    return figure


def accuracy(runs: pd.DataFrame, means: pd.DataFrame, moments: Moments) -> Figure:
    """Validation accuracy per epoch: seeds thin, their mean bold, re-learning moments as vertical lines."""
    style_of = looks.styles(list(dict.fromkeys(means["method"])))
    figure, (axes,) = looks.panels(looks.PAGE, 1)
    marks.curves(axes, runs, means, "validation/accuracy", style_of)
    marks.moments(axes, moments, style_of)
    axes.set_title("Validation accuracy during the confirm runs", pad=9)
    looks.percent(axes, "validation accuracy (%)")
    looks.legend(figure, [], [*looks.method_keys(style_of), *looks.moment_key(moments)])
    return figure


def modalities(scores: Mapping[str, Mapping[str, Measure]], split: str, chance: float | None) -> Figure:
    """Accuracy of a linear probe per modality beside the prediction from all of them, method by method."""
    groups = list(dict.fromkeys(name for measures in scores.values() for name in measures))
    figure, (axes,) = looks.panels(looks.COLUMN if len(groups) < 4 else looks.PAGE, 1)
    style_of = looks.styles(list(scores))
    for (method, measures), shift in zip(scores.items(), looks.dodge(len(scores)), strict=True):
        for place, group in enumerate(groups):
            if group in measures:
                marks.measure(axes, place + shift, measures[group], style_of[method])
    if chance is not None:
        axes.axhline(chance, color=looks.INK, lw=0.9, ls=":", label="chance")
    axes.set_xticks(range(len(groups)), [words.plain(group) for group in groups])
    axes.set_xlim(-0.5, len(groups) - 0.5)
    axes.grid(visible=False, axis="x")
    axes.set_title("Each modality alone (linear probe) and together")
    looks.percent(axes, f"{split} accuracy (%)")
    looks.legend(figure, [axes], [*looks.method_keys(style_of, lines=False), looks.dots("one seed")])
    return figure


def comparison(
    scores: Mapping[str, Mapping[str, Measure]], compared: Sequence[Comparison], split: str, protocol: str
) -> Figure:
    """Accuracy and macro-F1 per method, and the paired differences in accuracy to the baseline."""
    figure, panels = looks.panels(looks.PAGE, 3 if compared else 2, height=1.5 + 0.5 * len(scores))
    style_of = looks.styles(list(scores))
    for axes, metric in zip(panels, ("accuracy", "macro_f1"), strict=False):
        marks.rows(axes, {method: measures[metric] for method, measures in scores.items()}, style_of)
        axes.set_xlabel(f"{split} {words.metric(metric)} (%)")
        looks.possible(axes, 0, 1)
    if compared:
        order = {list(scores).index(one.method): one for one in compared}
        marks.differences(panels[2], order, style_of)
        panels[2].set_xlabel(
            f"accuracy minus {words.method(compared[0].baseline).lower()}\n(points, same seeds)"
        )
    figure.suptitle(f"Methods on {split}, {protocol} protocol")
    for axes in panels[1:]:
        axes.set_yticks(range(len(scores)), [""] * len(scores))
        axes.set_ylim(panels[0].get_ylim())
        axes.grid(visible=False, axis="y")
    entries = [
        looks.key("mean, 95 % interval", (looks.INK, "o", "-")),
        looks.dots("one seed; lines join equal seeds"),
    ]
    looks.legend(figure, [], entries)
    return figure


def history(trials: pd.DataFrame) -> Figure:
    """Value of every search trial in the order of proposal, and the best completed one so far, per method.

    Columns: method, number, value, status and `best` (running maximum over completed trials).
    """
    methods = list(dict.fromkeys(trials["method"]))
    figure, panels = looks.panels(looks.PAGE if len(methods) > 1 else looks.COLUMN, len(methods))
    for axes, method in zip(panels, methods, strict=True):
        marks.trials(axes, trials[trials["method"] == method])
        axes.set_title(f"{words.method(method)}: search")
    looks.alike(panels)
    for axes in panels:
        looks.percent(axes, "")
    looks.outer(panels, "best validation accuracy (%)")
    looks.legend(figure, [], looks.ending_keys(list(trials["status"])))
    return figure


def importance(method: str, found: Sequence[Importance]) -> Figure:
    """Share of every hyperparameter, beside what the same trials give with their values permuted."""
    figure, (axes,) = looks.panels(looks.COLUMN, 1, height=1.6 + 0.32 * len(found))
    at = list(range(len(found)))
    colour = looks.styles([method])[method][0]
    bars = axes.barh(at, [one.share for one in found], height=0.55, color=colour, label="measured")
    axes.hlines(at, [o.floor for o in found], [o.floor_high for o in found], color=looks.INK, lw=1.2)
    mean = axes.plot(
        [o.floor for o in found], at, "D", ms=4.5, color=looks.INK, mec="white", label="noise: mean"
    )
    high = axes.plot(
        [o.floor_high for o in found], at, "|", ms=9, mew=1.4, color=looks.INK, label="noise: 95th percentile"
    )
    axes.set_yticks(at, [words.key(one.key) for one in found])
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set_xlim(left=0)
    axes.xaxis.set_major_formatter(looks.in_percent)
    axes.set_xlabel("share of importance (%)")
    axes.set_title(f"{words.method(method)}: importance in the search")
    looks.legend(figure, [], [bars, *mean, *high])
    return figure
