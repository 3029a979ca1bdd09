"""What a section of the report is: one question, with its tables, figures, sentences and csv files."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pandas as pd
from markupsafe import escape
from matplotlib.figure import Figure

from study.analysis.results import Results, relearned_after
from study.reporting import wording
from study.reporting.drawing import style
from study.reporting.drawing.epoch_curves import MOST_CURVES

Row = dict[str, Any]  # of a csv file
AS_ABOVE = "As above."


class Strong(str):
    """The text of a cell that stands out from its column."""

    def __html__(self) -> str:
        """How a page shows it."""
        return f"<strong>{escape(str(self))}</strong>"


@dataclass(frozen=True)
class Table:
    """A table: title, column heads, rows of text; the last cell of a short row spans the rest."""

    title: str
    heads: list[str]
    rows: list[list[str]]
    note: str = ""
    """What to know before reading it."""


@dataclass(frozen=True)
class Card:
    """Something that limits what the numbers say, for the top of the page."""

    title: str
    text: str
    """Goes on after the title and a colon."""

    @property
    def sentence(self) -> str:
        """Both, for the terminal."""
        return f"{self.title}: {self.text}"


@dataclass(frozen=True)
class Drawn:
    """A figure, the name of its file, and what it shows in words."""

    name: str
    caption: str
    figure: Figure
    finding: str = ""
    """What is seen in it, for those who do not see it."""

    @property
    def width(self) -> int:
        """Width on the page in percent, so that text in all figures comes out in one size."""
        return round(100 * self.figure.get_figwidth() / style.PAGE)


class Section(Protocol):
    """One question of the report. A section has what it overrides, and nothing else.

    One that gives neither a table with rows nor a figure does not appear on the page.
    """

    name: str
    """Its anchor on the page."""
    title: str

    def cards(self, results: Results) -> Iterable[Card]:
        """What to know before reading any number; empty where all is well."""
        return ()

    def findings(self, results: Results) -> Iterable[str]:
        """Sentences for the section and the terminal: what no table or figure can say."""
        return ()

    def figures(self, results: Results) -> Iterable[Drawn]:
        """Figures there are numbers for."""
        return ()

    def tables(self, results: Results) -> Iterable[Table]:
        """Tables; those without rows are left out."""
        return ()

    def csv(self, results: Results) -> Mapping[str, pd.DataFrame]:
        """Name of each file below tables/ and its content; empty ones are not written."""
        return {}

    def papers(self, results: Results) -> Mapping[str, Table]:
        """Name of each table for papers below tables/; those without rows are not written."""
        return {}


def looks(results: Results, methods: Iterable[str]) -> dict[str, style.Look]:
    """How each of these methods is drawn, the same in every figure."""
    labels = {method: results.settings.label(method) for method in methods}
    return style.looks(labels, list(results.settings.table))


def a_few(results: Results, methods: Sequence[str]) -> list[str]:
    """As many methods as fit in one panel: all, or the baseline, those that re-learn, then the best."""
    if len(methods) <= MOST_CURVES:
        return list(methods)
    order = [results.baseline, *relearning(results), *results.ranked(results.protocols[0])]
    return [method for method in dict.fromkeys(order) if method in methods][:MOST_CURVES]


def choice(shown: Sequence[str], methods: Sequence[str]) -> str:
    """What a caption says after `a_few` left some out; nothing where all are shown."""
    if len(shown) == len(methods):
        return ""
    return (
        f" The figure shows {len(shown)} of {len(methods)} methods, so that curves can be told apart: the "
        "baseline, those that re-learn, then the best. The others are in tables/modalities.csv."
    )


def relearning(results: Results) -> list[str]:
    """Methods that pulled encoders back in any run."""
    return [method for method, epochs in relearned_after(results.runs).items() if epochs]


def chosen_early(early: Mapping[str, Sequence[bool]], action: str) -> list[Card]:
    """Methods whose chosen weights are older than what they do: such runs say nothing of it.

    `early` tells of every run of a label; no card where no run chose too early.
    """
    runs = [
        f"in {sum(of)} of {wording.count(len(of), 'run')} of {label}"
        for label, of in early.items()
        if any(of)
    ]
    title = f"The chosen epoch comes before the first {action}"
    return [Card(title, f"{wording.listing(runs)}: these runs show nothing of it.")] if runs else []
