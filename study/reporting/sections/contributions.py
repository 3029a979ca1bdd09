"""What each modality contributes to a method's accuracy: Shapley values, at the end and epoch by epoch."""

import pandas as pd
from matplotlib.figure import Figure

from study.analysis.modality_measures import contributions, imbalance
from study.analysis.results import Results, relearned_after
from study.analysis.summary import Measure
from study.reporting import cells, wording
from study.reporting.drawing import epoch_curves, legends, marks, style
from study.reporting.section import Drawn, Section, Table, a_few, choice, looks
from trainables.multimodal.tasks import ACCURACY

CAPTION = (
    "Shapley value of each modality for the test accuracy of the chosen weights, with 95 % intervals: what "
    "it adds on average to what is known without it. The values of a method sum to its accuracy minus that "
    "of guessing. A modality at zero is not used, one below zero misleads."
)
COURSE = (
    "The same on validation, epoch by epoch. Thin lines are seeds, bold lines their mean. A modality whose "
    "curve stays flat while another's rises is not being learned."
)
Contributed = dict[str, dict[str, Measure]]  # method -> modality -> contribution


class Contributions(Section):
    """Shapley values of methods with several modalities."""

    name = "contributions"
    title = "What each modality contributes"

    def figures(self, results: Results) -> list[Drawn]:
        """A row per method, then curves of a few."""
        found = _contributed(results, results.protocols[0])
        drawn = (
            [Drawn("contributions", CAPTION, _figure(results, found), _seen(results, found))] if found else []
        )
        return [*drawn, *_course(results)]

    def tables(self, results: Results) -> list[Table]:
        """The same in numbers, and how far apart they lie."""
        return [_table(results, protocol) for protocol in results.protocols]


def _contributed(results: Results, protocol: str) -> Contributed:
    """The best method first; methods that were not measured are left out."""
    found = {m: contributions(results.chosen.trained(m, protocol)) for m in results.ranked(protocol)}
    return {method: measures for method, measures in found.items() if measures}


def _figure(results: Results, found: Contributed) -> Figure:
    """A row per method, a mark per modality."""
    names = list(dict.fromkeys(name for measures in found.values() for name in measures))
    look_of = style.modality_looks(names)
    figure, (axes,) = style.listed(1, len(found))
    for place, measures in enumerate(found.values()):
        marks.spread(axes, place, measures, look_of)
    axes.axvline(0, color=style.GREY, ls="--", lw=1.2, zorder=1)
    style.names(axes, [look.label for look in looks(results, found).values()])
    figure.suptitle("What each modality contributes")
    axes.set_xlabel("Shapley value (percentage points)")
    style.possible(axes, -1, 1)
    legends.legend(figure, [], [legends.interval(look.label, look) for look in look_of.values()])
    return figure


def _seen(results: Results, found: Contributed) -> str:
    """`Contributions to test accuracy. Joint training: audio 41.0 points, visual 9.2 points.`"""
    lines = []
    for method, measures in found.items():
        read = {wording.plain(name): wording.change(m["mean"], ACCURACY) for name, m in measures.items()}
        lines.append(f"{results.settings.label(method)}: {wording.readings(read)}.")
    return " ".join(["Contributions to test accuracy.", *lines])


def _course(results: Results) -> list[Drawn]:
    """Curves over epochs; none where only the end was measured."""
    measured = epoch_curves.column(results.modalities, "contribution")
    methods = list(dict.fromkeys(measured["method"]))
    shown = a_few(results, methods)
    measured = measured[measured["method"].isin(shown)]
    if measured["epoch"].nunique() < 2:
        return []
    look_of = looks(results, dict.fromkeys(measured["method"]))
    moments = {m: epochs for m, epochs in relearned_after(results.runs).items() if m in shown}
    figure, panels = epoch_curves.per_modality(measured, "contribution", look_of, moments)
    for axes in panels.values():
        axes.axhline(0, color=style.GREY, ls="--", lw=1.2, zorder=1)
        axes.yaxis.set_major_formatter(style.in_percent)
    style.outer(list(panels.values()), "Shapley value (points)", "epoch")
    legends.legend(figure, [], [*legends.method_keys(look_of.values()), *legends.moment_key(moments)])
    caption = COURSE + choice(shown, methods)
    return [Drawn("contribution_epochs", caption, figure, _ends(results, measured))]


def _ends(results: Results, measured: pd.DataFrame) -> str:
    """Mean contribution of each modality at the last epoch, by method."""
    last = measured[measured["epoch"] == measured.groupby("method")["epoch"].transform("max")]
    lines = []
    for method, part in last.groupby("method", sort=False):
        means = part.groupby("modality", sort=False)["contribution"].mean()
        read = {wording.plain(str(name)): wording.change(mean, ACCURACY) for name, mean in means.items()}
        lines.append(f"{results.settings.label(str(method))}: {wording.readings(read)}.")
    return " ".join(["Contributions on validation at the end.", *lines])


def _table(results: Results, protocol: str) -> Table:
    """A row per method, the most balanced measure last."""
    found = _contributed(results, protocol)
    names = list(dict.fromkeys(name for measures in found.values() for name in measures))
    rows = [
        [
            results.settings.label(method),
            *(_points(measures.get(name)) for name in names),
            cells.percent(imbalance(results.chosen.trained(method, protocol))),
        ]
        for method, measures in found.items()
    ]
    title = f"Contributions to test accuracy, {cells.PROTOCOLS[protocol]} protocol, in percentage points"
    note = "Imbalance is the largest contribution of a run minus its smallest."
    heads = ["Method", *(wording.plain(name).capitalize() for name in names), "Imbalance"]
    return Table(title, heads, rows, note)


def _points(measured: Measure | None) -> str:
    if measured is None:
        return wording.NONE
    return cells.change(measured["mean"], measured["low"], measured["high"])
