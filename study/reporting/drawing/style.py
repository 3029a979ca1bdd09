"""The look of all figures: style, colours, axes and legends.

Colours are those of Okabe and Ito, distinguishable with every colour vision; markers and line styles repeat
what the colours say.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from math import log10
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, NullLocator

from study.reporting import wording

INK, GREY, FAINT, ACCENT = "#222222", "#6b6b6b", "#e4e4e4", "#D55E00"
PALETTE = ("#56B4E9", "#8C6D00", "#7F3C8D", "#A0522D", "#3B3B98")
MARKERS = ("<", "h", "8", "P", "X")
MODALITIES = (("#0072B2", "o"), ("#E69F00", "s"), ("#009E73", "^"), ("#CC79A7", "v"), ("#56B4E9", "p"))
COLUMN, PAGE, HEIGHT = 4.8, 7.4, 3.4  # inches: widths of a column and of a page in print
CROWDED = 0.08  # share of the axis below which two tick labels touch
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
    "late_fusion": ("#8B1A1A", "*", "-."),
    "boosting_no_heads": ("#4D7C0F", "p", ":"),
    "boosting_frozen": ("#00838F", "d", ":"),
    "boosting_random": ("#6D4C41", "H", ":"),
    "boosting_tripled": ("#5E35B1", ">", ":"),
}
REFERENCE: Style = (GREY, "", "--")  # a method that stands in every panel beside the one it is compared with
HEADS: dict[str, Style] = {
    "accuracy_all": ("#009E73", "", "-"),
    "accuracy_earlier": (ACCENT, "", "--"),
}
Moments = Mapping[str, Sequence[int]]  # method -> epochs after which it re-learned


def style() -> AbstractContextManager[None]:
    """The one look of all figures; draw and save inside it."""
    return mpl.rc_context(RC)  # type: ignore[arg-type]  # matplotlib lists every key in its type


def panels(width: float, count: int, height: float = HEIGHT) -> tuple[Figure, list[Axes]]:
    """A figure with panels side by side, from four on in rows of two to four."""
    columns = next((most for most, few in ((count, 3), (2, 4), (3, 9)) if count <= few), 4)
    rows = -(-count // columns)
    figure = Figure(figsize=(width, height * (0.4 + 0.6 * rows)), layout="constrained")
    grid = list(figure.subplots(rows, columns, squeeze=False).flat)
    for spare in grid[count:]:
        spare.remove()
    return figure, grid[:count]


def listed(columns: int, rows: int) -> tuple[Figure, list[Axes]]:
    """A page-wide figure with panels side by side over the same rows of names."""
    figure = Figure(figsize=(PAGE, 1.4 + 0.42 * rows), layout="constrained")
    return figure, list(figure.subplots(1, columns, squeeze=False, sharey=True).flat)


def stacked(sizes: Sequence[int]) -> tuple[Figure, list[Axes]]:
    """A figure with a panel of bars for every number of bars, two beside each other."""
    columns = min(2, len(sizes))
    most = [max(sizes[i : i + columns]) for i in range(0, len(sizes), columns)]
    width, height = (COLUMN, PAGE)[columns - 1], 0.5 + sum(0.7 + 0.27 * bars for bars in most)
    figure = Figure(figsize=(width, height), layout="constrained")
    shares = [2 + bars for bars in most]
    grid = list(figure.subplots(len(most), columns, squeeze=False, height_ratios=shares).flat)
    for spare in grid[len(sizes) :]:
        spare.remove()
    return figure, grid[: len(sizes)]


def over(upper: float, lower: float, columns: int) -> tuple[Figure, list[list[Axes]]]:
    """A figure with two rows of panels of these heights in inches that share their x axis."""
    figure = Figure(figsize=(PAGE if columns > 1 else COLUMN, upper + lower + 0.9), layout="constrained")
    grid = figure.subplots(2, columns, sharex=True, squeeze=False, height_ratios=(upper, lower))
    return figure, [list(row) for row in grid]


def styles(methods: Sequence[str]) -> dict[str, Style]:
    """Colour, marker and line style of every method."""
    others = [method for method in methods if method not in OWN]
    given = {m: (PALETTE[i % len(PALETTE)], MARKERS[i % len(MARKERS)], "-.") for i, m in enumerate(others)}
    return {method: OWN.get(method) or given[method] for method in methods}


def solid(looks: Mapping[str, Style]) -> dict[str, Style]:
    """The same with unbroken lines, for panels in which no line needs to be told from another."""
    return {method: (colour, marker, "-") for method, (colour, marker, _) in looks.items()}


def modality_styles(names: Sequence[str]) -> dict[str, Style]:
    """Colour and marker of every modality; a line has the style of what it shows."""
    return {name: (*MODALITIES[i % len(MODALITIES)], "-") for i, name in enumerate(names)}


def dodge(count: int, width: float = 0.5) -> list[float]:
    """Offsets that set marks of one group side by side."""
    return [width * ((i + 0.5) / count - 0.5) for i in range(count)]


def names(axes: Axes, methods: Sequence[str]) -> None:
    """Methods as rows, the first on top."""
    axes.set_yticks(range(len(methods)), [wording.broken(wording.method(name)) for name in methods])
    axes.set_ylim(len(methods) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")


def percent(axes: Axes, label: str) -> None:
    """A fraction on the y axis, written in percent and kept within 0 and 100."""
    low, high = axes.get_ylim()
    axes.set_ylim(max(0.0, low), min(1.0, high))
    _show_whole(axes.lines, [line.get_ydata() for line in axes.lines], axes.get_ylim())
    axes.yaxis.set_major_formatter(in_percent)
    axes.set_ylabel(label)


def alike(axes: Sequence[Axes]) -> None:
    """The same y range in all panels, so that they can be compared by eye."""
    low = min(one.get_ylim()[0] for one in axes)
    high = max(one.get_ylim()[1] for one in axes)
    for one in axes:
        one.set_ylim(low, high)


def possible(axes: Axes, low: float, high: float) -> None:
    """Keep the x axis within what a number can be, however wide its interval."""
    left, right = axes.get_xlim()
    axes.set_xlim(max(low, left), min(high, right))
    _show_whole(axes.lines, [line.get_xdata() for line in axes.lines], axes.get_xlim())
    axes.xaxis.set_major_formatter(in_percent)


def _show_whole(lines: Sequence[Line2D], places: Sequence[Any], limits: tuple[float, float]) -> None:
    """Let marks and lines on the edge of the axes, such as at 100 %, reach beyond it by half their width."""
    for line, found in zip(lines, places, strict=True):
        beyond = [place for place in found if place < limits[0] or place > limits[1]]  # NaN is neither
        if len(found) and not beyond:
            line.set_clip_on(False)


def outer(axes: Sequence[Axes], y: str, x: str) -> None:
    """Label the y axis of the leftmost panels only, and the x axis of those with none below."""
    columns = [one.get_subplotspec().colspan.start for one in axes]  # type: ignore[union-attr]
    for place, (one, column) in enumerate(zip(axes, columns, strict=True)):
        one.set_ylabel("" if column else y)
        one.set_xlabel("" if column in columns[place + 1 :] else x)


def in_percent(fraction: float, _: float) -> str:
    """A tick label: 0.625 is written 62.5, 0.6 is written 60."""
    return f"{100 * fraction:.4g}"


def epochs(axes: Axes) -> None:
    """Whole epochs on the x axis; vertical lines there mean something else than a grid."""
    axes.grid(visible=False, axis="x")
    axes.xaxis.set_major_locator(MaxNLocator(nbins="auto", integer=True))


def whole(axes: Axes) -> None:
    """Whole numbers on the y axis, from zero."""
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylim(bottom=0)


def places(axes: Axes, values: Sequence[Any]) -> list[float]:
    """Place swept values on the x axis: to scale, logarithmic if wide, evenly spaced if neither works."""
    numbers = [float(v) for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    positive = [number for number in numbers if number > 0]
    wide = bool(positive) and max(positive) / min(positive) >= WIDE
    even = len(numbers) < len(values) or (wide and len(positive) < len(numbers))
    at = [float(i) for i in range(len(values))] if even else numbers
    if wide and not even:
        axes.set_xscale("log")
    axes.set_xticks(at, labels(at, values, logarithmic=wide and not even))
    axes.xaxis.set_minor_locator(NullLocator())
    return at


def labels(at: Sequence[float], values: Sequence[Any], *, logarithmic: bool) -> list[str]:
    """Tick labels; one that would touch its left neighbour moves a line down."""
    scaled = [log10(place) for place in at] if logarithmic else list(at)
    close = CROWDED * (max(scaled) - min(scaled))
    texts, down = [], False
    for left, place, value in zip([None, *scaled], scaled, values, strict=False):
        down = left is not None and place - left < close and not down
        texts.append(f"\n{wording.value(value)}" if down else wording.value(value))
    return texts
