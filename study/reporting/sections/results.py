"""Which method is better: scores over fresh seeds and differences to the baseline."""

from collections.abc import Iterable, Mapping
from itertools import groupby

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from study.analysis.comparisons import FAMILIES, Comparison, as_numbers, family_of
from study.analysis.method_status import MethodStatus
from study.analysis.metric_names import PLAIN_NUMBERS
from study.analysis.results import Results
from study.analysis.summary import FIVE, SPLITS, five, fold_of
from study.reporting import cells, status_wording, wording
from study.reporting.comparison_wording import is_undecided, together, verdict
from study.reporting.drawing import legends, marks, style
from study.reporting.section import Drawn, Row, Section, Table, looks
from trainables.multimodal.methods import UNIMODAL

CAPTION = (
    "Scores of the best weights of every confirm run, the best method on top. Filled marks "
    "are means over seeds with their 95 % interval, open circles below them single seeds; the dashed "
    "line is the baseline. The mean of a single modality far away from all methods stands at that edge, "
    "which may cut an interval. "
    "Right: differences to the baseline with their 95 % interval; one that contains 0 is compatible with no "
    "effect. Open circles are differences on the same seed or, of tests that are not paired, to the "
    "baseline's mean."
)
UNDER = {
    "clean": "",
    "paper": " under the paper protocol (published split, best epoch chosen on test)",
}
TESTS = "t-tests, Holm-adjusted within candidates, single modalities and controls"
BETTER = (
    "P(better) is the probability that the method is truly better, by the t-test and without adjustment. "
    "Tests are paired over seeds for methods that follow joint training until they act, else Welch's."
)
IN_FOLDS = (
    " Runs over folds are compared fold by fold; the variance allows for samples that training parts share. "
    "Configurations were searched on one split, and samples of its validation part are tested in other folds."
)
COMPARED = ("difference", "difference_low", "difference_high", "p", "p_holm", "probability_better")
NOTHING = "No configuration has been confirmed with fresh seeds yet, so no method can be called better."


class MethodResults(Section):
    """All methods, judged on test where it was read."""

    name = "results"
    title = "Which method is better"

    def findings(self, results: Results) -> Iterable[str]:
        """Which methods differ from the baseline, and what the means leave out."""
        if not results.saturated:
            reached = [line for protocol in results.protocols for line in _verdicts(results, protocol)]
            yield from reached or [NOTHING]
        for protocol in results.protocols:
            yield from _losses(results, protocol)

    def figures(self, results: Results) -> Iterable[Drawn]:
        """A figure per protocol under which any method has a number."""
        for protocol in results.protocols:
            if any(status.seeds for status in results.status(protocol)):
                yield Drawn(f"comparison_{protocol}", CAPTION, _figure(results, protocol))

    def tables(self, results: Results) -> list[Table]:
        """All methods per protocol, and what the numbers rest on."""
        return [*(_methods(results, protocol) for protocol in results.protocols), _protocols(results)]

    def csv(self, results: Results) -> Mapping[str, pd.DataFrame]:
        """Every method and every comparison."""
        statuses = [status for protocol in results.protocols for status in results.status(protocol)]
        compared = [*results.comparisons, *results.controls]
        return {
            "methods": pd.DataFrame([_method_row(results, status) for status in statuses]),
            "comparisons": pd.DataFrame([as_numbers(comparison) for comparison in compared]),
        }


def _verdicts(results: Results, protocol: str) -> Iterable[str]:
    """What the baseline reaches, then others against it: candidates first, the best of each family on top."""
    label, base = results.settings.label, wording.inside(results.settings.label(results.baseline))
    compared = list(filter(None, (results.against_baseline(protocol, m) for m in results.ranked(protocol))))
    how = f"Others are compared with it by {TESTS}." if compared else ""
    yield from (" ".join(filter(None, [reached, how])) for reached in _baseline(results, protocol))
    families = {c.method: FAMILIES.index(family_of(results.chosen, c.method)) for c in compared}
    compared.sort(key=lambda comparison: families[comparison.method])
    for (_, undecided), group in groupby(compared, lambda c: (families[c.method], is_undecided(c))):
        named = {label(comparison.method) + cells.SHORT[protocol]: comparison for comparison in group}
        if undecided:
            yield together(named, base)
        else:
            yield from (verdict(comparison, name, base) for name, comparison in named.items())


