"""Which trials a result rests on: the configuration that won its search, and the runs that confirm it."""

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any

from study.analysis.metric_names import METRICS, REGRESSION_NUMBERS, of_regression
from study.records.trial_record import Record
from trainables.multimodal.data.splits import TRAIN
from trainables.multimodal.tasks import LOSS, PRECISION

PER_STAGE = {"seed", "data", "split", "selection", "diagnose"}
"""Settings that stages and protocols may change."""


def incumbent(records: Sequence[Record], method: str) -> Record | None:
    """The search trial whose configuration is the method's best.

    Of finalists with most completed runs it is the one with the best mean over these, on fresh seeds. A
    study without any takes the best completed trial.
    """
    runs = completed(records, "finalists", method)
    judged = [(trial, again(trial, runs)) for trial in ranked(completed(records, "search", method))]
    most = max((len(repeated) for _, repeated in judged), default=0)
    means = [(_mean(repeated) if most else 0.0, trial) for trial, repeated in judged if len(repeated) == most]
    return max(means, key=lambda entry: entry[0], default=(0.0, None))[1]


def ranked(trials: Iterable[Record]) -> list[Record]:
    """Completed trials, the best first; ties go to the lowest number."""
    return sorted(trials, key=lambda trial: (-(trial.value or 0.0), trial.number))


def again(trial: Record, runs: Iterable[Record]) -> list[Record]:
    """The runs that repeat a search trial's configuration."""
    return [run for run in runs if agrees(run, trial.config)]


def completed(records: Sequence[Record], stage: str, method: str) -> list[Record]:
    """Trials that ran to their end and did not diverge, with a finite value."""
    chosen = [r for r in records if (r.stage, r.method, r.status) == (stage, method, "completed")]
    return [record for record in chosen if record.value is not None and math.isfinite(record.value)]


def agrees(record: Record, config: Mapping[str, Any], *, but: str | None = None) -> bool:
    """Whether a trial ran this configuration, one key left out: all settings both of them name are equal."""
    shared = (record.config.keys() & config.keys()) - PER_STAGE - {but}
    return all(record.config[name] == config[name] for name in shared)


def on_validation(record: Record) -> dict[str, float]:
    """Validation metrics of the best epoch; a paper run chose it on test, so they are looked up there.

    Empty where nothing was held back: test stood in for validation.
    """
    if record.config.get("train_on", TRAIN) != TRAIN:
        return {}
    last = record.epochs.get(max(record.epochs, default=0), {})
    at_best = record.epochs.get(int(last.get("best/epoch", 0)), {})
    source, prefix = (last, "best/") if record.protocol == "clean" else (at_best, "validation/")
    names = (*_reported(record), *REGRESSION_NUMBERS, PRECISION)
    return {name: source[prefix + name] for name in names if prefix + name in source}


def on_test(record: Record) -> dict[str, float]:
    """Test metrics of the best weights, with those that only another task than classification has."""
    metrics = {name.removeprefix("test/"): number for name, number in record.test.items()}
    names = (*_reported(record), PRECISION)
    return {name: number for name, number in metrics.items() if name in names or of_regression(name)}


def _reported(record: Record) -> tuple[str, ...]:
    """What results show of any run; its loss, which every run has, only where that chose the epoch."""
    last = record.epochs.get(max(record.epochs, default=0), {})
    return (*METRICS, LOSS) if f"best/{LOSS}" in last else METRICS


def _mean(runs: Sequence[Record]) -> float:
    return fmean(run.value for run in runs if run.value is not None)
