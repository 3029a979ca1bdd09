"""What each hyperparameter does around the incumbent, one changed at a time."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from search_spaces.space import Notation
from study.analysis.results import Results
from study.analysis.sweeps import Shift, Sweep, SweptValue
from study.methods import BASELINE
from study.reporting import cells, wording
from study.reporting.drawing import legends, marks, style
from study.reporting.section import AS_ABOVE, Drawn, Row, Section, Table, looks

CAPTION = (
    "The incumbent of the search with one hyperparameter changed, at full budget. Filled marks are means "
    "over seeds with their 95 % interval, open circles single seeds."
)
REFERENCE = (
    " The dashed line with its band is {baseline} with the best settings of its own search, on the seeds of "
    "the confirm runs."
)
AT_ZERO = (
    " At {symbol} = 0 the method is {rest} with its other settings, so the point need not equal what "
    "{rest} reaches with its own."
)

ADJUSTED = "p of paired t-tests, Holm-adjusted over the {tests} of all sweeps of {method}."


class Sensitivity(Section):
    """Sweeps of single hyperparameters."""

    name = "sensitivity"
    title = "Sensitivity to hyperparameters"

    def findings(self, results: Results) -> Iterable[str]:
        """Which values differ from the incumbent's, and what is left of a method without its own part."""
        if results.saturated:
            return
        sweeps = [sweep for sweep in _sweeps(results) if len(sweep.values) > 1]
        yield from _flat(results, sweeps)
        yield from filter(None, (_verdict(results, sweep) for sweep in sweeps))
        yield from filter(None, (_switched_off(results, sweep) for sweep in sweeps))

    def figures(self, results: Results) -> Iterable[Drawn]:
        """A figure per sweep."""
        caption = CAPTION + _reference(results)
        for sweep in _sweeps(results):
            if any(value.seeds for value in sweep.values):
                name = f"sensitivity_{sweep.method}_{sweep.key}"
                figure = _figure(results, sweep)
                yield Drawn(name, caption + _at_zero(results, sweep), figure, _seen(results, sweep))
                caption = AS_ABOVE

    def tables(self, results: Results) -> Iterable[Table]:
        """A table per sweep."""
        metric = results.settings.judged_by.name
        score = wording.with_unit(f"Validation {wording.metric(metric)}", metric, "%")
        change = wording.with_unit("Against the incumbent", metric, "points")
        heads = ["Value", score, "Seeds", change, "Holm-adjusted p", ""]
        for sweep in _sweeps(results):
            title = f"{_label(results, sweep)}: {wording.axis(sweep.key, _notation(results, sweep))}"
            rows = [_cells(row, value, metric) for row, value in _rows(sweep)]
            yield Table(title, heads, rows, _adjusted(results, sweep))

    def papers(self, results: Results) -> Mapping[str, Table]:
        """The tables of the page."""
        names = [f"sensitivity_{sweep.method}_{sweep.key}" for sweep in _sweeps(results)]
        return dict(zip(names, self.tables(results), strict=True))

    def csv(self, results: Results) -> Mapping[str, pd.DataFrame]:
        """Every value of every sweep with its paired difference to the incumbent."""
        return {"sensitivity": pd.DataFrame([r for sweep in _sweeps(results) for r, _ in _rows(sweep)])}


def _sweeps(results: Results) -> list[Sweep]:
    return [sweep for swept in results.sweeps.values() for sweep in swept.values()]


def _label(results: Results, sweep: Sweep) -> str:
    return results.settings.label(sweep.method)


def _notation(results: Results, sweep: Sweep) -> Notation:
    return results.settings.method(sweep.method).search.notation


def _symbol(results: Results, sweep: Sweep) -> str:
    return wording.symbol(sweep.key, _notation(results, sweep))


def _adjusted(results: Results, sweep: Sweep) -> str:
    """Over how many tests the p-values of a sweep are adjusted; nothing where it has none."""
    if not sweep.shifts:
        return ""
    tests = sum(len(one.shifts) for one in results.sweeps[sweep.method].values())
    label = wording.inside(_label(results, sweep))
    return ADJUSTED.format(tests=wording.count(tests, "comparison"), method=label)


def _flat(results: Results, sweeps: Sequence[Sweep]) -> Iterable[str]:
    """One sentence for all sweeps of a method in which no value stands out, one for those without a test."""
    symbols: dict[tuple[str, bool], list[str]] = {}
    for sweep in sweeps:
        if sweep.shifts and not sweep.clear:
            tested = any(shift.adjusted is not None for shift in sweep.shifts)
            symbols.setdefault((_label(results, sweep), tested), []).append(_symbol(results, sweep))
    for (label, tested), flat in symbols.items():
        swept = f"swept value of {wording.listing(flat)}"
        if tested:
            yield f"{label}: no {swept} is distinguishable from the incumbent's."
        else:
            yield f"{label}: no {swept} can be tested with these seeds: they are too few, or without spread."


def _verdict(results: Results, sweep: Sweep) -> str:
    """Values that differ from the incumbent's, or why none can be tested."""
    label, symbol = _label(results, sweep), _symbol(results, sweep)
    if sweep.clear:
        metric = results.settings.judged_by.name
        each = [f"{wording.setting(symbol, shift.value)} ({_moved(shift, metric)})" for shift in sweep.clear]
        said = f"{wording.listing(each)} {'is' if len(each) == 1 else 'are'} distinguishable"
        return f"{label}: {said} from the incumbent's {wording.setting(symbol, sweep.chosen)}."
    if not any(value.seeds for value in sweep.values):
        return f"{label}: no run of the sweep of {symbol} gave a number."
    missing = f"{label}: the incumbent's {symbol} was not swept, so no value can be tested against it."
    return "" if sweep.shifts else missing