def _baseline(results: Results, protocol: str) -> Iterable[str]:
    """What the baseline reaches, if it was confirmed."""
    status = next((status for status in results.status(protocol) if status.method == results.baseline), None)
    if status is not None and status.seeds:
        score, metric = results.judged(protocol, results.baseline), results.settings.judged_by.name
        named = f"a {wording.metric(metric)} of " if metric in PLAIN_NUMBERS else ""
        reached = (
            f"{named}{wording.score(score['mean'], metric)} on {results.split(protocol)}{UNDER[protocol]}"
        )
        reached += _test_set(results, protocol)
        bounds = wording.bounds(score["low"], score["high"], metric)
        seeds = wording.count(status.seeds, "seed")
        yield f"{results.settings.label(results.baseline)} reaches {reached} ({bounds}, {seeds})."


def _test_set(results: Results, protocol: str) -> str:
    """How much test holds, and how many people; nothing where older ledgers do not know."""
    held_out = results.settings.protocol.tested.get(protocol)
    if held_out is None or results.split(protocol) != "test":
        return ""
    people = f" of {wording.count(held_out.groups, 'group')}" if held_out.groups else ""
    folds = ", in folds" if fold_of(results.chosen.trained(results.baseline, protocol)) else ""
    return f", {wording.count(held_out.samples, 'sample')}{people}{folds}"


def _losses(results: Results, protocol: str) -> Iterable[str]:
    """Runs that give no number, whose absence flatters the method, and methods that came to nothing."""
    for status in results.status(protocol):
        label = results.settings.label(status.method) + cells.SHORT[protocol]
        if status.is_without_result:
            yield f"{label} has no result, {status_wording.outcome(status)}."
        elif status.seeds and status.endings:
            why = status_wording.reason(status)
            yield f"{label}: {why}. The mean leaves that out, which flatters the method."


def _figure(results: Results, protocol: str) -> Figure:
    """Two metrics per method, and the differences to the baseline in the one they are judged by."""
    order, split = results.ranked(protocol), results.split(protocol)
    scores = {method: results.scores(protocol)[method][split] for method in order}
    compared = {order.index(o.method): o for o in results.comparisons if o.protocol == protocol}
    look_of = looks(results, order)
    figure, panels = style.listed(3 if compared else 2, len(order))
    single = [place for place, method in enumerate(order) if method.startswith(UNIMODAL)]
    for axes, metric in zip(panels, results.chosen.metrics, strict=False):
        measures = {method: scores[method][metric] for method in order}
        extents = marks.rows(axes, measures, look_of)
        marks.close_up(axes, extents, single, metric)
        if (mean := measures[results.baseline]["mean"]) is not None:
            axes.axvline(mean, color=style.GREY, ls="--", lw=1.2, zorder=1)
        axes.set_xlabel(wording.with_unit(f"{split} {wording.metric(metric)}", metric, "%"))
        style.scored_across(axes, metric, 0)
    base = wording.inside(look_of[results.baseline].label)
    if compared:
        extents = marks.differences(panels[2], compared, look_of)
        metric = results.settings.judged_by.name
        marks.close_up(panels[2], {**extents, order.index(results.baseline): [0.0]}, single, metric)
        panels[2].set_xlabel(wording.with_unit(f"{wording.metric(metric)}\nminus {base}", metric, "points"))
        style.scored_across(panels[2], metric, -1)
    _note(panels[0], results.status(protocol), order)
    style.names(panels[0], [look.label for look in look_of.values()])
    style.rows_only(panels[1:])
    baseline = Line2D([], [], color=style.GREY, ls="--", lw=1.2, label=base)
    interval = legends.interval("mean, 95 % interval", style.Look(style.INK, "o", "-"))
    legends.legend(figure, [], [interval, legends.dots("one seed"), baseline])
    figure.suptitle(f"Methods on {split}, {protocol} protocol")
    return figure


def _note(axes: Axes, statuses: Iterable[MethodStatus], order: list[str]) -> None:
    """Say at their rows how far methods without a number came."""
    for status in statuses:
        if status.method in order and not status.seeds:
            marks.note(axes, order.index(status.method), status_wording.status(status))


