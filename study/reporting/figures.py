"""Which figures a study's trials allow: picks their numbers, has them drawn and says what each one shows."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from study.analysis import trial_tables
from study.analysis.comparisons import BOOSTING
from study.analysis.method_status import Standing
from study.analysis.results import Analysis
from study.analysis.selection import confirmed, incumbent
from study.analysis.summary import Measure, probes
from study.records.ledger import Record
from study.reporting import captions, wording
from study.reporting.drawing import epoch_curves, plots
from study.reporting.drawing.epoch_curves import Shown
from study.reporting.drawing.style import PAGE

FEW = 4  # curves that can be told apart in one panel
TOGETHER = "the method's own prediction"
ACCURACY = Shown(
    "validation/accuracy", "Validation accuracy during the confirm runs", "validation accuracy (%)", True
)
GAP = Shown("boosting/gap", "Gap function: largest minus smallest loss of a modality", "gap G", False)


@dataclass(frozen=True)
class Drawn:
    """A figure, the file name and report section it belongs to, and what it shows in words."""

    name: str
    section: str
    caption: str
    figure: Figure

    @property
    def width(self) -> int:
        """Width on the page in percent, so that text in all figures comes out in one size."""
        return round(100 * self.figure.get_figwidth() / PAGE)


def draw(analysis: Analysis) -> Iterator[Drawn]:
    """Every figure there are numbers for, in the order of the report."""
    for part in (_comparisons, _modalities, _training, _boosting, _sensitivities, _search):
        yield from part(analysis)


def _comparisons(analysis: Analysis) -> Iterator[Drawn]:
    for protocol in analysis.protocols:
        split, results = analysis.split(protocol), analysis.results(protocol)
        scores = {method: results[method][split] for method in analysis.ranked(protocol)}
        compared = [one for one in analysis.comparisons if one.protocol == protocol]
        notes = {one.method: one.status for one in analysis.standings if _empty(one, protocol, scores)}
        if len(notes) < len(scores):
            figure = plots.comparison(scores, compared, split, analysis.baseline, notes)
            figure.suptitle(f"Methods on {split}, {protocol} protocol")
            yield Drawn(f"comparison_{protocol}", "results", captions.COMPARISON, figure)


def _modalities(analysis: Analysis) -> Iterator[Drawn]:
    protocol = analysis.protocols[0]
    found = {method: probes(analysis.records, method, protocol) for method in analysis.ranked(protocol)}
    split = "test" if any(split == "test" for split, _ in found.values()) else "validation"
    scores = {
        method: measures | {TOGETHER: analysis.results(protocol)[method][split]["accuracy"]}
        for method, (of, measures) in found.items()
        if of == split and measures
    }
    if scores:
        figure = plots.modalities(scores, TOGETHER, split, chance(analysis.settings))
        yield Drawn("modalities", "modalities", captions.MODALITIES, figure)


def _training(analysis: Analysis) -> Iterator[Drawn]:
    runs = _runs(analysis)
    accuracies = _column(trial_tables.epochs(runs), ACCURACY.column)
    if len(accuracies):
        figure = _over_epochs(accuracies, ACCURACY, moments(runs), analysis.baseline)
        yield Drawn("accuracy", "training", captions.ACCURACY, figure)
    gaps = _column(trial_tables.modalities(runs), "gap")
    if len(gaps):
        methods = list(dict.fromkeys(gaps["method"]))
        chosen = few(analysis, methods)
        gaps = gaps[gaps["method"].isin(chosen)]
        means = trial_tables.mean_by(gaps, ["method", "modality", "epoch"], ["gap", "noise_floor"])
        left_out = captions.CHOICE.format(drawn=len(chosen), all=len(methods))
        caption = captions.PURITY + (left_out if len(chosen) < len(methods) else "")
        happened = {method: found for method, found in moments(runs).items() if method in chosen}
        yield Drawn("purity_gap", "training", caption, epoch_curves.purity(gaps, means, happened))


def _boosting(analysis: Analysis) -> Iterator[Drawn]:
    runs = _runs(analysis)
    found = _column(trial_tables.modalities(runs), "heads")
    methods = [method for method in dict.fromkeys(found["method"]) if method not in wording.CONTROLS]
    for method in methods:
        own = found[found["method"] == method]
        columns = ["heads", "accuracy_all", "accuracy_earlier"]
        means = trial_tables.mean_where_all(own, ["modality", "epoch"], columns)
        caption = captions.HEADS if method == methods[0] else captions.AS_ABOVE
        yield Drawn(f"heads_{method}", "training", caption, epoch_curves.heads(method, own, means))
    gaps = _column(trial_tables.epochs(runs), GAP.column)
    if len(gaps):
        reference = BOOSTING if BOOSTING in set(gaps["method"]) else str(gaps["method"].iloc[0])
        yield Drawn("gap_function", "training", captions.GAP, _over_epochs(gaps, GAP, {}, reference))


def _sensitivities(analysis: Analysis) -> Iterator[Drawn]:
    protocol = analysis.protocols[0]
    joint = analysis.results(protocol).get("joint", {"validation": {"accuracy": _NOTHING}})
    captioned = captions.SENSITIVITY
    for method, swept in analysis.sweeps.items():
        best = incumbent(analysis.records, method)
        for key, points in swept.items():
            if best is not None and any(point.seeds for point in points):
                reference = joint["validation"]["accuracy"]
                figure = plots.sensitivity(method, key, points, best.config[key], reference)
                caption = captioned + _switched_off(method, key)
                yield Drawn(f"sensitivity_{method}_{key}", "sensitivity", caption, figure)
                captioned = captions.AS_ABOVE


def _search(analysis: Analysis) -> Iterator[Drawn]:
    rows = trial_tables.trials([record for record in analysis.records if record.stage == "search"])
    if rows["value"].notna().any():
        figure = plots.history(trial_tables.best_so_far(rows))
        yield Drawn("search_history", "search", captions.HISTORY, figure)
    if analysis.importances:
        figure = plots.importance(analysis.importances)
        yield Drawn("importance", "search", captions.IMPORTANCE, figure)


def few(analysis: Analysis, methods: Sequence[str]) -> list[str]:
    """As many methods as fit in one panel: all, or the baseline, those that re-learn, then the best."""
    if len(methods) <= FEW:
        return list(methods)
    relearning = [method for method, found in moments(_runs(analysis)).items() if found]
    order = [analysis.baseline, *relearning, *analysis.ranked(analysis.protocols[0])]
    return [method for method in dict.fromkeys(order) if method in methods][:FEW]


def moments(runs: Sequence[Record]) -> dict[str, list[int]]:
    """Epochs after which any run of a method re-learned."""
    relearned: dict[str, set[int]] = {run.method: set() for run in runs}
    for run in runs:
        relearned[run.method] |= {
            n for n, metrics in run.epochs.items() if any(name.endswith("/strength") for name in metrics)
        }
    return {method: sorted(found) for method, found in relearned.items()}


def chance(settings: Any) -> float | None:
    """Accuracy of guessing, for equally frequent classes; those of a regression are the signs."""
    if "task" in settings.get("protocol", {}):
        return 1 / 2
    classes = settings.get("data", {}).get("classes")
    number = classes if isinstance(classes, int) else len(classes or [])
    return 1 / number if number else None


def _over_epochs(frame: pd.DataFrame, shown: Shown, happened: dict[str, list[int]], reference: str) -> Figure:
    means = trial_tables.mean_by(frame, ["method", "epoch"], [shown.column])
    if frame["method"].nunique() <= FEW:
        return epoch_curves.together(frame, means, shown, happened)
    return epoch_curves.apart(frame, means, shown, happened, reference)


def _runs(analysis: Analysis) -> list[Record]:
    """Confirm runs of the main protocol, method by method."""
    protocol = analysis.protocols[0]
    return [run for method in analysis.methods for run in confirmed(analysis.records, method, protocol)]


def _empty(one: Standing, protocol: str, methods: Collection[str]) -> bool:
    return one.protocol == protocol and one.method in methods and not one.seeds


def _column(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    return frame.dropna(subset=[column]) if column in frame else frame.iloc[:0]


def _switched_off(method: str, key: str) -> str:
    """What a sweep of lambda of the re-learning shows at 0."""
    what = wording.WITHOUT_RELEARNING.get(method) if key == "lam" else None
    return captions.SWITCHED_OFF.format(what=what) if what else ""


_NOTHING: Measure = {"mean": None, "low": None, "high": None, "seeds": []}
