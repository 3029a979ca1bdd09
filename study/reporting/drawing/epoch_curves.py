"""Curves over epochs: drawn from numbers that were computed elsewhere, for the caller to save."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.analysis import trial_tables
from study.reporting import wording
from study.reporting.drawing import legends, marks, style
from study.reporting.drawing.style import Look, Moments

MOST_CURVES = 4  # that can be told apart in one panel


class EpochCurve(NamedTuple):
    """What is drawn over epochs: a column of the data, and how it is written."""

    column: str
    title: str
    label: str
    in_percent: bool


def over_epochs(
    runs: pd.DataFrame,
    means: pd.DataFrame,
    curve: EpochCurve,
    looks: Mapping[str, Look],
    *,
    reference: str,
    moments: Moments,
) -> Figure:
    """A few methods in one panel, or many in a panel each, beside the mean of `reference`.

    `runs` has one row per method, seed and epoch, `means` one per method and epoch.
    """
    if len(looks) <= MOST_CURVES:
        return _together(runs, means, curve, looks, moments)
    return _apart(runs, means, curve, looks, reference, moments)


def per_modality(
    runs: pd.DataFrame, column: str, looks: Mapping[str, Look], moments: Moments
) -> tuple[Figure, dict[str, Axes]]:
    """A panel per modality: seeds thin, their mean bold, re-learning moments as vertical lines.

    `runs` has one row per method, seed, modality and epoch.
    """
    shown = trial_tables.measured_by_all(runs, ["method", "modality"])
    means = trial_tables.mean_by(shown, ["method", "modality", "epoch"], [column])
    names = list(dict.fromkeys(means["modality"]))
    figure, panels = style.panels(style.PAGE if len(names) > 1 else style.COLUMN, len(names))
    for axes, name in zip(panels, names, strict=True):
        marks.curves(axes, shown[shown["modality"] == name], means[means["modality"] == name], column, looks)
        marks.moments(axes, moments, looks)
        axes.set_title(wording.plain(name), pad=9)
    style.alike(panels)
    return figure, dict(zip(names, panels, strict=True))


def column(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """The rows that have a number in this column, which may be missing altogether."""
    return frame.dropna(subset=[name]) if name in frame else frame.iloc[:0]


def _together(
    runs: pd.DataFrame, means: pd.DataFrame, curve: EpochCurve, looks: Mapping[str, Look], moments: Moments
) -> Figure:
    """All methods in one panel: seeds thin, their mean bold, re-learning moments as vertical lines."""
    figure, (axes,) = style.panels(style.PAGE, 1)
    marks.curves(axes, runs, means, curve.column, looks)
    marks.moments(axes, moments, looks)
    axes.set_title(curve.title, pad=9)
    _scale([axes], curve)
    style.outer([axes], curve.label, "epoch")
    legends.legend(figure, [], [*legends.method_keys(looks.values()), *legends.moment_key(moments)])
    return figure


def _apart(
    runs: pd.DataFrame,
    means: pd.DataFrame,
    curve: EpochCurve,
    looks: Mapping[str, Look],
    reference: str,
    moments: Moments,
) -> Figure:
    """A panel per method, each with the mean of the reference: many methods in one would hide each other."""
    unbroken = style.solid(looks)
    figure, panels = style.panels(style.PAGE, len(looks))
    for axes, (method, look) in zip(panels, unbroken.items(), strict=True):
        if method != reference:
            marks.curve(axes, means[means["method"] == reference], curve.column, style.REFERENCE)
        seeds, mean = runs[runs["method"] == method], means[means["method"] == method]
        marks.curves(axes, seeds, mean, curve.column, unbroken)
        marks.moments(axes, {method: moments.get(method, ())}, unbroken)
        axes.set_title(wording.broken(look.label), pad=9)
    _scale(panels, curve)
    style.outer(panels, curve.label, "epoch")
    base = legends.line(f"mean of {wording.inside(looks[reference].label)}", style.REFERENCE)
    entries = [legends.line("mean", Look(style.INK, "o", "-")), legends.thin("one seed"), base]
    legends.legend(figure, [], [*entries, *legends.moment_key(moments)])
    figure.suptitle(curve.title)
    return figure


def _scale(panels: Sequence[Axes], curve: EpochCurve) -> None:
    style.alike(panels)
    for axes in panels:
        if curve.in_percent:
            style.percent(axes, "")
        else:
            axes.set_ylim(bottom=0)
