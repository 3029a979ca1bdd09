"""What boosting added: heads of each modality and what they reach, and the gap function."""

from collections.abc import Iterable, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.analysis import trial_tables
from study.analysis.results import Results, chosen_before, last_values
from study.analysis.statistics import mean_interval
from study.analysis.trial_tables import by_modality
from study.records.trial_record import Record
from study.reporting import cells, wording
from study.reporting.drawing import epoch_curves, legends, style
from study.reporting.drawing.epoch_curves import EpochCurve
from study.reporting.drawing.style import Look
from study.reporting.section import AS_ABOVE, Card, Drawn, Section, Table, chosen_early, looks

ONE_HEAD = "boosting_no_heads"  # the control that trains by the same losses and adds no head
GAP = EpochCurve("boosting/gap", "Gap function: largest minus smallest loss of a modality", "gap G", False)
ALL, EARLIER = "accuracy_all", "accuracy_earlier"  # of a modality's heads together, and without the newest
HEADS = {
    ALL: Look("#009E73", "", "-", "all heads, mean"),
    EARLIER: Look(style.ACCENT, "", "--", "all but the newest, mean"),
}
HEADS_CAPTION = (
    "Confirm runs. Above: validation accuracy of a modality's heads together, and of all but the newest. "
    "Where the dashed line runs as high as the solid one, the newest head adds nothing. Bold lines are "
    "means over seeds, the dashed one only from where every run has more than one head. Below: the number "
    "of heads."
)
GAP_CAPTION = (
    "The largest minus the smallest cross-entropy of a modality, all its heads together, over the training "
    "set, epoch by epoch: how unevenly the modalities have been learned. Thin lines are confirm runs, bold "
    "ones their mean."
)


class Boosting(Section):
    """Heads and the gap function of methods that record them."""

    name = "boosting"
    title = "Heads added by boosting"

    def cards(self, results: Results) -> Iterable[Card]:
        """Methods whose chosen weights are older than their first added head."""
        early = {results.settings.label(m): [*map(_is_early, runs)] for m, runs in results.runs.items()}
        return chosen_early(early, "added head")

    def findings(self, results: Results) -> Iterable[str]:
        """Methods whose result shows no added head."""
        label = results.settings.label
        for method, runs in _with_heads(results).items():
            if max(last_values(runs, "heads").values()) <= 1:
                yield f"{label(method)} gave no modality a second head in {wording.count(len(runs), 'run')}."

    def figures(self, results: Results) -> list[Drawn]:
        """Heads of each method, then the gap function of all."""
        heads = epoch_curves.column(results.modalities, "heads")
        drawn: list[Drawn] = []
        for method, runs in _with_heads(results).items():
            label = results.settings.label(method)
            figure = _heads(label, heads[heads["method"] == method])
            ends = last_values(runs, "heads").items()
            read = {wording.plain(modality): f"{number:.3g}" for modality, number in ends}
            seen = f"{label}, heads at the end: {wording.readings(read)}."
            drawn.append(Drawn(f"heads_{method}", AS_ABOVE if drawn else HEADS_CAPTION, figure, seen))
        return drawn + _gap_function(results)

    def tables(self, results: Results) -> list[Table]:
        """Heads in numbers."""
        return [_heads_table(results)]


def _with_heads(results: Results) -> dict[str, list[Record]]:
    """Runs of the methods that add heads; those of controls are not shown one by one."""
    control_of = {method: results.settings.method(method).control_of for method in results.runs}
    return {
        method: runs
        for method, runs in results.runs.items()
        if not control_of[method] and last_values(runs, "heads")
    }


def _is_early(run: Record) -> bool:
    """Whether the weights were chosen before any modality had a second head."""
    grown = [
        epoch
        for epoch, metrics in run.epochs.items()
        if any(columns.get("heads", 1) > 1 for columns in by_modality(metrics).values())
    ]
    return bool(grown) and chosen_before(run, min(grown))


