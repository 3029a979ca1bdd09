"""Whether every method was tuned enough to be compared: tuning curves, and what the best trials are worth."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict

import pandas as pd
from matplotlib.figure import Figure

from study.analysis.results import Results
from study.analysis.tuning import Tuning
from study.reporting import wording
from study.reporting.drawing import legends, marks, style
from study.reporting.section import Drawn, Section, Table, looks

CAPTION = (
    "Expected best validation accuracy of a search with that many of the completed trials, over all ways to "
    "draw them. A curve that still rises at its end belongs to a method that more trials would improve; "
    "comparisons with it are premature. The dashed line is the baseline."
)
HEADS = [
    "Method",
    "Completed trials",
    "Epochs of all trials",
    "Best of search",
    "The same on fresh seeds",
    "Second half of the trials brought, points",
    "Spread over seeds, points",
    "Confirmed: place in the search",
]
NOTE = (
    "Validation accuracies. The best of several single runs is partly luck: the same configuration on fresh "
    "seeds says how much. Of the finalists the one with the best mean on fresh seeds is confirmed."
)


class TuningCurves(Section):
    """The searches as such."""

    name = "tuning"
    title = "Was every method tuned enough"

    def findings(self, results: Results) -> Iterable[str]:
        """Methods whose curve still rises, the baseline first, and how often the first was not the best."""
        rising = {method: tuning for method, tuning in _tunings(results).items() if tuning.rises}
        if results.baseline in rising:
            yield _baseline_under_tuned(results, rising.pop(results.baseline))
        if rising:
            gains = [f"{results.settings.label(m)} ({_points(one.gain)})" for m, one in rising.items()]
            yield f"More trials may improve {wording.listing(gains)}; points that the last half brought."
        judged = [tuning for tuning in _tunings(results).values() if tuning.again is not None]
        overturned = [tuning for tuning in judged if tuning.chosen > 1]
        if judged:
            yield (
                f"The best search trial was not the best on fresh seeds for {len(overturned)} of "
                f"{wording.count(len(judged), 'method')}."
            )

    def figures(self, results: Results) -> Iterable[Drawn]:
        """Curves of all methods with two trials or more."""
        curves = {m: tuning.curve for m, tuning in _tunings(results).items() if len(tuning.curve) > 1}
        return [Drawn("tuning_curves", CAPTION, _figure(results, curves))] if curves else []

    def tables(self, results: Results) -> Iterable[Table]:
        """A row per method."""
        rows = [_row(results, tuning) for tuning in _tunings(results).values()]
        return [Table("Searches", HEADS, rows, NOTE)]

    def csv(self, results: Results) -> Mapping[str, pd.DataFrame]:
        """Numbers of each search, and its curve."""
        rows = [
            {name: number for name, number in asdict(tuning).items() if name != "curve"}
            | {"gain": tuning.gain, "optimism": tuning.optimism, "rises": tuning.rises}
            for tuning in _tunings(results).values()
        ]
        points = [
            {"method": method, "trials": trials, "expected_best": value}
            for method, tuning in _tunings(results).items()
            for trials, value in enumerate(tuning.curve, start=1)
        ]
        return {"tuning": pd.DataFrame(rows), "tuning_curves": pd.DataFrame(points)}


def _tunings(results: Results) -> Mapping[str, Tuning]:
    """Searches for the best accuracy; those for another score are not in points, and none is shown."""
    return {} if results.settings.protocol.objective else results.tunings


def _baseline_under_tuned(results: Results, tuning: Tuning) -> str:
    label = wording.inside(results.settings.label(tuning.method))
    gain = wording.points(tuning.gain or 0.0)
    return (
        f"Baseline under-tuned: the second half of its {tuning.completed} trials still brought {gain}. "
        f"Every difference to {label} may be due to that."
    )


def _points(number: float | None) -> str:
    return wording.NONE if number is None else f"{100 * number:.1f}"


def _row(results: Results, tuning: Tuning) -> list[str]:
    return [
        results.settings.label(tuning.method),
        str(tuning.completed),
        str(tuning.epochs),
        _points(tuning.first),
        _points(tuning.again),
        _points(tuning.gain),
        _points(tuning.noise),
        str(tuning.chosen),
    ]


def _figure(results: Results, curves: Mapping[str, tuple[float, ...]]) -> Figure:
    """A panel per method, each with the curve of the baseline."""
    look_of = looks(results, curves)
    figure, panels = style.panels(style.PAGE if len(curves) > 1 else style.COLUMN, len(curves))
    for axes, (method, curve) in zip(panels, curves.items(), strict=True):
        if method != results.baseline and results.baseline in curves:
            marks.rising(axes, curves[results.baseline], style.REFERENCE)
        marks.rising(axes, curve, look_of[method]._replace(line="-"))
        axes.set_title(wording.broken(look_of[method].label))
    style.alike(panels)
    for axes in panels:
        style.percent(axes, "")
    if results.baseline in curves:
        base = wording.inside(results.settings.label(results.baseline))
        legends.legend(figure, [], [legends.line(base, style.REFERENCE)])
    style.outer(panels, "expected best (%)", "search trials")
    figure.suptitle("Tuning curves")
    return figure
