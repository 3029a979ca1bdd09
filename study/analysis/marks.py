"""The marks that figures are made of: an interval with its seeds, a curve, a reference."""

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Transform, offset_copy

from study.analysis import words
from study.analysis.looks import ACCENT, AT_FOOT, ENDINGS, GREY, INK, LOST, Moments, Style, epochs, possible
from study.analysis.statistics import Interval
from study.analysis.summary import Comparison, Measure


def interval(axes: Axes, x: float, shown: Interval | Measure, look: Style) -> None:
    """A mean with its interval."""
    mean, low, high = bounds(shown)
    if low is not None and high is not None:
        axes.vlines(x, low, high, color=look[0], lw=1.4, zorder=3)
        axes.plot([x, x], [low, high], ls="none", marker="_", ms=7, mew=1.4, color=look[0], zorder=3)
    if mean is not None:
        axes.plot(x, mean, look[1], color=look[0], mec="white", mew=0.7, ms=7, zorder=4)


def bounds(shown: Interval | Measure) -> tuple[float | None, float | None, float | None]:
    """Mean, low and high of either form of an interval."""
    if isinstance(shown, Interval):
        return shown.mean, shown.low, shown.high
    return shown["mean"], shown["low"], shown["high"]


def seeds(axes: Axes, x: float, values: Sequence[float], colour: str) -> None:
    """Individual seeds as small open circles to the right of their mean."""
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


def shifted(axes: Axes, x: float = 0, y: float = 0) -> Transform:
    """Data coordinates, moved by a few points, so that seeds do not cover their mean."""
    return offset_copy(axes.transData, fig=axes.get_figure(root=True), x=x, y=y, units="points")


def measure(axes: Axes, x: float, shown: Measure, look: Style) -> None:
    """A mean with its interval and its seeds."""
    interval(axes, x, shown, look)
    seeds(axes, x, [one["value"] for one in shown["seeds"]], look[0])


def lost(axes: Axes, x: float) -> None:
    """A cross at the foot of the axes for runs that diverged or failed."""
    axes.plot(x, 0.02, "X", color=ACCENT, ms=7, ls="none", transform=axes.get_xaxis_transform(), label=LOST)


def ring(axes: Axes, x: float, y: float) -> None:
    """A ring around the incumbent's mean."""
    axes.plot(x, y, "o", ms=13, mfc="none", mec=ACCENT, mew=1.5, zorder=6)


def reference(axes: Axes, shown: Measure, label: str) -> None:
    """A horizontal line with the interval of something measured elsewhere."""
    if shown["mean"] is None:
        return
    axes.axhline(shown["mean"], color=GREY, ls="--", lw=1.2, zorder=1, label=label)
    if shown["low"] is not None:
        axes.axhspan(shown["low"], shown["high"], color=GREY, alpha=0.13, lw=0, zorder=0)


def curves(
    axes: Axes, runs: pd.DataFrame, means: pd.DataFrame, column: str, looks: Mapping[str, Style]
) -> None:
    """One thin line per seed and a bold one for their mean, per method."""
    for (method, _), run in runs.groupby(["method", "seed"], sort=False):
        axes.plot(run["epoch"], run[column], color=looks[str(method)][0], lw=0.7, alpha=0.45)
    for method, mean in means.groupby("method", sort=False):
        colour, marker, line = looks[str(method)]
        axes.plot(
            mean["epoch"], mean[column], color=colour, ls=line, marker=marker, ms=4, mec="white", mew=0.5
        )
    epochs(axes)


def moments(axes: Axes, happened: Moments, looks: Mapping[str, Style]) -> None:
    """Vertical lines with a triangle where a method re-learned."""
    for method, found in happened.items():
        colour = looks[method][0] if method in looks else INK
        for epoch in found:
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
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("search trial")


def rows(axes: Axes, shown: Mapping[str, Measure], looks: Mapping[str, Style]) -> None:
    """Methods below each other; thin lines join the runs that share a seed."""
    runs: dict[int, list[tuple[float, float]]] = {}
    for place, (method, one) in enumerate(shown.items()):
        row(axes, place, one, looks[method])
        for seed in one["seeds"]:
            runs.setdefault(seed["seed"], []).append((seed["value"], place))
    below = shifted(axes, y=-8)
    for joined in runs.values():
        axes.plot(*zip(*joined, strict=True), color=INK, lw=0.5, alpha=0.3, zorder=1, transform=below)
        axes.plot(*zip(*joined, strict=True), "o", mfc="white", mec=INK, mew=0.8, ms=3.4, transform=below)
    _names(axes, list(shown))


def row(axes: Axes, y: float, shown: Interval | Measure, look: Style) -> None:
    """A mean with its interval, lying."""
    mean, low, high = bounds(shown)
    if low is not None and high is not None:
        axes.hlines(y, low, high, color=look[0], lw=1.4, zorder=3)
        axes.plot([low, high], [y, y], ls="none", marker="|", ms=7, mew=1.4, color=look[0], zorder=3)
    if mean is not None:
        axes.plot(mean, y, look[1], color=look[0], mec="white", mew=0.7, ms=7, zorder=4)


def differences(axes: Axes, compared: Mapping[int, Comparison], looks: Mapping[str, Style]) -> None:
    """Paired differences to the baseline at the rows of their methods, with the line of no difference."""
    for place, one in compared.items():
        row(axes, place, one.test.difference, looks[one.method])
    axes.axvline(0, color=INK, lw=0.9, ls=":")
    possible(axes, -1, 1)


def _names(axes: Axes, names: Sequence[str]) -> None:
    """Methods as rows, the first on top."""
    axes.set_yticks(range(len(names)), [words.broken(words.method(name)) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
