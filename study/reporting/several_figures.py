"""Several studies in figures, a panel for each, over the same rows of methods."""

from collections.abc import Callable, Iterable, Sequence
from itertools import product
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from study.analysis.several_studies import SeveralStudies
from study.reporting import cells, wording
from study.reporting.drawing import legends, marks, style
from study.reporting.section import Drawn, looks
from study.reporting.several_tables import column

PANELS = 3  # in a figure: names and ticks of more would touch
NOTHING: dict[str, Any] = {"mean": None, "std": None, "low": None, "high": None, "seeds": []}
SCORES = (
    "Scores of every method in each study. Filled marks are means over fresh seeds with their 95 % interval, "
    "open circles below them single seeds; the dashed line is the baseline of that study."
)
DIFFERENCES = (
    "What every method adds to the baseline of the same study, with its 95 % interval; one that contains 0 "
    "is compatible with no effect. Open circles are differences on the same seed or fold or, of tests that "
    "are not paired, to the baseline's mean."
)
Number = Callable[[str, str, str], Any]  # study, protocol, method -> what is drawn of it, if anything
Draw = Callable[[Axes, SeveralStudies, str, str, Sequence[str]], None]


def figures(several: SeveralStudies) -> Iterable[Drawn]:
    """Differences and scores by every protocol; a study or method without any has no place in them."""
    for protocol in several.protocols:
        yield from _drawn(several, protocol, "differences", DIFFERENCES, several.added, _differences)
        yield from _drawn(several, protocol, "scores", SCORES, several.score, _scores)


def _drawn(
    several: SeveralStudies, protocol: str, name: str, caption: str, number: Number, draw: Draw
) -> Iterable[Drawn]:
    """As many figures as the studies need that have a number."""
    there = [
        (study, method)
        for study, method in product(several.results, several.methods)
        if number(study, protocol, method)
    ]
    studies = list(dict.fromkeys(study for study, _ in there))
    methods = [method for method in several.methods if any(method == other for _, other in there)]
    said = f"{caption} Protocol: {cells.PROTOCOLS[protocol]}."
    for start in range(0, len(studies), PANELS):
        part = f"_{start // PANELS + 1}" if len(studies) > PANELS else ""
        figure = _figure(several, protocol, studies[start : start + PANELS], methods, draw)
        yield Drawn(f"{name}_{protocol}{part}", said, figure)


def _figure(
    several: SeveralStudies, protocol: str, studies: Sequence[str], methods: Sequence[str], draw: Draw
) -> Figure:
    figure, panels = style.listed(len(studies), len(methods))
    for axes, study in zip(panels, studies, strict=True):
        draw(axes, several, study, protocol, methods)
        axes.set_title(wording.broken(column(several, study)))
    style.names(panels[0], [several.label(method) for method in methods])
    style.rows_only(panels[1:])
    baseline = wording.inside(several.label(several.baseline))
    interval = legends.interval("mean, 95 % interval", style.Look(style.INK, "o", "-"))
    line = Line2D([], [], color=style.GREY, ls="--", lw=1.2, label=baseline)
    legends.legend(figure, [], [interval, legends.dots("one seed or fold"), line])
    return figure


def _scores(axes: Axes, several: SeveralStudies, study: str, protocol: str, methods: Sequence[str]) -> None:
    measures = {method: several.score(study, protocol, method) or NOTHING for method in methods}
    marks.rows(axes, measures, looks(several.first, methods))
    base = several.score(study, protocol, several.baseline)
    if base is not None:
        axes.axvline(base["mean"], color=style.GREY, ls="--", lw=1.2, zorder=1)
    metric, split = several.judged_by.name, several.results[study].split(protocol)
    axes.set_xlabel(wording.with_unit(f"{split} {wording.metric(metric)}", metric, "%"))
    style.scored_across(axes, metric, 0)


def _differences(
    axes: Axes, several: SeveralStudies, study: str, protocol: str, methods: Sequence[str]
) -> None:
    compared = {place: several.added(study, protocol, method) for place, method in enumerate(methods)}
    there = {place: comparison for place, comparison in compared.items() if comparison is not None}
    marks.differences(axes, there, looks(several.first, methods))
    metric, base = several.judged_by.name, wording.inside(several.label(several.baseline))
    axes.set_xlabel(wording.with_unit(f"{wording.metric(metric)}\nminus {base}", metric, "points"))
    style.scored_across(axes, metric, -1)
