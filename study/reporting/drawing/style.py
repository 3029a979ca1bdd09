"""The look of all figures: style, colours, axes and legends.

Colours are those of Okabe and Ito, distinguishable with every colour vision; markers and line styles repeat
what the colours say.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from math import log10
from typing import Any, NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, NullLocator

from study.analysis.metric_names import PLAIN_NUMBERS
from study.methods import BASELINE
from study.reporting import wording

INK, GREY, FAINT, ACCENT = "#222222", "#6b6b6b", "#e4e4e4", "#d55e00"
VALUES = "viridis"  # of numbers, told apart with every colour vision
MARK = "#ffe9a8"  # behind words that warn
MODALITIES = (("#0072b2", "o"), ("#e69f00", "s"), ("#009e73", "^"), ("#cc79a7", "v"), ("#56b4e9", "p"))
COLUMN, PAGE, HEIGHT = 4.8, 7.4, 3.4  # inches: widths of a column and of a page in print
NARROW = 3.7  # inches: the width of a telephone, on which letters keep their size
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
    "text.color": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.6,
    "lines.markersize": 5.5,
    "figure.constrained_layout.use": True,
    "font.sans-serif": ["DejaVu Sans"],  # an SVG repeats the list at every word
    "svg.fonttype": "none",
    "svg.hashsalt": "the same names each time",
    "savefig.dpi": 180,
    "savefig.facecolor": "white",
}
ENDINGS: dict[str, dict[str, Any]] = {
    "completed": {"marker": "o", "color": INK, "ms": 5.5},
    "pruned": {"marker": "o", "mfc": "white", "mec": GREY, "mew": 1.1, "ms": 5.5},
    "diverged": {"marker": "X", "color": ACCENT, "ms": 7, "mec": "white", "mew": 0.5},
    "failed": {"marker": "P", "color": "#cc79a7", "ms": 7, "mec": "white", "mew": 0.5},
    "running": {"marker": ".", "color": GREY, "ms": 5},
}
LOST = "a run diverged or failed"
AT_FOOT = ("diverged", "failed")


class Look(NamedTuple):
    """How something is drawn, and what it is called."""

    colour: str
    marker: str
    line: str
    label: str = ""


BASELINE_LOOK = Look(GREY, "s", "--")
LOOKS = (  # of methods, by their place in the table of methods
    Look("#8b1a1a", "*", "-."),
    Look("#e69f00", "v", "-."),
    Look("#0072b2", "o", "-"),
    Look("#009e73", "^", "-."),
    Look("#cc79a7", "D", "-."),
    Look("#4d7c0f", "p", ":"),
    Look("#00838f", "d", ":"),
    Look("#6d4c41", "H", ":"),
    Look("#5e35b1", ">", ":"),
)
OTHERS = (  # of methods that stand in no table, such as single modalities, or far down in it
    Look("#56b4e9", "<", "-."),
    Look("#8c6d00", "h", "-."),
    Look("#7f3c8d", "8", "-."),
    Look("#a0522d", "P", "-."),
    Look("#3b3b98", "X", "-."),
    Look("#8b1a1a", "p", ":"),
    Look("#56b4e9", "^", ":"),
    Look("#8c6d00", "D", ":"),
    Look("#7f3c8d", "v", ":"),
    Look("#a0522d", "o", ":"),
    Look("#3b3b98", "*", ":"),
    Look("#56b4e9", "d", ":"),
    Look("#8c6d00", "^", ":"),
)
REFERENCE = Look(GREY, "", "--")  # a method that stands in every panel beside the one it is compared with
Moments = Mapping[str, Sequence[int]]  # method -> epochs after which it re-learned


def style(width: float = PAGE) -> AbstractContextManager[None]:
    """The one look of all figures, for a page as wide as PAGE or NARROW; draw and save inside it."""
    rc = RC | {"figure.figsize": (width, HEIGHT)}
    return mpl.rc_context(rc)  # type: ignore[arg-type]  # matplotlib lists every key in its type


def page() -> float:
    """Width in inches of the page that is drawn for."""
    return float(mpl.rcParams["figure.figsize"][0])


def panels(width: float, count: int, height: float = HEIGHT) -> tuple[Figure, list[Axes]]:
    """A figure with panels side by side, from four on in rows of two to four, of fewer on a narrow page."""
    columns = _columns(count)
    rows = -(-count // columns)
    figure = Figure(figsize=(min(width, page()), height * (0.4 + 0.6 * rows)))
    grid = list(figure.subplots(rows, columns, squeeze=False).flat)
    for spare in grid[count:]:
        spare.remove()
    return figure, grid[:count]


def _columns(count: int) -> int:
    """Panels in a row."""
    steps, most = (((1, 3),), 2) if page() <= NARROW else (((count, 3), (2, 4), (3, 9)), 4)
    return next((columns for columns, few in steps if count <= few), most)


def listed(columns: int, rows: int, width: float = PAGE) -> tuple[Figure, list[Axes]]:
    """A figure with panels over the same rows of names, below each other on a narrow page."""
    height, across = 1.4 + 0.42 * rows, 1 if page() <= NARROW else columns
    figure = Figure(figsize=(min(width, page()), height * columns / across))
    return figure, list(figure.subplots(columns // across, across, squeeze=False, sharey=True).flat)


def stacked(sizes: Sequence[int]) -> tuple[Figure, list[Axes]]:
    """A figure with a panel of bars for every number of bars, two beside each other where there is room."""
    columns = 1 if page() <= NARROW else min(2, len(sizes))
    most = [max(sizes[i : i + columns]) for i in range(0, len(sizes), columns)]
    width, height = (COLUMN, PAGE)[columns - 1], 0.5 + sum(0.7 + 0.27 * bars for bars in most)
    figure = Figure(figsize=(min(width, page()), height))
    shares = [2 + bars for bars in most]
    grid = list(figure.subplots(len(most), columns, squeeze=False, height_ratios=shares).flat)
    for spare in grid[len(sizes) :]:
        spare.remove()
    return figure, grid[: len(sizes)]


def over(upper: float, lower: float, columns: int) -> tuple[Figure, list[list[Axes]]]:
    """A figure with two rows of panels of these heights in inches that share their x axis."""
    width = PAGE if columns > 1 else COLUMN
    figure = Figure(figsize=(min(width, page()), upper + lower + 0.9))
    grid = figure.subplots(2, columns, sharex=True, squeeze=False, height_ratios=(upper, lower))
    return figure, [list(row) for row in grid]


def maps(columns: int) -> tuple[Figure, list[Axes], list[Axes]]:
    """A figure with two maps per column, over the same two axes: the upper row and the lower one.

    On a narrow page all stand below each other, first those of the upper row.
    """
    if page() <= NARROW:
        figure = Figure(figsize=(page(), 1 + 4.4 * columns))
        stacked = list(figure.subplots(2 * columns, 1, squeeze=False).flat)
        return figure, stacked[:columns], stacked[columns:]
    figure = Figure(figsize=(PAGE if columns > 1 else COLUMN, 5.4))
    upper, lower = figure.subplots(2, columns, sharex="col", sharey="col", squeeze=False)
    return figure, list(upper), list(lower)


def looks(labels: Mapping[str, str], known: Sequence[str]) -> dict[str, Look]:
    """How each method is drawn: one of the `known` looks the same whatever it is compared with.

    `labels` are the methods with their names on the page, `known` all methods in a fixed order.
    """
    placed = dict(zip([method for method in known if method != BASELINE], LOOKS, strict=False))
    placed[BASELINE] = BASELINE_LOOK
    others = [method for method in dict.fromkeys([*known, *labels]) if method not in placed]
    placed |= {method: OTHERS[place % len(OTHERS)] for place, method in enumerate(others)}
    return {method: placed[method]._replace(label=label) for method, label in labels.items()}


def class_colours(count: int) -> list[str]:
    """A colour per class; of more than ten, neighbours look alike."""
    colours = mpl.colormaps["tab10" if count <= 10 else "turbo"]
    return [to_hex(colours(n if count <= 10 else n / (count - 1))) for n in range(count)]


def solid(looks: Mapping[str, Look]) -> dict[str, Look]:
    """The same with unbroken lines, for panels in which no line needs to be told from another."""
    return {method: look._replace(line="-") for method, look in looks.items()}


def modality_looks(names: Sequence[str]) -> dict[str, Look]:
    """Colour and marker of every modality; a line has the style of what it shows."""
    pairs = [MODALITIES[place % len(MODALITIES)] for place in range(len(names))]
    return {name: Look(*pair, "-", wording.plain(name)) for name, pair in zip(names, pairs, strict=True)}


def dodge(count: int, width: float = 0.5) -> list[float]:
    """Offsets that set marks of one group side by side."""
    return [width * ((i + 0.5) / count - 0.5) for i in range(count)]


def names(axes: Axes, labels: Sequence[str]) -> None:
    """Methods as rows, the first on top."""
    axes.set_yticks(range(len(labels)), [wording.broken(label) for label in labels])
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")


def rows_only(panels: Sequence[Axes]) -> None:
    """No names and no lines across: the rows are those of the panel on the left."""
    for axes in panels:
        axes.tick_params(axis="y", length=0)
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
    low = min(panel.get_ylim()[0] for panel in axes)
    high = max(panel.get_ylim()[1] for panel in axes)
    for panel in axes:
        panel.set_ylim(low, high)


def scored(axes: Axes, metric: str) -> None:
    """A metric on the y axis; a fraction in percent."""
    if metric not in PLAIN_NUMBERS:
        percent(axes, "")


def scored_across(axes: Axes, metric: str, low: float) -> None:
    """A metric, or for low = -1 its differences, on the x axis; fractions in percent and within low and 1."""
    if metric not in PLAIN_NUMBERS:
        possible(axes, low, 1)


def possible(axes: Axes, low: float, high: float) -> None:
    """Keep the x axis within what a fraction can be, however wide its interval, and write it in percent."""
    left, right = axes.get_xlim()
    axes.set_xlim(max(low, left), min(high, right))
    _show_whole(axes.lines, [line.get_xdata() for line in axes.lines], axes.get_xlim())
    axes.xaxis.set_major_formatter(in_percent)


def _show_whole(lines: Sequence[Line2D], places: Sequence[Any], limits: tuple[float, float]) -> None:
    """Let marks and lines on the edge of the axes, such as at 100 %, reach beyond it by half their width."""
    for line, values in zip(lines, places, strict=True):
        beyond = [value for value in values if value < limits[0] or value > limits[1]]  # NaN is neither
        if len(values) and not beyond:
            line.set_clip_on(False)


def outer(axes: Sequence[Axes], y: str, x: str) -> None:
    """Label the y axis of the leftmost panels only, and the x axis of those with none below."""
    columns = [panel.get_subplotspec().colspan.start for panel in axes]  # type: ignore[union-attr]
    for place, (panel, column) in enumerate(zip(axes, columns, strict=True)):
        panel.set_ylabel("" if column else y)
        panel.set_xlabel("" if column in columns[place + 1 :] else x)


def left(axes: Sequence[Axes], label: str) -> None:
    """Label the y axis of the leftmost panels only."""
    for panel in axes:
        panel.set_ylabel("" if panel.get_subplotspec().colspan.start else label)  # type: ignore[union-attr]


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
