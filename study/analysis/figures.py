"""Which figures a study's trials allow: picks their numbers, has them drawn and says what each one shows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from study.analysis import plots, table
from study.analysis.looks import PAGE
from study.analysis.sensitivity import incumbent
from study.analysis.summary import METRICS, Analysis, Measure, confirmed, probes, protocols
from study.ledger import Record


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
    for part in (_comparisons, _modalities, _training, _sensitivities, _search):
        yield from part(analysis)


def _comparisons(analysis: Analysis) -> Iterator[Drawn]:
    for protocol in protocols(analysis.settings):
        split = split_of(analysis, protocol)
        scores = {m: found[split] for m, found in shown(analysis, protocol).items() if _seen(found[split])}
        compared = [one for one in analysis.comparisons if one.protocol == protocol]
        if scores:
            figure = plots.comparison(scores, compared, split, protocol)
            yield Drawn(f"comparison_{protocol}", "results", _COMPARISON, figure)


def _modalities(analysis: Analysis) -> Iterator[Drawn]:
    protocol = protocols(analysis.settings)[0]
    found = {method: probes(analysis.records, method, protocol) for method in analysis.sweeps}
    split = "test" if any(split == "test" for split, _ in found.values()) else "validation"
    scores = {method: measures for method, (of, measures) in found.items() if of == split and measures}
    for method, measures in scores.items():
        measures["all together"] = shown(analysis, protocol)[method][split]["accuracy"]
    if scores:
        figure = plots.modalities(scores, split, chance(analysis.settings))
        yield Drawn("modalities", "modalities", _MODALITIES, figure)


def _training(analysis: Analysis) -> Iterator[Drawn]:
    protocol = protocols(analysis.settings)[0]
    runs = [run for method in analysis.sweeps for run in confirmed(analysis.records, method, protocol)]
    happened = {method: moments([run for run in runs if run.method == method]) for method in analysis.sweeps}
    accuracies = _column(table.epochs(runs), "validation/accuracy")
    if len(accuracies):
        means = table.mean_by(accuracies, ["method", "epoch"], ["validation/accuracy"])
        yield Drawn("accuracy", "training", _ACCURACY, plots.accuracy(accuracies, means, happened))
    gaps = _column(table.modalities(runs), "gap")
    if len(gaps):
        means = table.mean_by(gaps, ["method", "modality", "epoch"], ["gap", "noise_floor"])
        yield Drawn("purity_gap", "training", _PURITY, plots.purity(gaps, means, happened))


def _sensitivities(analysis: Analysis) -> Iterator[Drawn]:
    protocol = protocols(analysis.settings)[0]
    joint = shown(analysis, protocol).get("joint", {"validation": {"accuracy": _NOTHING}})["validation"][
        "accuracy"
    ]
    for method, swept in analysis.sweeps.items():
        best = incumbent(analysis.records, method)
        for key, points in swept.items():
            if best is not None and any(point.seeds for point in points):
                figure = plots.sensitivity(method, key, points, best.config[key], joint)
                caption = _SENSITIVITY + (_LAMBDA if key == "lam" else "")
                yield Drawn(f"sensitivity_{method}_{key}", "sensitivity", caption, figure)


def _search(analysis: Analysis) -> Iterator[Drawn]:
    rows = table.trials([record for record in analysis.records if record.stage == "search"])
    if rows["value"].notna().any():
        yield Drawn("search_history", "search", _HISTORY, plots.history(table.best_so_far(rows)))
    for method, found in analysis.importances.items():
        yield Drawn(f"importance_{method}", "search", _IMPORTANCE, plots.importance(method, found))


def shown(analysis: Analysis, protocol: str) -> dict[str, Any]:
    """The summary's results of one protocol."""
    first = protocol == protocols(analysis.settings)[0]
    results: dict[str, Any] = analysis.summary["methods" if first else protocol]
    return results


def split_of(analysis: Analysis, protocol: str) -> str:
    """Test where any method was tested, validation before that."""
    return (
        "test" if any(_seen(found["test"]) for found in shown(analysis, protocol).values()) else "validation"
    )


def moments(runs: Sequence[Record]) -> list[int]:
    """Epochs after which any of these runs re-learned."""
    relearned = {n for run in runs for n, m in run.epochs.items() if any(k.endswith("/strength") for k in m)}
    return sorted(relearned)


def chance(settings: Any) -> float | None:
    """Accuracy of guessing, for equally frequent classes."""
    classes = settings.get("data", {}).get("classes")
    number = classes if isinstance(classes, int) else len(classes or [])
    return 1 / number if number else None


def _seen(measures: dict[str, Measure]) -> bool:
    return any(measures[metric]["seeds"] for metric in METRICS)


def _column(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    return frame.dropna(subset=[column]) if column in frame else frame.iloc[:0]


_NOTHING: Measure = {"mean": None, "low": None, "high": None, "seeds": []}
_COMPARISON = (
    "Accuracy and macro-F1 of the best weights of every confirm run. Filled marks are means over seeds "
    "with their 95 % t-interval, open circles below them single seeds, joined where methods share one. "
    "Right: differences to the baseline on the same seeds with their 95 % interval; one that contains 0 "
    "is compatible with no effect."
)
_MODALITIES = (
    "How well the classes can be read from each encoder alone: a linear probe trained on detached "
    "features, which does not influence the method. The distance between modalities is the imbalance; the "
    "last group is the method's own prediction from all modalities."
)
_ACCURACY = (
    "Every confirm run as a thin line, their mean as a bold one. Vertical lines with a triangle mark "
    "epochs after which encoders were pulled back towards their initial weights; accuracy may dip in the "
    "epoch that follows."
)
_PURITY = (
    "Absolute difference between the cluster purity of training and of validation features: how much more "
    "ordered an encoder is on what it has seen. Thin lines are seeds, bold lines their mean. Dotted "
    "curves are the noise floor, the mean gap after permuting the labels on the same clusterings: a gap "
    "at or below it says nothing."
)
_SENSITIVITY = (
    "The incumbent of the search with one hyperparameter changed, at full budget. Filled marks are means "
    "over seeds with their 95 % t-interval, open circles single seeds. The dashed line with its band is "
    "joint training with the best settings of its own search, on the seeds of the confirm runs."
)
_LAMBDA = (
    " At λ = 0 nothing is re-learned: the point is joint training with this method's other settings, so it "
    "need not lie on the dashed line."
)
_HISTORY = (
    "Best validation accuracy each search trial reached before it ended, in the order of proposal. Pruned "
    "trials were stopped early, so their values are of fewer epochs; diverged and failed ones stand at "
    "the foot. The line is the best completed trial so far, from which the incumbent is taken."
)
_IMPORTANCE = (
    "PED-ANOVA: which hyperparameters decide whether a completed trial is among the best quarter. The "
    "black marks are the noise floor, the same computation with the trial values permuted; a bar that "
    "does not pass the tick stands for nothing. The trials were chosen by the sampler, which biases the "
    "shares towards what it explored."
)
