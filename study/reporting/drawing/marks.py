"""The marks that figures are made of: an interval with its seeds, a curve, a reference."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Transform, offset_copy

from study.analysis.comparisons import Comparison
from study.analysis.importance import Importance
from study.analysis.statistics import Interval
from study.analysis.summary import Measure
from study.analysis.sweeps import Sweep
from study.reporting import wording
from study.reporting.drawing.style import (
    ACCENT,
    AT_FOOT,
    ENDINGS,
    GREY,
    INK,
    LOST,
    Look,
    Moments,
    dodge,
    epochs,
    in_percent,
)
from trainables.multimodal.tasks import ACCURACY

Place = tuple[float, float]  # x and y
Extents = dict[int, list[float]]  # row -> all values that it shows, the mean first
MARGIN = 0.05  # of the width, on both sides
MOST_SQUEEZED = 2.5  # times the width that the rows that matter need


def interval(axes: Axes, x: float, shown: Interval | Measure, look: Look) -> None:
    """A mean with its interval, vertical."""
    mean, ends = bounds(shown)
    _span(axes, [(x, value) for value in mean], [(x, value) for value in ends], "_", look)


def row(axes: Axes, y: float, shown: Interval | Measure, look: Look) -> None:
    """A mean with its interval, horizontal."""
    mean, ends = bounds(shown)
    _span(axes, [(value, y) for value in mean], [(value, y) for value in ends], "|", look)


def bounds(shown: Interval | Measure) -> tuple[list[float], list[float]]:
    """The mean and the two ends of either form of an interval, empty where there are none."""
    numbers = vars(shown) if isinstance(shown, Interval) else shown
    mean, low, high = (numbers[name] for name in ("mean", "low", "high"))
    return [] if mean is None else [mean], [] if low is None else [low, high]


def _span(axes: Axes, mean: list[Place], ends: list[Place], cap: str, look: Look) -> None:
    """A line with caps between the ends, and the mean's mark on it."""
    axes.plot(*zip(*ends, strict=True), color=look.colour, lw=1.4, marker=cap, ms=7, mew=1.4, zorder=3)
    for x, y in mean:
        axes.plot(x, y, look.marker, color=look.colour, mec="white", mew=0.7, ms=7, zorder=4)


def seeds(axes: Axes, x: float, values: Sequence[float], colour: str) -> None:
    """Individual seeds as small open circles to the right of their mean."""
    _within(axes, [(x, value) for value in values])
    axes.plot(
        [x] * len(values),
        values,
        "o",
        mfc="white",
        mec=colour,
        ms=3.6,
        transform=shifted(axes, x=8),
        zorder=5,
    )


def _within(axes: Axes, places: Sequence[Place]) -> None:
    """Make room for marks at these places: those drawn with an offset widen no axis by themselves."""
    axes.update_datalim(places)
    axes.autoscale_view()


def shifted(axes: Axes, x: float = 0, y: float = 0) -> Transform:
    """Data coordinates, moved by a few points, so that seeds do not cover their mean."""
    return offset_copy(axes.transData, fig=axes.get_figure(root=True), x=x, y=y, units="points")


def lost(axes: Axes, x: float) -> None:
    """A cross at the foot of the axes for runs that diverged or failed."""
    axes.plot(x, 0.02, "X", color=ACCENT, ms=7, ls="none", transform=axes.get_xaxis_transform(), label=LOST)


def ring(axes: Axes, x: float, y: float) -> None:
    """A ring around the incumbent's mean."""
    axes.plot(x, y, "o", ms=13, mfc="none", mec=ACCENT, mew=1.5, zorder=6)


def swept(axes: Axes, at: Sequence[float], sweep: Sweep, look: Look) -> None:
    """Every value of a sweep at its place, the incumbent ringed and lost runs marked at the foot."""
    drawn = [(x, point, point.interval.mean) for x, point in zip(at, sweep.values, strict=True)]
    means = [(x, mean) for x, _, mean in drawn if mean is not None]
    axes.plot([x for x, _ in means], [mean for _, mean in means], color=look.colour, lw=1, alpha=0.6)
    for x, point, mean in drawn:
        if mean is not None:
            interval(axes, x, point.interval, look)
            seeds(axes, x, list(point.seeds.values()), look.colour)
            if point.value == sweep.chosen:
                ring(axes, x, mean)
        if point.lost:
            lost(axes, x)


def rising(axes: Axes, values: Sequence[float], look: Look) -> None:
    """A value after 1, 2, ... trials."""
    trials = range(1, len(values) + 1)
    axes.plot(trials, values, color=look.colour, marker=look.marker, ls=look.line, ms=4, mec="white")
    axes.xaxis.set_major_locator(MaxNLocator(nbins="auto", integer=True))


def reference(axes: Axes, shown: Mapping[str, Any], label: str) -> None:
    """A horizontal line with the interval of something measured elsewhere."""
    if shown["mean"] is None:
        return
    axes.axhline(shown["mean"], color=GREY, ls="--", lw=1.2, zorder=1, label=label)
    if shown["low"] is not None:
        axes.axhspan(shown["low"], shown["high"], color=GREY, alpha=0.13, lw=0, zorder=0)


def curves(
    axes: Axes, runs: pd.DataFrame, means: pd.DataFrame, column: str, looks: Mapping[str, Look]
) -> None:
    """One thin line per seed and a bold one for their mean, per method."""
    for (method, _), run in runs.groupby(["method", "seed"], sort=False):
        axes.plot(run["epoch"], run[column], color=looks[str(method)].colour, lw=0.7, alpha=0.45)
    for method, mean in means.groupby("method", sort=False):
        curve(axes, mean, column, looks[str(method)])
    epochs(axes)