def _heads(label: str, runs: pd.DataFrame) -> Figure:
    """Validation accuracy of all heads and of all but the newest, above the number of heads, per modality."""
    means = trial_tables.mean_where_all(runs, ["modality", "epoch"], ["heads", ALL, EARLIER])
    names = list(dict.fromkeys(means["modality"]))
    figure, (upper, lower) = style.over(2.5, 1.1, len(names))
    for name, top, foot in zip(names, upper, lower, strict=True):
        seeds, mean = runs[runs["modality"] == name], means[means["modality"] == name]
        for column, look in HEADS.items():
            _faint(top, seeds, column, look.colour, "default")
            top.plot(mean["epoch"], mean[column], color=look.colour, ls=look.line)
        _faint(foot, seeds, "heads", style.GREY, "steps-mid")
        foot.plot(mean["epoch"], mean["heads"], color=style.INK, ds="steps-mid")
        top.set_title(wording.plain(name))
        style.epochs(foot)
        style.epochs(top)
    for row, text in ((upper, "validation accuracy (%)"), (lower, "heads")):
        style.alike(row)
        style.outer(row, text, "epoch" if row is lower else "")
    for axes in upper:
        style.percent(axes, axes.get_ylabel())
    for axes in lower:
        style.whole(axes)
    figure.suptitle(f"{label}: heads of each modality")
    entries = [legends.line(look.label, look) for look in HEADS.values()]
    legends.legend(figure, [], [*entries, legends.thin("one seed")])
    return figure


def _faint(axes: Axes, runs: pd.DataFrame, column: str, colour: str, steps: str) -> None:
    """A thin line per seed, straight or in steps."""
    for _, run in runs.groupby("seed", sort=False):
        axes.plot(run["epoch"], run[column], color=colour, lw=0.7, alpha=0.4, drawstyle=steps)


def _gap_function(results: Results) -> list[Drawn]:
    gaps = epoch_curves.column(results.epochs, GAP.column)
    if not len(gaps):
        return []
    methods = list(dict.fromkeys(gaps["method"]))
    reference = next((method for method in methods if method in _with_heads(results)), methods[0])
    means = trial_tables.mean_by(gaps, ["method", "epoch"], [GAP.column])
    figure = epoch_curves.over_epochs(
        gaps, means, GAP, looks(results, methods), reference=reference, moments={}
    )
    last = means.groupby("method", sort=False)[GAP.column].last()
    ends = {results.settings.label(str(method)): f"{gap:.2f}" for method, gap in last.items()}
    return [Drawn("gap_function", GAP_CAPTION, figure, f"Gap at the end: {wording.readings(ends)}.")]


def _heads_table(results: Results) -> Table:
    """A row per method and modality."""
    alone = last_values(results.runs.get(ONE_HEAD, []), ALL)
    rows = [
        [results.settings.label(method), *row]
        for method, runs in _with_heads(results).items()
        for row in _head_rows(runs, alone)
    ]
    title = "Heads at the end of training: means over confirm runs, validation accuracy in percent"
    heads = ["Method", "Modality", "Heads", "Runs with new heads", "Newest head adds, points", "All heads"]
    if not alone:
        return Table(title, heads, [row[:-1] for row in rows])
    return Table(title, [*heads, results.settings.label(ONE_HEAD)], rows)


def _head_rows(runs: Sequence[Record], alone: dict[str, float]) -> list[list[str]]:
    """Cells of each modality; `alone` is what a single head of it reaches."""
    numbers, together, added = last_values(runs, "heads"), last_values(runs, ALL), _added(runs)
    grown = {m: sum(last_values([run], "heads").get(m, 1) > 1 for run in runs) for m in numbers}
    return [
        [
            wording.plain(modality),
            f"{number:.3g}",
            f"{grown[modality]} of {len(runs)}",
            added.get(modality, wording.NONE),
            *(_percent(accuracies.get(modality)) for accuracies in (together, alone)),
        ]
        for modality, number in numbers.items()
    ]


def _added(runs: Sequence[Record]) -> dict[str, str]:
    """Accuracy of all heads minus that of all but the newest, at the last epoch of runs that have both."""
    differences: dict[str, list[float]] = {}
    for run in runs:
        for modality, columns in by_modality(run.epochs[max(run.epochs)]).items():
            if EARLIER in columns:
                differences.setdefault(modality, []).append(columns[ALL] - columns[EARLIER])
    intervals = {modality: mean_interval(numbers) for modality, numbers in differences.items()}
    return {modality: cells.change(i.mean, i.low, i.high) for modality, i in intervals.items()}


def _percent(fraction: float | None) -> str:
    return wording.NONE if fraction is None else f"{100 * fraction:.1f}"
