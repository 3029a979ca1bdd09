"""Which method is better: scores over fresh seeds and differences to the baseline."""

from collections.abc import Iterable, Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from study.analysis.comparisons import Comparison, as_numbers
from study.analysis.method_status import MethodStatus
from study.analysis.metric_names import PLAIN_NUMBERS
from study.analysis.results import Results
from study.analysis.summary import FIVE, SPLITS, five
from study.reporting import cells, status_wording, wording
from study.reporting.drawing import legends, marks, style
from study.reporting.section import Card, Drawn, Row, Section, Table, looks
from study.reporting.verdicts import TESTS
from trainables.multimodal.methods import UNIMODAL

CAPTION = (
    "Scores of the best weights of every confirm run{protocol}, the best method on top. Filled marks "
    "are means over seeds with their 95 % interval, open circles below them single seeds; the dashed "
    "line is the baseline. The mean of a single modality far away from all methods stands at that edge, "
    "which may cut an interval."
)
BETTER = (
    "P(better) is the probability that the method is truly better, by the t-test and without adjustment. "
    "Tests are paired over seeds for methods that follow joint training until they act, else Welch's."
)
IN_FOLDS = (
    " Runs over folds are compared fold by fold; the variance allows for samples that training parts share. "
    "Configurations were searched on one split, and samples of its validation part are tested in other folds."
)
COMPARED = ("difference", "difference_low", "difference_high", "p", "p_holm", "probability_better")


class MethodResults(Section):
    """Scores of all methods, judged on test where it was read; the verdicts stand at the top of the page."""

    name = "results"
    title = "What every method reaches"

    def cards(self, results: Results) -> Iterable[Card]:
        """Runs that give no number."""
        for protocol in results.protocols:
            lost = list(_losses(results, protocol))
            if lost:
                title = f"Runs are left out of means{cells.SHORT[protocol]}"
                yield Card(title, f"{'; '.join(lost)}. That flatters these methods.")

    def figures(self, results: Results) -> Iterable[Drawn]:
        """A figure per protocol under which any method has a number."""
        for protocol in results.protocols:
            if any(status.seeds for status in results.status(protocol)):
                figure = _figure(results, protocol)
                caption = CAPTION.format(protocol=cells.SHORT[protocol])
                yield Drawn(f"comparison_{protocol}", caption, figure, _seen(results, protocol))

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


def _losses(results: Results, protocol: str) -> Iterable[str]:
    """Runs that give no number, whose absence flatters the method."""
    for status in results.status(protocol):
        if status.seeds and status.endings:
            yield f"{results.settings.label(status.method)}: {status_wording.reason(status)}"


def _figure(results: Results, protocol: str) -> Figure:
    """Two metrics per method, with the baseline's mean as a line."""
    order, split = results.ranked(protocol), results.split(protocol)
    scores = {method: results.scores(protocol)[method][split] for method in order}
    look_of = looks(results, order)
    figure, panels = style.listed(2, len(order))
    single = [place for place, method in enumerate(order) if method.startswith(UNIMODAL)]
    for axes, metric in zip(panels, results.chosen.metrics, strict=True):
        measures = {method: scores[method][metric] for method in order}
        extents = marks.rows(axes, measures, look_of)
        marks.close_up(axes, extents, single, metric)
        if (mean := measures[results.baseline]["mean"]) is not None:
            axes.axvline(mean, color=style.GREY, ls="--", lw=1.2, zorder=1)
        axes.set_xlabel(wording.with_unit(f"{split} {wording.metric(metric)}", metric, "%"))
        style.scored_across(axes, metric, 0)
    _note(panels[0], results.status(protocol), order)
    style.names(panels[0], [look.label for look in look_of.values()])
    style.rows_only(panels[1:])
    base = wording.inside(look_of[results.baseline].label)
    line = Line2D([], [], color=style.GREY, ls="--", lw=1.2, label=base)
    interval = legends.interval("mean, 95 % interval", style.Look(style.INK, "o", "-"))
    legends.legend(figure, [], [interval, legends.dots("one seed"), line])
    figure.suptitle(f"Methods on {split}, {protocol} protocol")
    return figure


def _seen(results: Results, protocol: str) -> str:
    """What each method reaches, the best first."""
    metric, label = results.settings.judged_by.name, results.settings.label
    means = {m: results.judged(protocol, m)["mean"] for m in results.ranked(protocol)}
    reached = [f"{label(m)} {wording.score(mean, metric)}" for m, mean in means.items() if mean is not None]
    return f"{results.split(protocol).capitalize()} {wording.metric(metric)}: {wording.listing(reached)}."


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