def curve(axes: Axes, mean: pd.DataFrame, column: str, look: Look) -> None:
    """A bold line with as many marks as fit."""
    colour, marker, line, _ = look
    (drawn,) = axes.plot(mean["epoch"], mean[column], color=colour, ls=line, mec="white", mew=0.5)
    drawn.set(marker=marker, markersize=4, markevery=0.06)


def moments(axes: Axes, happened: Moments, looks: Mapping[str, Look]) -> None:
    """Vertical lines with a triangle where a method re-learned."""
    for method, relearned in happened.items():
        colour = looks[method].colour if method in looks else INK
        for epoch in relearned:
            axes.axvline(epoch, color=colour, lw=0.9, alpha=0.45, zorder=0)
            axes.plot(
                epoch, 1.015, "v", ms=5.5, color=colour, transform=axes.get_xaxis_transform(), clip_on=False
            )


def trials(axes: Axes, rows: pd.DataFrame) -> None:
    """Search trials by how they ended, and the best completed value so far."""
    axes.step(rows["number"], rows["best"], where="post", color=INK, lw=1.1)
    for status, part in rows.groupby("status"):
        form = ENDINGS[str(status)]
        if status in AT_FOOT:
            foot = axes.get_xaxis_transform()
            axes.plot(part["number"], [0.02] * len(part), ls="none", transform=foot, clip_on=False, **form)
        else:
            axes.plot(part["number"], part["value"], ls="none", **form)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))


def shares(axes: Axes, importances: Sequence[Importance], keys: Sequence[str], colour: str) -> None:
    """A named bar per hyperparameter, the largest on top, with the mean of its noise and what to pass."""
    at = list(range(len(importances)))
    axes.barh(at, [importance.share for importance in importances], height=0.55, color=colour)
    axes.hlines(
        at,
        [importance.floor for importance in importances],
        [importance.floor_high for importance in importances],
        color=INK,
        lw=1.2,
    )
    axes.plot([importance.floor for importance in importances], at, "D", ms=4.5, color=INK, mec="white")
    axes.plot([importance.floor_high for importance in importances], at, "|", ms=9, mew=1.4, color=INK)
    axes.set_yticks(at, keys)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set_xlim(left=0)
    axes.xaxis.set_major_formatter(in_percent)


def rows(axes: Axes, shown: Mapping[str, Measure], looks: Mapping[str, Look]) -> Extents:
    """Methods below each other, each with its seeds."""
    extents = {}
    for place, (method, measure) in enumerate(shown.items()):
        extents[place] = _row_with_seeds(
            axes, place, measure, [seed["value"] for seed in measure["seeds"]], looks[method]
        )
    return extents


def differences(axes: Axes, compared: Mapping[int, Comparison], looks: Mapping[str, Look]) -> Extents:
    """Differences to the baseline at the rows of their methods, with the line of no difference."""
    extents = {}
    for place, comparison in compared.items():
        values = list(comparison.differences.values())
        extents[place] = _row_with_seeds(
            axes, place, comparison.test.difference, values, looks[comparison.method]
        )
    axes.axvline(0, color=GREY, ls="--", lw=1.2, zorder=1)
    return extents


def _row_with_seeds(
    axes: Axes, y: float, shown: Interval | Measure, values: Sequence[float], look: Look
) -> list[float]:
    """A row with its seeds; all that it shows, the mean first."""
    row(axes, y, shown, look)
    seeds_below(axes, y, values)
    mean, ends = bounds(shown)
    return [*mean, *ends, *values]


def seeds_below(axes: Axes, y: float, values: Sequence[float]) -> None:
    """Individual seeds as small open circles below their mean."""
    _within(axes, [(value, y) for value in values])
    below = shifted(axes, y=-8)
    axes.plot(values, [y] * len(values), "o", mfc="white", mec=INK, mew=0.8, ms=3.2, transform=below)


def spread(axes: Axes, y: float, measures: Mapping[str, Measure], looks: Mapping[str, Look]) -> None:
    """Several measures in one row."""
    for (name, measure), shift in zip(measures.items(), dodge(len(measures)), strict=True):
        row(axes, y + shift, measure, looks[name])


def close_up(axes: Axes, extents: Extents, minor: Collection[int], metric: str = ACCURACY) -> None:
    """Fit the x axis to the rows that matter if `minor` ones far away would squeeze them.

    The mean of a row that does not fit stands at that edge, with an arrow. One that is inside keeps its mark,
    and the edge cuts its interval.
    """
    needed = [value for place, values in extents.items() if place not in minor for value in values]
    if not needed:
        return
    low, high = min(needed), max(needed)
    reach = MOST_SQUEEZED * (high - low)
    fitting = {
        place: values
        for place, values in extents.items()
        if values and max(values) - low <= reach and high - min(values) <= reach
    }
    outside = {place: values[0] for place, values in extents.items() if values and place not in fitting}
    if not outside or low == high:
        return
    shown = [value for values in fitting.values() for value in values]
    margin = MARGIN * (max(shown) - min(shown))
    left, right = axes.set_xlim(min(shown) - margin, max(shown) + margin)
    for place, mean in outside.items():
        if mean < left:
            note(axes, place, f"\N{LEFTWARDS ARROW} {wording.number(mean, metric)}")
        elif mean > right:
            note(axes, place, f"{wording.number(mean, metric)} \N{RIGHTWARDS ARROW}", at=0.98)


def note(axes: Axes, y: float, text: str, at: float = 0.02) -> None:
    """Words in place of a mark, at a share of the width, on the side of it that is free."""
    axes.annotate(
        text,
        (at, y),
        xycoords=axes.get_yaxis_transform(),
        ha="left" if at < 0.5 else "right",
        va="center",
        style="italic",
        fontsize=7.5,
        color=GREY,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
    )
