"""The first screen: does a method help here, how sure is that, and what must be tuned?"""

from collections.abc import Iterable

from matplotlib.figure import Figure

from study.analysis.comparisons import Comparison
from study.analysis.importance import MINIMUM_TRIALS
from study.analysis.method_status import MethodStatus
from study.analysis.results import Results
from study.analysis.surface import Matters
from study.analysis.sweeps import Sweep
from study.reporting import cells, status_wording, surface_wording, wording
from study.reporting.comparison_wording import (
    NOT_DECIDABLE,
    NOT_DISTINGUISHABLE,
    counted,
    is_untestable,
)
from study.reporting.drawing import legends, marks, style
from study.reporting.section import Card, Drawn, Section, Table, looks
from study.reporting.verdicts import TESTS, judged, ordered, sentences, tested_on
from trainables.multimodal.methods import UNIMODAL

CAPTION = (
    "Differences to {base}{protocol} with their 95 % interval: one that contains 0 is compatible with no "
    "effect. Open circles are differences on the same seed or fold or, of tests that are not paired, to the "
    "mean of {base}. Where {base} has more seeds, these count too: the filled point is not the mean of the "
    "circles."
)
HEADS = ["Method", "Verdict", "How sure", "Seeds"]
NOTHING_STANDS_OUT = "no value stands out"
NOT_MEASURED = "not measured"
UNMEASURED = (
    f"that takes the stage sensitivity or surface, or {MINIMUM_TRIALS} completed search trials of a method."
)


class Verdict(Section):
    """What the study was asked, answered for every method."""

    name = "verdict"
    title = "Verdict"

    def cards(self, results: Results) -> Iterable[Card]:
        """That nothing says what must be tuned."""
        if results.runs and not results.saturated and not _is_tuning_measured(results):
            yield Card("What to tune is not measured", UNMEASURED)

    def findings(self, results: Results) -> Iterable[str]:
        """The same for the terminal."""
        return sentences(results)

    def figures(self, results: Results) -> Iterable[Drawn]:
        """Differences to the baseline, per protocol."""
        base = wording.inside(results.settings.label(results.baseline))
        for protocol in results.protocols:
            compared = ordered(results, protocol)
            if compared:
                figure = _figure(results, protocol, compared)
                seen = " ".join(_seen(results, comparison) for comparison in compared)
                caption = CAPTION.format(base=base, protocol=cells.SHORT[protocol])
                yield Drawn(f"differences_{protocol}", caption, figure, seen)

    def tables(self, results: Results) -> Iterable[Table]:
        """A line per method, per protocol."""
        return [_table(results, protocol) for protocol in results.protocols]


def _table(results: Results, protocol: str) -> Table:
    settings, unit = results.settings, "gpu" if results.summary["cost"]["gpu_hours"] else "cpu"
    base = wording.inside(settings.label(results.baseline))
    compared = {comparison.method: comparison for comparison in ordered(results, protocol)}
    statuses = {status.method: status for status in results.status(protocol)}
    order = [m for m in dict.fromkeys([results.baseline, *compared, *statuses]) if m in statuses]
    rows = [_row(results, statuses[method], compared.get(method), unit) for method in order]
    difference = wording.with_unit(f"Minus {base}", settings.judged_by.name, "points")
    heads = [*HEADS[:2], difference, *HEADS[2:], f"{unit.upper()}-hours"]
    if _is_tuning_measured(results):
        heads.append("What to tune")
        rows = [[*row, _what_to_tune(results, method)] for row, method in zip(rows, order, strict=True)]
    title = f"{wording.capitalised(wording.metric(settings.judged_by.name))} on {results.split(protocol)}"
    title += f"{cells.SHORT[protocol]}: {TESTS}"
    return Table(title, heads, rows, tested_on(results, protocol))


def _row(results: Results, status: MethodStatus, comparison: Comparison | None, unit: str) -> list[str]:
    """What is said of a method, how large and how sure it is, on how much, and what it took."""
    if comparison is not None:
        said = _compared(results, comparison)
    elif status.seeds:
        said = _alone(results, status)
    else:
        said = ["no result", wording.NONE, status_wording.outcome(status), wording.NONE]
    cost = cells.hours(sum(hours[f"{unit}_hours"] for hours in status.costs.values()))
    return [results.settings.label(status.method), *said, cost]


def _compared(results: Results, comparison: Comparison) -> list[str]:
    difference, metric = comparison.test.difference, comparison.score.name
    moved = cells.change(difference.mean, difference.low, difference.high, metric, " ")
    return [judged(results, comparison), moved, _how_sure(results, comparison), counted(comparison)]


