"""What re-learning acts on and what it does: purity gaps, and how far encoders were pulled back."""

from collections.abc import Iterable, Mapping

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from study.analysis import trial_tables
from study.analysis.results import (
    Results,
    chosen_before,
    last_values,
    mean_values,
    relearned_after,
    relearning_epochs,
)
from study.records.trial_record import Record
from study.reporting import wording
from study.reporting.drawing import epoch_curves, legends, style
from study.reporting.drawing.style import Look, Moments
from study.reporting.section import (
    Card,
    Drawn,
    Section,
    Table,
    a_few,
    choice,
    chosen_early,
    looks,
    relearning,
)

MATCHED = "_size_matched"
"""What the columns of the gap are called where training features are thinned to the size of validation."""
CAPTION = (
    "Absolute difference between the cluster purity of training and of validation features: how much more "
    "ordered an encoder is on what it has seen. Thin lines are seeds, bold lines their mean. Dotted "
    "curves are the noise floor, the mean gap after permuting the labels on the same clusterings: a gap "
    "at or below it says nothing."
)
MATCHED_CAPTION = (
    "The same gap with the training features thinned to as many as validation has, the mean of up to three "
    "parts. k-means orders many samples better than few: where the published gap is large and this one is "
    "small, there are only more training samples. Without over-fitting this gap is 1.5 to 4 times its floor, "
    "which does not count the sampling of the clusters themselves (tests/benchmarks/purity_gap.py)."
)


class Relearning(Section):
    """Purity gap between training and validation features."""

    name = "relearning"
    title = "Purity gap and re-learning"

    def cards(self, results: Results) -> Iterable[Card]:
        """Methods whose chosen weights are older than their first re-learning."""
        early = {results.settings.label(m): [*map(_is_early, runs)] for m, runs in results.runs.items()}
        return chosen_early(early, "re-learning")

    def figures(self, results: Results) -> list[Drawn]:
        """Both gaps over epochs, a panel per modality."""
        drawn = [_drawn(results, "", CAPTION), _drawn(results, MATCHED, MATCHED_CAPTION)]
        return [figure for figure in drawn if figure]

    def tables(self, results: Results) -> list[Table]:
        """Gap at the end, and strength of re-learning."""
        methods = [m for m, runs in results.runs.items() if last_values(runs, "gap")]
        shown = dict.fromkeys([*a_few(results, methods), *relearning(results)])
        rows = [
            [results.settings.label(method), *cells]
            for method in shown
            for cells in _rows(results.runs[method])
        ]
        title = "Purity gap at the end of training, and re-learning: means over confirm runs"
        gaps = ["Gap", "Noise floor", "Size-matched gap", "Its noise floor"]
        heads = ["Method", "Modality", *gaps, "Re-learnings of a run", "Mean strength, %"]
        return [Table(title, heads, rows)]


def _is_early(run: Record) -> bool:
    """Whether the weights were chosen before any was re-learned, which happens after an epoch was judged."""
    relearned = relearning_epochs(run)
    return bool(relearned) and chosen_before(run, min(relearned) + 1)


def _drawn(results: Results, kind: str, caption: str) -> Drawn | None:
    """One kind of gap over epochs; none where no run has measured it."""
    gaps = epoch_curves.column(results.modalities, "gap" + kind)
    if not len(gaps):
        return None
    methods = list(dict.fromkeys(gaps["method"]))
    shown = a_few(results, methods)
    gaps = gaps[gaps["method"].isin(shown)]
    moments = {m: epochs for m, epochs in relearned_after(results.runs).items() if m in shown}
    figure = _figure(gaps, kind, looks(results, dict.fromkeys(gaps["method"])), moments)
    return Drawn("purity_gap" + kind, caption + choice(shown, methods), figure, _seen(results, shown, kind))


def _seen(results: Results, shown: Iterable[str], kind: str) -> str:
    """The gap of each modality at the end, by method."""
    ends = {method: last_values(results.runs[method], "gap" + kind) for method in shown}
    read = {m: {wording.plain(name): f"{gap:.2f}" for name, gap in gaps.items()} for m, gaps in ends.items()}
    lines = [f"{results.settings.label(method)}: {wording.readings(gaps)}." for method, gaps in read.items()]
    return " ".join([f"{'Size-matched gap' if kind else 'Gap'} at the end.", *lines])


def _figure(gaps: pd.DataFrame, kind: str, look_of: Mapping[str, Look], moments: Moments) -> Figure:
    """Gap between training and validation purity per epoch, beside its noise floor."""
    noise_floor = "noise_floor" + kind
    figure, panels = epoch_curves.per_modality(gaps, "gap" + kind, look_of, moments)
    shown = trial_tables.measured_by_all(gaps, ["method", "modality"])
    floors = trial_tables.mean_by(shown, ["method", "modality", "epoch"], [noise_floor])
    for (method, name), part in floors.groupby(["method", "modality"], sort=False):
        colour = look_of[str(method)].colour
        panels[str(name)].plot(part["epoch"], part[noise_floor], color=colour, lw=1.1, ls=":")
    for axes in panels.values():
        axes.set_ylim(bottom=0)
    style.alike(list(panels.values()))
    style.outer(list(panels.values()), f"{'size-matched ' if kind else ''}purity gap", "epoch")
    floor = Line2D([], [], color=style.INK, lw=1.1, ls=":", label="noise floor of the gap")
    entries = [*legends.method_keys(look_of.values()), floor, *legends.moment_key(moments)]
    legends.legend(figure, [], entries)
    return figure


def _rows(runs: list[Record]) -> list[list[str]]:
    """A row of cells per modality."""
    measured = [last_values(runs, name + kind) for kind in ("", MATCHED) for name in ("gap", "noise_floor")]
    strengths = mean_values(runs, "strength")
    moments = sum(len(relearning_epochs(run)) for run in runs) / len(runs)
    return [
        [
            wording.plain(modality),
            *(f"{values[modality]:.2f}" if modality in values else wording.NONE for values in measured),
            f"{moments:.3g}",
            f"{100 * strengths[modality]:.0f}" if modality in strengths else wording.NONE,
        ]
        for modality in measured[0]
    ]
