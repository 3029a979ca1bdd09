"""The entries of legends, and the one legend that stands below the panels of a figure."""

from collections.abc import Iterable, Sequence
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from study.reporting.drawing import style

LINE = 0.18  # inches that every line after the first adds to a figure, so that the panels keep their height
MOST_LETTERS = 21  # of two entries beside each other on a narrow page


def line(label: str, look: style.Look) -> Line2D:
    """Legend entry of a bold line."""
    return Line2D([], [], color=look.colour, marker=look.marker, ls=look.line, ms=4, mec="white", label=label)


def thin(label: str) -> Line2D:
    """Legend entry of single seeds over epochs."""
    return Line2D([], [], color=style.INK, lw=0.7, alpha=0.6, label=label)


def interval(label: str, look: style.Look) -> Line2D:
    """Legend entry of a mean with its interval."""
    return Line2D(
        [], [], color=look.colour, marker=look.marker, ls="-", lw=1.4, ms=6, mec="white", label=label
    )


def band(label: str, look: style.Look) -> Patch:
    """Legend entry of a curve with its band."""
    return Patch(facecolor=look.colour, alpha=0.45, label=label)


def dots(label: str) -> Line2D:
    """Legend entry of individual seeds."""
    return Line2D([], [], ls="none", marker="o", mfc="white", mec=style.INK, ms=4, label=label)


def dot(label: str, colour: str) -> Line2D:
    """Legend entry of a sample."""
    return Line2D([], [], ls="none", marker="o", color=colour, ms=5, mew=0, label=label)


def ring_key() -> Line2D:
    """Legend entry of the incumbent."""
    return Line2D(
        [], [], ls="none", marker="o", ms=9, mfc="none", mec=style.ACCENT, mew=1.5, label="incumbent"
    )


def method_keys(looks: Iterable[style.Look]) -> list[Line2D]:
    """Legend entries of the methods."""
    return [
        Line2D([], [], color=c, marker=marker, ls=line, mec="white", label=label)
        for c, marker, line, label in looks
    ]


def moment_key(happened: style.Moments) -> list[Line2D]:
    """Legend entry of re-learning moments, where there are any."""
    entry = Line2D([], [], color=style.INK, marker="v", ls="-", lw=0.9, ms=5.5, label="re-learning")
    return [entry] if any(happened.values()) else []


def ending_keys(statuses: Sequence[str]) -> list[Artist]:
    """Legend entries of the ways a trial can end."""
    shown = [Line2D([], [], ls="none", label=s, **form) for s, form in style.ENDINGS.items() if s in statuses]
    return [*shown, Line2D([], [], color=style.INK, lw=1.2, label="best completed so far")]


def share_keys() -> list[Artist]:
    """Legend entries of importances and of their noise."""
    return [
        Patch(color=style.GREY, label="measured"),
        Line2D([], [], color=style.INK, ls="none", marker="D", ms=4.5, mec="white", label="noise: mean"),
        Line2D(
            [],
            [],
            color=style.INK,
            ls="none",
            marker="|",
            ms=9,
            mew=1.4,
            label="noise: passed by any in 5 of 100",
        ),
    ]


def surface_share_keys() -> list[Artist]:
    """Legend entries of shares of a surface's variance."""
    return [
        Line2D([], [], color=style.INK, marker="o", lw=1.4, ms=6, mec="white", label="alone"),
        Line2D([], [], color=style.INK, marker="D", lw=1.4, ms=6, mfc="white", label="with interactions"),
        Line2D([], [], color=style.GREY, ls="--", lw=1.2, label="a dummy's upper end"),
    ]


def point_keys(*, lost: bool) -> list[Artist]:
    """Legend entries of the points of a design."""
    found = Line2D([], [], ls="none", marker="o", color=style.INK, ms=2.5, label="point of the design")
    cross = Line2D([], [], ls="none", marker="X", color=style.ACCENT, ms=6, mec="white", label=style.LOST)
    return [found, cross] if lost else [found]


def optimum_key() -> Line2D:
    """Legend entry of the best place of a map."""
    return Line2D([], [], ls="none", marker="*", ms=11, color=style.ACCENT, mec="white", label="best mean")


def legend(figure: Figure, axes: Sequence[Axes], entries: Sequence[Any]) -> None:
    """One legend below the panels, of these entries and of whatever was labelled in the axes."""
    labelled = {
        label: handle
        for panel in axes
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True)
    }
    shown = [*entries, *labelled.values()]
    lines = -(-len(shown) // _beside(figure, [str(entry.get_label()) for entry in shown]))
    figure.set_figheight(figure.get_figheight() + LINE * (lines - 1))
    figure.legend(handles=shown, loc="outside lower center", ncols=-(-len(shown) // lines))


def _beside(figure: Figure, labels: Sequence[str]) -> int:
    """Entries in a line of the legend: as many as the longest leaves room for."""
    width = figure.get_figwidth()
    longest = max(map(len, labels), default=0)
    return 4 if width > style.COLUMN else 1 if width <= style.NARROW and longest > MOST_LETTERS else 2
