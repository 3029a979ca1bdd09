"""What confirm runs measured of each modality, with intervals over seeds or folds."""

from collections.abc import Mapping, Sequence

from study.analysis.summary import Measure, fold_of, measure
from study.analysis.trial_tables import by_modality, noise_column
from study.records.trial_record import Record
from trainables.multimodal.evaluation import NOISE_LEVELS


def probes(runs: Sequence[Record]) -> tuple[str, dict[str, Measure]]:
    """Split, and accuracy of each modality's linear probe on it: test where it was read, else validation."""
    tested, folds = {run.seed: by_modality(run.test) for run in runs}, fold_of(runs)
    on_test = _measured(tested, "test_accuracy", folds)
    if on_test:
        return "test", on_test
    return "validation", _measured({run.seed: by_modality(_at_best(run)) for run in runs}, "accuracy", folds)


def frozen_probes(runs: Sequence[Record]) -> dict[str, Measure]:
    """Test accuracy of a linear model fitted to frozen features, by modality; empty unless every run has it.

    Runs of earlier versions have none.
    """
    tested = {run.seed: by_modality(run.test) for run in runs}
    measured = _measured(tested, "test_probe_accuracy", fold_of(runs))
    return measured if all(len(measure["seeds"]) == len(tested) for measure in measured.values()) else {}


def without(runs: Sequence[Record]) -> dict[str, Measure]:
    """Test accuracy with each modality left out."""
    tested = {run.seed: by_modality(run.test) for run in runs}
    return _measured(tested, "test_accuracy_without", fold_of(runs))


def contributions(runs: Sequence[Record]) -> dict[str, Measure]:
    """Shapley value of each modality for the test accuracy."""
    tested = {run.seed: by_modality(run.test) for run in runs}
    return _measured(tested, "test_contribution", fold_of(runs), "contribution")


def imbalance(runs: Sequence[Record]) -> Measure:
    """The largest contribution of a run minus its smallest."""
    tested = {run.seed: run.test["test/imbalance"] for run in runs if "test/imbalance" in run.test}
    return measure(tested, folds=fold_of(runs))


def noisy(runs: Sequence[Record]) -> dict[float, dict[str, Measure]]:
    """Level of noise -> test accuracy with that noise on each modality, of levels that were measured."""
    tested, folds = {run.seed: by_modality(run.test) for run in runs}, fold_of(runs)
    measured = {level: _measured(tested, noise_column(level), folds) for level in NOISE_LEVELS}
    return {level: measures for level, measures in measured.items() if measures}


def _measured(
    runs: Mapping[int, Mapping[str, Mapping[str, float]]],
    column: str,
    folds: Mapping[int, str],
    metric: str = "accuracy",
) -> dict[str, Measure]:
    """One column of each modality over the seeds that have it; runs are seed -> modality -> columns."""
    values: dict[str, dict[int, float]] = {}
    for seed, modalities in runs.items():
        for modality, columns in modalities.items():
            if column in columns:
                values.setdefault(modality, {})[seed] = columns[column]
    return {modality: measure(seeds, metric, folds) for modality, seeds in values.items()}


def _at_best(record: Record) -> Mapping[str, float]:
    """Metrics of the epoch whose weights were chosen."""
    last = record.epochs[max(record.epochs)]
    return record.epochs.get(int(last.get("best/epoch", 0)), {})
