"""The figures of a study: drawn from numbers that were computed elsewhere, for the caller to save."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from study.analysis.comparisons import Comparison
from study.analysis.summary import Measure
from study.analysis.sweeps import Importance, Point
from study.reporting import wording
from study.reporting.drawing import legends, marks, style
from trainables.multimodal.methods import UNIMODAL


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
    figure, (axes,) = style.panels(style.COLUMN, 1)
    look = style.styles([method])[method]
    at = style.places(axes, [point.value for point in points])
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
    axes.set_xlabel(wording.axis(key))
    axes.set_title(f"{wording.method(method)}: sensitivity to {wording.key(key)}")
    style.percent(axes, "validation accuracy (%)")
    legends.legend(
        figure,
        [axes],
        [legends.key("mean, 95 % interval", look), legends.dots("one seed"), legends.ring_key()],
    )
    return figure


def comparison(
    scores: Mapping[str, Mapping[str, Measure]],
    compared: Sequence[Comparison],
    split: str,
    baseline: str,
    notes: Mapping[str, str],
) -> Figure:
    """Accuracy and macro-F1 per method, and the paired differences in accuracy to the baseline.

    `scores` holds the methods from top to bottom, `notes` what to say of those without a number.
    """
    figure, panels = style.listed(3 if compared else 2, len(scores))
    style_of = style.styles(list(scores))
    order = list(scores)
    minor = [order.index(method) for method in order if method.startswith(UNIMODAL)]
    for axes, metric in zip(panels, ("accuracy", "macro_f1"), strict=False):
        shown = marks.rows(axes, {method: scores[method][metric] for method in order}, style_of)
        marks.close_up(axes, shown, minor)
        if baseline in scores and (mean := scores[baseline][metric]["mean"]) is not None:
            axes.axvline(mean, color=style.GREY, ls="--", lw=1.2, zorder=1)
        axes.set_xlabel(f"{split} {wording.metric(metric)} (%)")
        style.possible(axes, 0, 1)
    base = wording.method(baseline).lower()
    if compared:
        shown = marks.differences(panels[2], {order.index(one.method): one for one in compared}, style_of)
        marks.close_up(panels[2], {**shown, order.index(baseline): [0.0]}, minor)
        style.possible(panels[2], -1, 1)
        panels[2].set_xlabel(f"accuracy minus {base}\n(points, same seeds)")
    for method, text in notes.items():
        marks.note(panels[0], order.index(method), text)
    style.names(panels[0], order)
    for axes in panels[1:]:
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False, axis="y")
    entries = [legends.key("mean, 95 % interval", (style.INK, "o", "-")), legends.dots("one seed")]
    legends.legend(figure, [], [*entries, Line2D([], [], color=style.GREY, ls="--", lw=1.2, label=base)])
    return figure


def modalities(
    scores: Mapping[str, Mapping[str, Measure]], together: str, split: str, chance: float | None
) -> Figure:
    """Accuracy of a linear probe on each modality, and of what is named `together`, a row per method."""
    found = dict.fromkeys(name for measures in scores.values() for name in measures)
    names = [name for name in found if name != together]
    style_of = style.modality_styles(names) | {together: (style.INK, "D", "-")}
    figure, (axes,) = style.listed(1, len(scores))
    for place, measures in enumerate(scores.values()):
        marks.spread(axes, place, measures, style_of)
    entries = [legends.key(wording.plain(name), style_of[name]) for name in style_of]
    if chance is not None:
        entries.append(axes.axvline(chance, color=style.INK, lw=0.9, ls=":", label="chance"))
    style.names(axes, list(scores))
    axes.set_title("Each modality alone (linear probe), and the method")
    axes.set_xlabel(f"{split} accuracy (%)")
    style.possible(axes, 0, 1)
    legends.legend(figure, [], entries)
    return figure


def history(trials: pd.DataFrame) -> Figure:
    """Value of every search trial in the order of proposal, and the best completed one so far, per method.

    Columns: method, number, value, status and `best` (running maximum over completed trials).
    """
    methods = list(dict.fromkeys(trials["method"]))
    figure, panels = style.panels(style.PAGE if len(methods) > 1 else style.COLUMN, len(methods))
    for axes, method in zip(panels, methods, strict=True):
        marks.trials(axes, trials[trials["method"] == method])
        axes.set_title(wording.broken(wording.method(method)))
    style.alike(panels)
    for axes in panels:
        style.percent(axes, "")
    style.outer(panels, "best validation accuracy (%)", "search trial")
    figure.suptitle("Search trials")
    legends.legend(figure, [], legends.ending_keys(list(trials["status"])))
    return figure


def importance(found: Mapping[str, Sequence[Importance]]) -> Figure:
    """Share of every hyperparameter, beside what the same trials give with their values permuted."""
    figure, panels = style.stacked([len(shares) for shares in found.values()])
    style_of = style.styles(list(found))
    for axes, (method, shares) in zip(panels, found.items(), strict=True):
        marks.shares(axes, shares, style_of[method][0])
        axes.set_title(wording.method(method))
    style.outer(panels, "", "share of importance (%)")
    legends.legend(figure, [], legends.share_keys())
    return figure