def _alone(results: Results, status: MethodStatus) -> list[str]:
    """The baseline, or a method whose baseline has no result."""
    measured = results.judged(status.protocol, status.method)
    reached = f"reaches {cells.score(measured, results.settings.judged_by.name, ' ')}"
    is_baseline = status.method == results.baseline
    said, sure = ("baseline", wording.NONE) if is_baseline else (NOT_DECIDABLE, "baseline has no result")
    return [said, reached, sure, wording.count(status.seeds, "seed")]


def _how_sure(results: Results, comparison: Comparison) -> str:
    """Adjusted p with what else tells chance from effect, or why there is none."""
    said = judged(results, comparison)
    if results.saturated:
        return "selection is saturated"
    if said == NOT_DECIDABLE and is_untestable(comparison):
        return "no spread" if comparison.test.difference.mean else "the same scores"
    if said == NOT_DECIDABLE:
        return "too few seeds"
    p = wording.p_value(comparison.adjusted or 0.0)
    if said == NOT_DISTINGUISHABLE and comparison.detectable is not None:
        return f"{p}, would find {wording.number(comparison.detectable, comparison.score.name)}"
    return f"{p}, P(better){wording.SPACE}{cells.better(comparison)}"


def _what_to_tune(results: Results, method: str) -> str:
    """Values of the hyperparameters that are shown to matter: on the surface or in the search, then swept.

    A surface stands in place of the search, whose trials lie where the searcher looked.
    """
    sweeps, shares = results.sweeps.get(method, {}), results.importances.get(method, [])
    best, mapped = results.chosen.incumbents.get(method), results.surfaces.get(method)
    if not (mapped or (best and (shares or any(sweep.shifts for sweep in sweeps.values())))):
        return NOT_MEASURED
    notation = results.settings.method(method).search.notation
    advised: dict[str, str] = {}
    if mapped:
        advised = surface_wording.advice(results.settings, mapped)
    elif best:
        searched = [share.key for share in shares if share.stands_out]
        advised = {key: wording.setting(wording.symbol(key, notation), best.config[key]) for key in searched}
    swept = {key: sweep for key, sweep in sweeps.items() if sweep.clear}
    advised |= {key: _advised(results, sweep, wording.symbol(key, notation)) for key, sweep in swept.items()}
    open_still = mapped and any(one.matters is Matters.UNKNOWN for one in mapped.surface.influences)
    return ", ".join(advised.values()) or (NOT_DECIDABLE if open_still else NOTHING_STANDS_OUT)


def _advised(results: Results, sweep: Sweep, symbol: str) -> str:
    """The incumbent's value, or the swept one that is shown to be better."""
    sign = results.settings.judged_by.sign
    best = max(sweep.clear, key=lambda shift: sign * (shift.test.difference.mean or 0.0))
    if sign * (best.test.difference.mean or 0.0) <= 0:
        return wording.setting(symbol, sweep.chosen)
    return f"{wording.setting(symbol, best.value)} instead of {wording.value(sweep.chosen)}"


def _is_tuning_measured(results: Results) -> bool:
    return any(_what_to_tune(results, method) != NOT_MEASURED for method in results.methods)


def _seen(results: Results, comparison: Comparison) -> str:
    """`D&R: better, +3.0 [+1.0, +5.0] points.`"""
    difference, metric = comparison.test.difference, comparison.score.name
    moved = cells.change(difference.mean, difference.low, difference.high, metric, " ")
    label = results.settings.label(comparison.method)
    return f"{label}: {judged(results, comparison)}, {moved}{wording.unit(metric)}."


def _figure(results: Results, protocol: str, compared: list[Comparison]) -> Figure:
    """A row per method, in the order of the table."""
    look_of = looks(results, [comparison.method for comparison in compared])
    figure, (axes,) = style.listed(1, len(compared), style.COLUMN)
    extents = marks.differences(axes, dict(enumerate(compared)), look_of)
    extents[len(compared)] = [0.0]  # no difference stays in view
    single = [place for place, method in enumerate(look_of) if method.startswith(UNIMODAL)]
    metric = results.settings.judged_by.name
    marks.close_up(axes, extents, single, metric)
    base = wording.inside(results.settings.label(results.baseline))
    difference = f"{results.split(protocol)} {wording.metric(metric)} minus {base}"
    axes.set_xlabel(wording.with_unit(difference, metric, "points"))
    style.scored_across(axes, metric, -1)
    style.names(axes, [look.label for look in look_of.values()])
    interval = legends.interval("mean, 95 % interval", style.Look(style.INK, "o", "-"))
    legends.legend(figure, [], [interval, legends.dots("one seed or fold")])
    return figure