def _methods(results: Results, protocol: str) -> Table:
    """All methods of one protocol, the best first, with what became of those without a number."""
    split, unit = results.split(protocol), "gpu" if results.summary["cost"]["gpu_hours"] else "cpu"
    base = wording.inside(results.settings.label(results.baseline))
    heads = ["Method", "Seeds", *(f"{unit.upper()}-hours {stage}" for stage in ("search", "confirm"))]
    metrics = results.chosen.metrics
    heads += [f"{part.capitalize()} {wording.metric(metric)}" for part in SPLITS for metric in metrics]
    heads += [f"{split.capitalize()} {wording.metric(metrics[0])} minus {base}"]
    heads += ["Holm-adjusted p", "P(better)"]
    named = f"Methods, {cells.PROTOCOLS[protocol]} protocol"
    plain = [wording.metric(name) for name in metrics if name in PLAIN_NUMBERS]
    measured = "mean over fresh seeds with 95 % interval, in percent"
    measured += f", but {wording.listing(plain)} as it is" if plain else ""
    rows = [row for status in results.status(protocol) for row in _cells(results, status, unit)]
    in_folds = results.settings.folds and protocol == "clean"
    return Table(f"{named}: {measured}; {TESTS}", heads, rows, BETTER + (IN_FOLDS if in_folds else ""))


def _cells(results: Results, status: MethodStatus, unit: str) -> list[list[str]]:
    """The row of a method, or what it has come to; below it the runs that its means leave out."""
    baseline = " (baseline)" if status.method == results.baseline else ""
    seeds = str(status.seeds) if status.seeds >= status.asked else f"{status.seeds} of {status.asked}"
    hours = [cells.hours(cost[f"{unit}_hours"]) for cost in status.costs.values()]
    start = [results.settings.label(status.method) + baseline, seeds, *hours]
    if not status.seeds:
        return [[*start, status_wording.outcome(status)]]
    scores = results.scores(status.protocol)[status.method]
    metrics = results.chosen.metrics
    numbers = [cells.score(scores[split].get(metric), metric) for split in SPLITS for metric in metrics]
    row = [*start, *numbers, *cells.tested(results.against_baseline(status.protocol, status.method))]
    left_out = [["", f"left out: {status_wording.reason(status)}"]] if status.endings else []
    return [row, *left_out]


def _protocols(results: Results) -> Table:
    rows = [
        [
            cells.PROTOCOLS[protocol],
            *(str(value) for value in five(results.settings, protocol).values()),
            _readings(results, protocol),
        ]
        for protocol in results.protocols
    ]
    heads = ["Protocol", *(name.capitalize() for name in FIVE), "Test was read"]
    return Table("What every number above rests on", heads, rows)


def _readings(results: Results, protocol: str) -> str:
    """How often test was read, and by how many runs whose configuration a longer search has replaced."""
    chosen = results.chosen
    runs = [run for m in chosen.methods for run in chosen.trials("confirm", m) if run.protocol == protocol]
    read = {run.key for run in runs if run.test}
    shown = {
        run.key for m in chosen.methods for run in [*chosen.confirmed(m, protocol), *chosen.published(m)]
    }
    often = "after every epoch of" if protocol == "paper" else "once by"
    replaced = f", {len(read - shown)} of replaced configurations" if read - shown else ""
    return f"{often} {wording.count(len(read), 'run')}{replaced}"


def _method_row(results: Results, status: MethodStatus) -> Row:
    """How far a method came, its results, its difference to the baseline, its cost."""
    protocol, method = status.protocol, status.method
    scores = results.scores(protocol).get(method, {})
    rests_on = five(results.settings, protocol)
    return {
        "protocol": protocol,
        "method": method,
        "is_baseline": method == results.baseline,
        "status": status_wording.status(status),
        "reason": status_wording.reason(status),
        "seeds": status.seeds,
        "seeds_asked": status.asked,
        **{
            f"{split}_{metric}_{end}": scores.get(split, {}).get(metric, {}).get(end)
            for split, metric in results.columns(protocol)
            for end in ("mean", "std", "low", "high")
        },
        **_difference(results.against_baseline(protocol, method)),
        **{f"{name}_{stage}": hours for stage, cost in status.costs.items() for name, hours in cost.items()},
        **{"split_policy" if name == "split" else name: value for name, value in rests_on.items()},
    }


def _difference(one: Comparison | None) -> Row:
    """The columns of a method's comparison with the baseline, empty where there is none."""
    numbers = {} if one is None else as_numbers(one)
    return {name: numbers.get(name) for name in COMPARED}
