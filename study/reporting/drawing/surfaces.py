"""What a surface looks like: effects with bands, maps with their uncertainty, shares of the variance."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.contour import ContourSet
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from study.analysis.design_axes import Array, Axis
from study.analysis.metric_names import PLAIN_NUMBERS
from study.analysis.surface import Estimate, Influence, PairMap
from study.reporting import wording
from study.reporting.drawing.marks import shifted
from study.reporting.drawing.style import ACCENT, GREY, INK, Look, in_percent

MEANS, SPREADS = "cividis", "Greys"  # told apart with every colour vision, and printed in grey
LEVELS = 9


def scale(axes: Axes, axis: Axis, *, upright: bool = False) -> None:
    """The hyperparameter's own scale on the x axis, or on the y axis if `upright`."""
    drawn = axes.yaxis if upright else axes.xaxis
    if axis.logarithmic:
        (axes.set_yscale if upright else axes.set_xscale)("log")
    elif axis.categories:
        drawn.set_ticks(range(len(axis.categories)), [wording.value(name) for name in axis.categories])
        drawn.set_minor_locator(NullLocator())
    else:
        drawn.set_major_locator(MaxNLocator(5, integer=isinstance(axis.values[0], int)))


def effect(axes: Axes, one: Influence, places: Array, values: Array, look: Look) -> None:
    """The mean over all other hyperparameters with its band, and the points it was learned from."""
    at = one.axis.coordinates(places)
    axes.plot(at, values, "o", color=GREY, ms=2.2, mew=0, alpha=0.55, zorder=1)
    if one.effect is not None:
        nodes = one.axis.nodes
        axes.fill_between(nodes, one.effect.low, one.effect.high, color=look.colour, alpha=0.22, lw=0)
        marker = look.marker if len(nodes) <= 6 else ""
        axes.plot(nodes, one.effect.mean, color=look.colour, marker=marker, mec="white", zorder=3)
    scale(axes, one.axis)


def mean_map(axes: Axes, one: PairMap, limits: tuple[float, float], best: tuple[int, int]) -> ContourSet:
    """Filled contours of the mean, its best node marked."""
    first, second = one.first.nodes, one.second.nodes
    steps = _levels(*limits)
    filled = axes.contourf(first, second, one.mean.T, levels=steps, cmap=MEANS)
    axes.contour(first, second, one.mean.T, levels=steps, colors="white", linewidths=0.4, alpha=0.7)
    axes.plot(first[best[0]], second[best[1]], "*", ms=13, color=ACCENT, mec="white", mew=0.9, zorder=5)
    _frame(axes, one)
    return filled


def spread_map(axes: Axes, one: PairMap, most: float) -> ContourSet:
    """Filled contours of the standard deviation of the mean: the darker, the less is known."""
    first, second = one.first.nodes, one.second.nodes
    filled = axes.contourf(first, second, one.sd.T, levels=_levels(0.0, most), cmap=SPREADS)
    _frame(axes, one)
    return filled


def design(axes: Axes, one: PairMap, points: Array, lost: Array, columns: tuple[int, int]) -> None:
    """The points of the design in two of its columns, with crosses where every run was lost."""
    for places, marker, size, colour in ((points, "o", 3.0, INK), (lost, "X", 6.5, ACCENT)):
        first, second = (places[:, column] for column in columns)
        axes.plot(
            one.first.coordinates(first),
            one.second.coordinates(second),
            marker,
            color=colour,
            ms=size,
            mec="white",
            mew=0.5,
            zorder=4,
        )


def bar(figure: Figure, filled: ContourSet, panels: Sequence[Axes], label: str, metric: str) -> None:
    """The colour scale of a row of maps."""
    drawn = figure.colorbar(filled, ax=list(panels), pad=0.015, aspect=16, label=label)
    drawn.locator = MaxNLocator(5)
    if metric not in PLAIN_NUMBERS:
        drawn.formatter = FuncFormatter(in_percent)
    drawn.update_ticks()
    drawn.outline.set_visible(False)


def shares(
    axes: Axes, influences: Sequence[Influence], names: Sequence[str], floor: float, look: Look
) -> None:
    """Shares of every hyperparameter with their intervals, alone and in total, and the noise floor."""
    for y, one in enumerate(influences):
        for estimate, up, marker, face in ((one.alone, 4, "o", look.colour), (one.total, -4, "D", "white")):
            if estimate is not None:
                _share(axes, y, estimate, up, marker, face, look.colour)
    axes.axvline(floor, color=GREY, ls="--", lw=1.2, zorder=1)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(in_percent)


def _share(axes: Axes, y: int, estimate: Estimate, up: float, marker: str, face: str, colour: str) -> None:
    form: dict[str, Any] = {"transform": shifted(axes, y=up), "color": colour, "clip_on": False}
    axes.plot([estimate.low, estimate.high], [y, y], marker="|", ms=6, lw=1.3, mew=1.3, **form)
    axes.plot(estimate.share, y, marker, mfc=face, ms=5.5, mew=1.1, zorder=4, **form)


def _frame(axes: Axes, one: PairMap) -> None:
    scale(axes, one.first)
    scale(axes, one.second, upright=True)
    axes.grid(visible=False)
    axes.use_sticky_edges = False  # points on the edge, such as whole numbers, are whole
    axes.margins(0.05)


def _levels(low: float, high: float) -> list[float]:
    return [low + step * (high - low) / LEVELS for step in range(LEVELS + 1)]