def _moved(shift: Shift, metric: str) -> str:
    p = wording.p_value(shift.adjusted or 0.0)
    return f"{wording.change(shift.test.difference.mean, metric)}, adjusted {p}"


def _switched_off(results: Results, sweep: Sweep) -> str:
    """What the method's own part does: with the hyperparameter at 0 the rest of its settings is left."""
    rest = results.settings.method(sweep.method).switched_off.get(sweep.key)
    off = next((shift for shift in sweep.shifts if rest and shift.value == 0), None)
    if off is None:
        return ""
    change, symbol, judged_by = off.test.difference, _symbol(results, sweep), results.settings.judged_by
    moved = wording.change(change.mean, judged_by.name)
    if change.low is not None:
        interval = wording.difference(change.low, change.high, judged_by.name)
        moved += f" ({interval}, adjusted {wording.p_value(off.adjusted or 0.0)})"
    effect = "is shown neither to help nor to harm" if change.mean else "has changed nothing"
    if off in sweep.clear:
        effect = "helps" if judged_by.sign * (change.mean or 0.0) < 0 else "harms"
    return (
        f"{_label(results, sweep)} at {wording.setting(symbol, 0)} is {rest} with its other settings: "
        f"{moved} against {wording.setting(symbol, sweep.chosen)} on the same "
        f"{wording.count(change.n, 'seed')}. So {symbol} > 0 {effect} here."
    )


def _seen(results: Results, sweep: Sweep) -> str:
    """The mean at every value, and which of them is the incumbent's."""
    metric = results.settings.judged_by.name
    means = {wording.value(value.value): wording.score(value.interval.mean, metric) for value in sweep.values}
    at = wording.setting(_symbol(results, sweep), sweep.chosen)
    read = ", ".join(f"{value}: {mean}" for value, mean in means.items())
    return f"{_label(results, sweep)} by {_symbol(results, sweep)}: {read}; the incumbent has {at}."


def _reference(results: Results) -> str:
    """What the dashed line is, where there is one."""
    label = wording.inside(results.settings.label(BASELINE))
    return REFERENCE.format(baseline=label) if _baseline(results)["mean"] is not None else ""


def _at_zero(results: Results, sweep: Sweep) -> str:
    rest = results.settings.method(sweep.method).switched_off.get(sweep.key)
    return AT_ZERO.format(symbol=_symbol(results, sweep), rest=rest) if rest else ""


def _baseline(results: Results) -> Mapping[str, Any]:
    """Validation score of the baseline's own best settings; none over folds, where sweeps are not run."""
    scores = results.scores(results.protocols[0]).get(BASELINE)
    if scores is None or results.settings.folds:
        return {"mean": None}
    measured: Mapping[str, Any] = scores["validation"][results.settings.judged_by.name]
    return measured


def _figure(results: Results, sweep: Sweep) -> Figure:
    """Mean, interval and seeds at every value; incumbent ringed, baseline as a line."""
    figure, (axes,) = style.panels(style.COLUMN, 1)
    look = looks(results, [sweep.method])[sweep.method]
    baseline = wording.inside(results.settings.label(BASELINE))
    at = style.places(axes, [value.value for value in sweep.values])
    marks.reference(axes, _baseline(results), f"{baseline}, its own best settings")
    marks.swept(axes, at, sweep, look)
    axes.set_xlabel(wording.axis(sweep.key, _notation(results, sweep)))
    axes.set_title(f"{look.label}: sensitivity to {_symbol(results, sweep)}")
    metric = results.settings.judged_by.name
    style.scored(axes, metric)
    axes.set_ylabel(wording.with_unit(f"validation {wording.metric(metric)}", metric, "%"))
    entries = [legends.interval("mean, 95 % interval", look), legends.dots("one seed"), legends.ring_key()]
    legends.legend(figure, [axes], entries)
    return figure


def _rows(sweep: Sweep) -> Iterable[tuple[Row, SweptValue]]:
    """Every value with its row in the csv file."""
    moved = {shift.value: shift for shift in sweep.shifts}
    for swept in sweep.values:
        shift = moved.get(swept.value)
        yield (
            {
                "method": sweep.method,
                "key": sweep.key,
                "incumbent": swept.value == sweep.chosen,
                "value": swept.value,
                "mean": swept.interval.mean,
                "low": swept.interval.low,
                "high": swept.interval.high,
                "seeds": len(swept.seeds),
                "lost": len(swept.lost),
                "difference": shift and shift.test.difference.mean,
                "p_holm": shift and shift.adjusted,
            },
            swept,
        )


def _cells(row: Row, value: SweptValue, metric: str) -> list[str]:
    notes = ["incumbent"] if row["incumbent"] else []
    if value.lost:
        notes.append(f"{wording.seeds(value.lost)} diverged or failed")
    numbers = [wording.value(value.value), cells.score(row, metric, " "), str(row["seeds"])]
    return [*numbers, wording.signed(row["difference"], metric), cells.p(row["p_holm"]), ", ".join(notes)]
