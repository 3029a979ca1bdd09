"""The look of all figures: style, colours, axes and legends.

Colours are those of Okabe and Ito, distinguishable with every colour vision; markers and line styles repeat
what the colours say.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from math import log10
from typing import Any

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, NullLocator

from study.analysis import words

INK, GREY, FAINT, ACCENT = "#222222", "#6b6b6b", "#e4e4e4", "#D55E00"
PALETTE = ("#56B4E9", "#8C6D00", "#7F3C8D", "#A0522D", "#3B3B98")
MARKERS = ("<", ">", "p", "h", "d")
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
    axes.xaxis.set_major_formatter(in_percent)


def outer(axes: Sequence[Axes], label: str) -> None:
    """Label the y axis of the leftmost panels only."""
    for one in axes:
        place = one.get_subplotspec()
        if place is None or place.is_first_col():
            one.set_ylabel(label)


def in_percent(fraction: float, _: float) -> str:
    """A tick label: 0.625 is written 62.5, 0.6 is written 60."""
    return f"{100 * fraction:.4g}"


def epochs(axes: Axes) -> None:
    """Whole epochs on the x axis; vertical lines there mean something else than a grid."""
    axes.grid(visible=False, axis="x")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("epoch")


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
        texts.append(f"\n{words.value(value)}" if down else words.value(value))
    return texts


def key(label: str, look: Style) -> Line2D:
    """Legend entry of a mean with its interval."""
    return Line2D([], [], color=look[0], marker=look[1], ls="-", lw=1.4, ms=6, mec="white", label=label)


def dots(label: str) -> Line2D:
    """Legend entry of individual seeds."""
    return Line2D([], [], ls="none", marker="o", mfc="white", mec=INK, ms=4, label=label)


def ring_key() -> Line2D:
    """Legend entry of the incumbent."""
    return Line2D([], [], ls="none", marker="o", ms=9, mfc="none", mec=ACCENT, mew=1.5, label="incumbent")


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
