"""Figures as files, and as pictures that a page holds: for wide and narrow screens, light and dark ones."""

import re
import textwrap
from io import BytesIO
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from study.reporting.drawing import style
from trainables.multimodal.whole_files import replaced

FORMATS = ("png", "svg", "pdf")
"""Of the files beside the page."""
UNDATED: dict[str, dict[str, Any]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
"""The same numbers give the same file on any day."""
DARK = {  # colour on a light page -> on a dark one
    "#ffffff": "#15181d",
    style.INK: "#e8e8e8",
    style.GREY: "#a8adb5",
    style.FAINT: "#343a43",
    style.ACCENT: "#ff8a3d",
    style.MARK: "#5c4a12",
    "#8b1a1a": "#e57373",
    "#0072b2": "#5fb0f0",
    "#009e73": "#2ec79b",
    "#cc79a7": "#e39cc4",
    "#4d7c0f": "#9ccc4a",
    "#00838f": "#3fc1cf",
    "#6d4c41": "#c49a8a",
    "#5e35b1": "#a98bf0",
    "#8c6d00": "#d4b13d",
    "#7f3c8d": "#c98ad6",
    "#a0522d": "#e0936b",
    "#3b3b98": "#8f8ff0",
}
_COLOUR = re.compile(r"(?<=[ :])#[0-9a-f]{6}\b")
_LETTER = 0.082  # inches that a letter of a title or label takes
_MARK = 2.2  # inches that the mark of generated data takes
_ACROSS = 0.65  # of a panel's width that is left for the label below it
_DIGITS = re.compile(r"(\.\d\d)\d+")
_TAG = re.compile(r"<[^>]+>")
_MARKS = re.compile(r"<g([^>]*)>((?: ?<use [^>]*/>)+) ?</g>")
_STYLE = re.compile(r' style="[^"]*"')
_HASH = re.compile(r'(?<=["#])[a-z][0-9a-f]{10}\b')


def arrange(figure: Figure, *, sample: bool) -> None:
    """Lay a figure out for good, however often it is saved; one of generated data says so on its face."""
    _break_lines(figure)
    layout = figure.get_layout_engine()
    if sample:
        title = figure.get_suptitle()
        if title and (figure.get_figwidth() + len(title) * _LETTER) / 2 > figure.get_figwidth() - _MARK:
            figure.suptitle(f"\n{title}")  # below the mark, which it would reach
        if layout is not None:
            layout.set(rect=(0, 0, 1, 1 - 0.26 / figure.get_figheight()))  # type: ignore[call-arg]
        box = {"facecolor": style.MARK, "edgecolor": "none", "pad": 2.5}
        mark = "SAMPLE: generated data, not a result"
        figure.text(0.992, 0.988, mark, ha="right", va="top", fontsize=7.5, fontweight="bold", bbox=box)
    if layout is not None:
        figure.draw_without_rendering()
        figure.set_layout_engine("none")


def save(figure: Figure, stem: Path) -> None:
    """Write `stem`.png, .svg and .pdf."""
    for kind in FORMATS:
        with replaced(stem.with_suffix(f".{kind}"), durable=False) as file:
            figure.savefig(file, format=kind, metadata=UNDATED.get(kind))


def picture(figure: Figure) -> str:
    """An SVG image whose colours follow the screen."""
    file = BytesIO()
    figure.savefig(file, format="svg", metadata=UNDATED["svg"])
    return adaptive(lean(file.getvalue().decode()))


def lean(svg: str) -> str:
    """The same image to a hundredth of a point, with short names, and the style of many equal marks once.

    What is written in it keeps its digits.
    """
    names: dict[str, str] = {}

    def shortened(tag: re.Match[str]) -> str:
        named = _HASH.sub(lambda found: names.setdefault(found[0], f"n{len(names)}"), tag[0])
        return _DIGITS.sub(r"\1", named)

    return _MARKS.sub(_style_once, _TAG.sub(shortened, " ".join(svg.split())))


def _style_once(marks: re.Match[str]) -> str:
    attributes, uses = marks.groups()
    styles = set(_STYLE.findall(uses))
    if len(styles) != 1:
        return marks[0]
    return f"<g{attributes}{styles.pop()}>{_STYLE.sub('', uses)}</g>"


def adaptive(svg: str) -> str:
    """The same image with other colours on a dark screen; what is printed stays light."""
    drawn = svg[svg.index("<svg") :]
    used = [colour for colour in DARK if colour in drawn]
    light = "".join(f"--{colour[1:]}:{colour};" for colour in used)
    dark = "".join(f"--{colour[1:]}:{DARK[colour]};" for colour in used)
    rules = f"svg{{{light}}}@media screen and (prefers-color-scheme:dark){{svg{{{dark}}}}}"
    swapped = _COLOUR.sub(lambda found: f"var(--{found[0][1:]})" if found[0] in DARK else found[0], drawn)
    return swapped.replace(">", f"><style>{rules}</style>", 1)


def _break_lines(figure: Figure) -> None:
    """Titles and labels on as many lines as they need."""
    width = figure.get_figwidth()
    for axes in figure.axes:
        place = axes.get_subplotspec()
        columns = place.get_gridspec().ncols if place is not None else 1
        for text, share in ((axes.title, 1.0), (axes.xaxis.label, _ACROSS)):
            text.set_text(_broken(text.get_text(), share * width / columns))
    if figure.get_suptitle():
        figure.suptitle(_broken(figure.get_suptitle(), width))


def _broken(text: str, inches: float) -> str:
    letters = max(12, int(inches / _LETTER))
    lines = [textwrap.fill(line, letters, break_on_hyphens=False) for line in text.split("\n")]
    return "\n".join(lines)
