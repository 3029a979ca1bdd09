"""Trials as tidy DataFrames: one row per trial, per epoch, or per modality and epoch."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from study.records.trial_record import Record
from trainables.multimodal.evaluation import NOISE_LEVELS

IDENTITY = ["stage", "method", "protocol", "number", "seed", "status"]
TRIAL = [*IDENTITY, "reason", "value", "epochs", "seconds", "key", "mlflow_run", "machines"]


def noise_column(level: float) -> str:
    """The column of the test accuracy with noise of this level on a modality."""
    return f"test_accuracy_noise_{level:g}"


MODALITY = {  # column -> first and last part of the metric's name
    "purity_train": ("purity", "train"),
    "purity_validation": ("purity", "validation"),
    "gap": ("purity", "gap"),
    "noise_floor": ("purity", "noise_floor"),
    "purity_train_size_matched": ("purity", "train_size_matched"),
    "gap_size_matched": ("purity", "gap_size_matched"),
    "noise_floor_size_matched": ("purity", "noise_floor_size_matched"),
    "strength": ("relearning", "strength"),
    "accuracy": ("validation", "accuracy"),
    "test_accuracy": ("test", "accuracy"),
    "probe_accuracy": ("validation", "probe_accuracy"),
    "test_probe_accuracy": ("test", "probe_accuracy"),
    "test_accuracy_without": ("test/without", "accuracy"),
    **{noise_column(level): ("test", f"accuracy_noise_{level:g}") for level in NOISE_LEVELS},
    "contribution": ("validation", "contribution"),
    "test_contribution": ("test", "contribution"),
    "heads": ("boosting", "heads"),
    "score": ("boosting", "score"),
    "accuracy_all": ("boosting", "accuracy"),
    "accuracy_earlier": ("boosting", "accuracy_earlier"),
    "coefficient": ("train", "coefficient"),
}
_WITHOUT = "without_"  # test/without_<modality>/... is what the others achieve
_COLUMNS = {ends: column for column, ends in MODALITY.items()}


def trials(records: Iterable[Record]) -> pd.DataFrame:
    """One row per trial: what it was, how it ended, its value, its settings and its test metrics."""
    rows = [_identity(record) | _outcome(record) | _settings(record) | record.test for record in records]
    return _frame(rows, TRIAL)


def epochs(records: Iterable[Record]) -> pd.DataFrame:
    """One row per trial and finished epoch, one column per metric."""
    rows = [
        _identity(record)
        | {name: number for name, number in metrics.items() if name != "epoch"}
        | {"epoch": n}
        for record in records
        for n, metrics in sorted(record.epochs.items())
    ]
    return _frame(rows, [*IDENTITY, "epoch"])


def modalities(records: Iterable[Record]) -> pd.DataFrame:
    """One row per trial, epoch and modality: purity, strength, probes, contributions, noise, heads."""
    rows = [
        _identity(record) | {"epoch": n, "modality": modality} | columns
        for record in records
        for n, metrics in sorted(record.epochs.items())
        for modality, columns in by_modality(metrics).items()
    ]
    return _frame(rows, [*IDENTITY, "epoch", "modality", *MODALITY])


def mean_by(frame: pd.DataFrame, by: list[str], columns: list[str]) -> pd.DataFrame:
    """Mean of columns over all rows that agree in `by`, keeping the order of appearance."""
    means = frame.groupby(by, sort=False)[columns].mean().reset_index()
    return means.sort_values("epoch", kind="stable") if "epoch" in by else means


def mean_where_all(frame: pd.DataFrame, by: list[str], columns: list[str]) -> pd.DataFrame:
    """Like `mean_by`, but nothing where one of the rows has no number: it would be a mean over other runs."""
    means = mean_by(frame, by, columns).set_index(by)
    missing = frame[columns].isna().groupby([frame[name] for name in by], sort=False).any()
    return means.mask(missing.reindex(means.index)).reset_index()


def measured_by_all(frame: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """The rows of epochs that have as many rows as any epoch of their group.

    Runs of one method may have measured at different epochs, if versions between them differ.
    """
    counts = frame.groupby([*by, "epoch"], sort=False)["epoch"].transform("count")
    return frame[counts == counts.groupby([frame[name] for name in by], sort=False).transform("max")]


def best_so_far(frame: pd.DataFrame) -> pd.DataFrame:
    """Search trials with `best`, per method the largest value among the completed trials up to each."""
    done = frame["value"].astype(float).where(frame["status"] == "completed")
    best = done.groupby(frame["method"]).cummax()
    return frame.assign(best=best.groupby(frame["method"]).ffill())


def by_modality(metrics: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """The metrics of an epoch that belong to one modality: modality -> column -> number."""
    by_name: dict[str, dict[str, float]] = {}
    for name, number in metrics.items():
        first, _, rest = name.partition("/")
        modality, _, last = rest.rpartition("/")
        if first == "test" and modality.startswith(_WITHOUT):
            first, modality = "test/without", modality.removeprefix(_WITHOUT)
        if modality and (first, last) in _COLUMNS:
            by_name.setdefault(modality, {})[_COLUMNS[first, last]] = number
    return by_name


def _identity(record: Record) -> dict[str, Any]:
    return {name: getattr(record, name) for name in IDENTITY}


def _outcome(record: Record) -> dict[str, Any]:
    return {
        "reason": record.reason,
        "value": record.value,
        "epochs": max(record.epochs, default=0),
        "seconds": record.seconds,
        "key": record.key,
        "mlflow_run": record.mlflow_run,
        "machines": "; ".join(record.machines),
    }


def _settings(record: Record) -> dict[str, Any]:
    return {f"config/{name}": setting for name, setting in record.config.items() if name != "seed"}


def _frame(rows: Sequence[Mapping[str, Any]], first: list[str]) -> pd.DataFrame:
    """A DataFrame with the leading columns always there, the others in order of appearance."""
    seen = dict.fromkeys(first) | dict.fromkeys(name for row in rows for name in row)
    return pd.DataFrame(list(rows), columns=list(seen))
