"""Whether every method was tuned enough to be compared: tuning curves, and what the best trials are worth."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict

import pandas as pd
from matplotlib.figure import Figure

from study.analysis.results import Results
from study.analysis.tuning import Tuning
from study.reporting import wording
from study.reporting.drawing import legends, marks, style
from study.reporting.section import Card, Drawn, Section, Table, looks
from trainables.multimodal.methods import UNIMODAL

CAPTION = (
    "Expected best validation score of a search with that many of the completed trials, over all ways to "
    "draw them. A curve that still rises at its end belongs to a method that more trials would improve; "
    "comparisons with it are premature. The dashed line is the baseline. "
    "All panels have one scale, but for single modalities, which are far away."
)
HEADS = ["Method", "Completed trials", "Epochs of all trials", "Best of search", "The same on fresh seeds"]
CONFIRMED = "Confirmed: place in the search"
NOTE = (
    "Validation scores. The best of several single runs is partly luck: the same configuration on fresh "
    "seeds says how much. Of the finalists the one with the best mean on fresh seeds is confirmed."
)


class TuningCurves(Section):
    """The searches as such."""

    name = "tuning"
    title = "Was every method tuned enough"

    def cards(self, results: Results) -> Iterable[Card]:
        """Methods whose curve still rises, and whose search decides what is confirmed; the baseline first."""
        decides = results.settings.confirms_search
        rising = {m: tuning for m, tuning in results.tunings.items() if tuning.rises and decides(m)}
        if results.baseline in rising:
            yield _baseline_under_tuned(results, rising.pop(results.baseline))
        if rising:
            label, metric = results.settings.label, results.settings.judged_by.name
            gains = [f"{label(m)} ({wording.size(curve.gain or 0.0, metric)})" for m, curve in rising.items()]
            brought = "so much the last half of the search brought."
            yield Card("More trials may improve", f"{wording.listing(gains)}: {brought}")

    def figures(self, results: Results) -> Iterable[Drawn]:
        """Curves of all methods with two trials or more."""
        curves = {m: tuning.curve for m, tuning in results.tunings.items() if len(tuning.curve) > 1}
        if not curves:
            return []
        return [Drawn("tuning_curves", CAPTION, _figure(results, curves), _seen(results, curves))]

    def tables(self, results: Results) -> Iterable[Table]:
        """A row per method."""
        rows = [_row(results, tuning) for tuning in results.tunings.values()]
        metric = results.settings.judged_by.name
        sizes = ("Second half of the trials brought", "Spread over seeds")
        heads = [*HEADS, *(wording.with_unit(size, metric, "points") for size in sizes), CONFIRMED]
        return [Table(f"Searches: {wording.metric(metric)}", heads, rows, NOTE)]

    def csv(self, results: Results) -> Mapping[str, pd.DataFrame]:
        """Numbers of each search, and its curve."""
        rows = [
            {name: number for name, number in asdict(tuning).items() if name != "curve"}
            | {name: _score(results, getattr(tuning, name)) for name in ("first", "again")}
            | {"gain": tuning.gain, "optimism": tuning.optimism, "rises": tuning.rises}
            for tuning in results.tunings.values()
        ]
        score = results.settings.judged_by.score
        points = [
            {"method": method, "trials": trials, "expected_best": score(value)}
            for method, tuning in results.tunings.items()
            for trials, value in enumerate(tuning.curve, start=1)
        ]
        return {"tuning": pd.DataFrame(rows), "tuning_curves": pd.DataFrame(points)}


def _baseline_under_tuned(results: Results, tuning: Tuning) -> Card:
    label = wording.inside(results.settings.label(tuning.method))
    gain = wording.size(tuning.gain or 0.0, results.settings.judged_by.name)
    return Card(
        "Baseline under-tuned",
        f"the second half of its {tuning.completed} trials still brought {gain}. "
        f"Every difference to {label} may be due to that.",
    )


def _score(results: Results, maximised: float | None) -> float | None:
    """The score whose maximised form this is."""
    return None if maximised is None else results.settings.judged_by.score(maximised)


def _row(results: Results, tuning: Tuning) -> list[str]:
    metric = results.settings.judged_by.name
    numbers = _score(results, tuning.first), _score(results, tuning.again), tuning.gain, tuning.noise
    return [
        results.settings.label(tuning.method),
        str(tuning.completed),
        str(tuning.epochs),
        *(wording.NONE if number is None else wording.number(number, metric) for number in numbers),
        str(tuning.chosen),
    ]


def _seen(results: Results, curves: Mapping[str, Sequence[float]]) -> str:
    """Where each curve begins and ends, and which still rise."""
    metric, label = results.settings.judged_by.name, results.settings.label
    ends = {
        method: [wording.score(_score(results, curve[place]), metric) for place in (0, -1)]
        for method, curve in curves.items()
    }
    lines = [f"{label(method)} from {one} to {all_}" for method, (one, all_) in ends.items()]
    rising = [label(method) for method in curves if results.tunings[method].rises]
    still = f"Still rising: {wording.listing(rising)}." if rising else "None still rises."
    return f"Expected best from one trial to all: {wording.listing(lines)}. {still}"


def _figure(results: Results, curves: Mapping[str, Sequence[float]]) -> Figure:
    """A panel per method, each with the curve of the baseline."""
    look_of, judged_by = looks(results, curves), results.settings.judged_by
    curves = {method: [judged_by.score(value) for value in curve] for method, curve in curves.items()}
    figure, panels = style.panels(style.PAGE if len(curves) > 1 else style.COLUMN, len(curves))
    single = {method for method in curves if method.startswith(UNIMODAL)}
    for axes, (method, curve) in zip(panels, curves.items(), strict=True):
        if method not in {results.baseline, *single} and results.baseline in curves:
            marks.rising(axes, curves[results.baseline], style.REFERENCE)
        marks.rising(axes, curve, look_of[method]._replace(line="-"))
        axes.set_title(wording.broken(look_of[method].label))
    style.alike([axes for axes, method in zip(panels, curves, strict=True) if method not in single] or panels)
    for axes in panels:
        style.scored(axes, judged_by.name)
    if results.baseline in curves:
        base = wording.inside(results.settings.label(results.baseline))
        legends.legend(figure, [], [legends.line(base, style.REFERENCE)])
    label = wording.with_unit(f"expected best {wording.metric(judged_by.name)}", judged_by.name, "%")
    style.outer(panels, label, "search trials")
    figure.suptitle("Tuning curves")
    return figure
