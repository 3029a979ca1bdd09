"""Whether every method was tuned enough to be compared: tuning curves, and what the best trials are worth."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict

import pandas as pd
from matplotlib.figure import Figure

from study.analysis.results import Results
from study.analysis.tuning import Tuning
from study.reporting import wording
from study.reporting.drawing import legends, marks, style
from study.reporting.section import Drawn, Section, Table, looks
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

    def findings(self, results: Results) -> Iterable[str]:
        """Methods whose curve still rises, the baseline first, and how often the first was not the best."""
        rising = {method: tuning for method, tuning in results.tunings.items() if tuning.rises}
        if results.baseline in rising:
            yield _baseline_under_tuned(results, rising.pop(results.baseline))
        if rising:
            label, metric = results.settings.label, results.settings.judged_by.name
            gains = [f"{label(m)} ({wording.size(curve.gain or 0.0, metric)})" for m, curve in rising.items()]
            yield f"More trials may improve {wording.listing(gains)}: so much the last half brought."
        judged = [tuning for tuning in results.tunings.values() if tuning.again is not None]
        overturned = [tuning for tuning in judged if tuning.chosen > 1]
        if judged:
            yield (
                f"The best search trial was not the best on fresh seeds for {len(overturned)} of "
                f"{wording.count(len(judged), 'method')}."
            )

    def figures(self, results: Results) -> Iterable[Drawn]:
        """Curves of all methods with two trials or more."""
        curves = {m: tuning.curve for m, tuning in results.tunings.items() if len(tuning.curve) > 1}
        return [Drawn("tuning_curves", CAPTION, _figure(results, curves))] if curves else []

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


def _baseline_under_tuned(results: Results, tuning: Tuning) -> str:
    label = wording.inside(results.settings.label(tuning.method))
    gain = wording.size(tuning.gain or 0.0, results.settings.judged_by.name)
    return (
        f"Baseline under-tuned: the second half of its {tuning.completed} trials still brought {gain}. "
        f"Every difference to {label} may be due to that."
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
