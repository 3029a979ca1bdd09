"""The figures over epochs: drawn from numbers that were computed elsewhere, for the caller to save."""

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from study.reporting import wording
from study.reporting.drawing import legends, marks, style
from study.reporting.drawing.style import Moments


class Shown(NamedTuple):
    """What is drawn over epochs: a column of the data, and how it is written."""

    column: str
    title: str
    label: str
    in_percent: bool


def together(runs: pd.DataFrame, means: pd.DataFrame, shown: Shown, moments: Moments) -> Figure:
    """All methods in one panel: seeds thin, their mean bold, re-learning moments as vertical lines.

    `runs` has one row per method, seed and epoch, `means` one per method and epoch.
    """
    style_of = style.styles(list(dict.fromkeys(means["method"])))
    figure, (axes,) = style.panels(style.PAGE, 1)
    marks.curves(axes, runs, means, shown.column, style_of)
    marks.moments(axes, moments, style_of)
    axes.set_title(shown.title, pad=9)
    _scale([axes], shown)
    style.outer([axes], shown.label, "epoch")
    legends.legend(figure, [], [*legends.method_keys(style_of), *legends.moment_key(moments)])
    return figure


def apart(runs: pd.DataFrame, means: pd.DataFrame, shown: Shown, moments: Moments, reference: str) -> Figure:
    """A panel per method, each with the mean of the reference: many methods in one would hide each other."""
    style_of = style.solid(style.styles(list(dict.fromkeys(means["method"]))))
    figure, panels = style.panels(style.PAGE, len(style_of))
    for axes, method in zip(panels, style_of, strict=True):
        if method != reference:
            marks.curve(axes, means[means["method"] == reference], shown.column, style.REFERENCE)
        own, mean = runs[runs["method"] == method], means[means["method"] == method]
        marks.curves(axes, own, mean, shown.column, style_of)
        marks.moments(axes, {method: moments.get(method, ())}, style_of)
        axes.set_title(wording.broken(wording.method(method)), pad=9)
    _scale(panels, shown)
    style.outer(panels, shown.label, "epoch")
    base = legends.line(f"mean of {wording.method(reference).lower()}", style.REFERENCE)
    entries = [legends.line("mean", (style.INK, "o", "-")), legends.thin("one seed"), base]
    legends.legend(figure, [], [*entries, *legends.moment_key(moments)])
    figure.suptitle(shown.title)
    return figure


def purity(runs: pd.DataFrame, means: pd.DataFrame, moments: Moments) -> Figure:
    """Gap between training and validation purity per epoch, a panel per modality, beside its noise floor.

    `runs` has one row per method, modality, seed and epoch, `means` the same without seed; both hold `gap`,
    `means` also `noise_floor`.
    """
    names = list(dict.fromkeys(means["modality"]))
    style_of = style.styles(list(dict.fromkeys(means["method"])))
    figure, panels = style.panels(style.PAGE if len(names) > 1 else style.COLUMN, len(names))
    for axes, name in zip(panels, names, strict=True):
        own = means[means["modality"] == name]
        marks.curves(axes, runs[runs["modality"] == name], own, "gap", style_of)
        for method, part in own.groupby("method", sort=False):
            axes.plot(part["epoch"], part["noise_floor"], color=style_of[str(method)][0], lw=1.1, ls=":")
        marks.moments(axes, moments, style_of)
        axes.set_title(wording.plain(name), pad=9)
        axes.set_ylim(bottom=0)
    style.alike(panels)
    style.outer(panels, "purity gap", "epoch")
    floor = Line2D([], [], color=style.INK, lw=1.1, ls=":", label="noise floor of the gap")
    legends.legend(figure, [], [*legends.method_keys(style_of), floor, *legends.moment_key(moments)])
    return figure


def heads(method: str, runs: pd.DataFrame, means: pd.DataFrame) -> Figure:
    """Validation accuracy of all heads and of all but the newest, above the number of heads, per modality.

    `runs` has one row per modality, seed and epoch, `means` one per modality and epoch; both hold `heads`,
    `accuracy_all` and `accuracy_earlier`.
    """
    names = list(dict.fromkeys(means["modality"]))
    figure, (upper, lower) = style.over(2.5, 1.1, len(names))
    for name, top, foot in zip(names, upper, lower, strict=True):
        own, mean = runs[runs["modality"] == name], means[means["modality"] == name]
        for column, look in style.HEADS.items():
            _faint(top, own, column, look[0], "default")
            top.plot(mean["epoch"], mean[column], color=look[0], ls=look[2])
        _faint(foot, own, "heads", style.GREY, "steps-mid")
        foot.plot(mean["epoch"], mean["heads"], color=style.INK, ds="steps-mid")
        top.set_title(wording.plain(name))
        style.epochs(foot)
        style.epochs(top)
    for row, label in ((upper, "validation accuracy (%)"), (lower, "heads")):
        style.alike(row)
        style.outer(row, label, "epoch" if row is lower else "")
    for axes in upper:
        style.percent(axes, axes.get_ylabel())
    for axes in lower:
        style.whole(axes)
    figure.suptitle(f"{wording.method(method)}: heads of each modality")
    entries = [legends.line(label, style.HEADS[column]) for column, label in _HEADS.items()]
    legends.legend(figure, [], [*entries, legends.thin("one seed")])
    return figure


_HEADS = {"accuracy_all": "all heads, mean", "accuracy_earlier": "all but the newest, mean"}


def _faint(axes: Axes, runs: pd.DataFrame, column: str, colour: str, drawn: str) -> None:
    """A thin line per seed, drawn straight or in steps."""
    for _, run in runs.groupby("seed", sort=False):
        axes.plot(run["epoch"], run[column], color=colour, lw=0.7, alpha=0.4, drawstyle=drawn)


def _scale(panels: Sequence[Axes], shown: Shown) -> None:
    style.alike(panels)
    for axes in panels:
        if shown.in_percent:
            style.percent(axes, "")
        else:
            axes.set_ylim(bottom=0)
