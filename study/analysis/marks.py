"""The marks that figures are made of: an interval with its seeds, a curve, a reference, a legend.

Colours are those of Okabe and Ito, distinguishable with every colour vision; markers and line styles repeat
what the colours say. Nothing here computes a statistic.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, NullLocator
from matplotlib.transforms import Transform, offset_copy

from study.analysis import words
from study.analysis.statistics import Interval
from study.analysis.summary import Comparison, Measure

INK, GREY, FAINT, ACCENT = "#222222", "#6b6b6b", "#e4e4e4", "#D55E00"
PALETTE = ("#56B4E9", "#8C6D00", "#7F3C8D", "#A0522D", "#3B3B98")
MARKERS = ("<", ">", "p", "h", "d")
COLUMN, PAGE, HEIGHT = 4.8, 7.4, 3.4  # inches: widths of a column and of a page in print
WIDE = 20.0  # a positive range this wide is drawn on a logarithmic axis
RC: dict[str, Any] = {
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "figure.titlesize": 9.5,
    "figure.titleweight": "bold",
    "legend.fontsize": 8,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.linewidth": 0.8,
    "axes.edgecolor": INK,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.6,
    "lines.markersize": 5.5,
    "savefig.dpi": 180,
    "savefig.facecolor": "white",
}
ENDINGS: dict[str, dict[str, Any]] = {
    "completed": {"marker": "o", "color": INK, "ms": 5.5},
    "pruned": {"marker": "o", "mfc": "white", "mec": GREY, "mew": 1.1, "ms": 5.5},
    "diverged": {"marker": "X", "color": ACCENT, "ms": 7, "mec": "white", "mew": 0.5},
    "failed": {"marker": "P", "color": "#CC79A7", "ms": 7, "mec": "white", "mew": 0.5},
    "running": {"marker": ".", "color": GREY, "ms": 5},
}
LOST = "a run diverged or failed"
AT_FOOT = ("diverged", "failed")
Style = tuple[str, str, str]  # colour, marker, line style
OWN: dict[str, Style] = {  # a method looks the same in every figure, whatever it is compared with
    "joint": (GREY, "s", "--"),
    "diagnose_relearn": ("#0072B2", "o", "-"),
    "boosting": ("#009E73", "^", "-."),
    "ogm_ge": ("#E69F00", "v", "-."),
    "dr_boosting": ("#CC79A7", "D", "-."),
}
Moments = Mapping[str, Sequence[int]]  # method -> epochs after which it re-learned


def style() -> AbstractContextManager[None]:
    """The one look of all figures; draw and save inside it."""
    return mpl.rc_context(RC)  # type: ignore[arg-type]  # matplotlib lists every key in its type


def panels(width: float, count: int, height: float = HEIGHT) -> tuple[Figure, list[Axes]]:
    """A figure with panels side by side, in two rows from four on."""
    rows = 2 if count > 3 else 1
    figure = Figure(figsize=(width, height * (1 if rows == 1 else 1.6)), layout="constrained")
    grid = list(figure.subplots(rows, -(-count // rows), squeeze=False).flat)
    for spare in grid[count:]:
        spare.remove()
    return figure, grid[:count]


def styles(methods: Sequence[str]) -> dict[str, Style]:
    """Colour, marker and line style of every method."""
    others = [method for method in methods if method not in OWN]
    given = {m: (PALETTE[i % len(PALETTE)], MARKERS[i % len(MARKERS)], "-.") for i, m in enumerate(others)}
    return {method: OWN.get(method) or given[method] for method in methods}


def dodge(count: int, width: float = 0.5) -> list[float]:
    """Offsets that set marks of one group side by side."""
    return [width * ((i + 0.5) / count - 0.5) for i in range(count)]


def percent(axes: Axes, label: str) -> None:
    """A fraction on the y axis, written in percent and kept within 0 and 100."""
    low, high = axes.get_ylim()
    axes.set_ylim(max(0.0, low), min(1.0, high))
    axes.yaxis.set_major_formatter(in_percent)
    axes.set_ylabel(label)


def outer(axes: Sequence[Axes], label: str) -> None:
    """Label the y axis of the leftmost panels only."""
    for one in axes:
        place = one.get_subplotspec()
        if place is None or place.is_first_col():
            one.set_ylabel(label)


def in_percent(fraction: float, _: float) -> str:
    """A tick label: 0.625 is written 62.5, 0.6 is written 60."""
    return f"{100 * fraction:.4g}"


def alike(axes: Sequence[Axes]) -> None:
    """The same y range in all panels, so that they can be compared by eye."""
    low = min(one.get_ylim()[0] for one in axes)
    high = max(one.get_ylim()[1] for one in axes)
    for one in axes:
        one.set_ylim(low, high)


def epochs(axes: Axes) -> None:
    """Whole epochs on the x axis; vertical lines there mean something else than a grid."""
    axes.grid(visible=False, axis="x")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("epoch")


def places(axes: Axes, values: Sequence[Any]) -> list[float]:
    """Place swept values on the x axis: to scale, logarithmic if wide, evenly spaced if neither works."""
    numbers = [float(v) for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    positive = [number for number in numbers if number > 0]
    even = len(numbers) < len(values) or (len(positive) < len(numbers) and max(positive, default=1) >= WIDE)
    at = [float(i) for i in range(len(values))] if even else numbers
    if not even and positive == numbers and max(numbers) / min(numbers) >= WIDE:
        axes.set_xscale("log")
    axes.set_xticks(at, [words.value(value) for value in values])
    axes.xaxis.set_minor_locator(NullLocator())
    return at


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


def ring_key() -> Line2D:
    """Legend entry of the incumbent."""
    return Line2D([], [], ls="none", marker="o", ms=9, mfc="none", mec=ACCENT, mew=1.5, label="incumbent")


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
    axes.xaxis.set_major_formatter(in_percent)


def key(label: str, look: Style) -> Line2D:
    """Legend entry of a mean with its interval."""
    return Line2D([], [], color=look[0], marker=look[1], ls="-", lw=1.4, ms=6, mec="white", label=label)


def dots(label: str) -> Line2D:
    """Legend entry of individual seeds."""
    return Line2D([], [], ls="none", marker="o", mfc="white", mec=INK, ms=4, label=label)


def method_keys(looks: Mapping[str, Style], *, lines: bool = True) -> list[Line2D]:
    """Legend entries of the methods."""
    return [
        Line2D(
            [],
            [],
            color=c,
            marker=marker,
            ls=line if lines else "none",
            mec="white",
            label=words.method(method),
        )
        for method, (c, marker, line) in looks.items()
    ]


def moment_key(happened: Moments) -> list[Line2D]:
    """Legend entry of re-learning moments, where there are any."""
    entry = Line2D([], [], color=INK, marker="v", ls="-", lw=0.9, ms=5.5, label="re-learning")
    return [entry] if any(happened.values()) else []


def ending_keys(statuses: Sequence[str]) -> list[Artist]:
    """Legend entries of the ways a trial can end."""
    shown = [Line2D([], [], ls="none", label=s, **form) for s, form in ENDINGS.items() if s in statuses]
    return [*shown, Line2D([], [], color=INK, lw=1.2, label="best completed so far")]


def legend(figure: Figure, axes: Sequence[Axes], entries: Sequence[Any]) -> None:
    """One legend below the panels, of these entries and of whatever was labelled in the axes."""
    found = dict.fromkeys(label for one in axes for label in one.get_legend_handles_labels()[1])
    handles = {
        label: handle for one in axes for handle, label in zip(*one.get_legend_handles_labels(), strict=True)
    }
    shown = [*entries, *(handles[label] for label in found)]
    lines = -(-len(shown) // (2 if figure.get_figwidth() <= COLUMN else 4))
    figure.legend(handles=shown, loc="outside lower center", ncols=-(-len(shown) // lines))


def _names(axes: Axes, names: Sequence[str]) -> None:
    """Methods as rows, the first on top."""
    axes.set_yticks(range(len(names)), [words.broken(words.method(name)) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
