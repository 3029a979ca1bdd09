"""Which weights a study publishes: those of each method's best confirm run, under best/<method>."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from study.analysis.chosen_runs import ChosenRuns
from study.analysis.selection import on_test, on_validation
from study.records.ledger import Ledger
from study.records.study_folder import BEST
from study.records.trial_record import Record
from study.running.stages import reopenable
from study.running.trial_files import CHECKPOINTS, exported, trial_folder


def publish_best(folder: Path, ledger: Ledger) -> None:
    """Put the weights of each method's best confirm run under best/<method>.

    By validation, or where nothing was held back for it, by what selected the epoch.
    """
    chosen = ChosenRuns(ledger.settings, ledger.records())
    score = chosen.settings.judged_by
    for method in chosen.settings.methods:
        runs = chosen.confirmed(method, chosen.protocols[0])
        best = max(runs, key=lambda run: (score.of(_judged(run)), -run.number), default=None)
        if best is not None:
            _move_export(folder, best)
    _discard(folder, reopenable(ledger.settings, ledger))


def _discard(folder: Path, failed: Sequence[Record]) -> None:
    """Remove what trials need to run; those that failed keep it, for the next start takes them up."""
    kept = {trial_folder(folder, record) for record in failed}
    others = [trial for trial in (folder / CHECKPOINTS).glob("*/*/*") if trial not in kept]
    for path in others if kept else [folder / CHECKPOINTS]:
        shutil.rmtree(path, ignore_errors=True)


def _judged(run: Record) -> dict[str, float]:
    return on_validation(run) or on_test(run)


def _move_export(folder: Path, record: Record) -> None:
    source = exported(trial_folder(folder, record))
    target = folder / BEST / record.method
    if source:  # else an earlier start has moved it
        target.parent.mkdir(exist_ok=True)
        shutil.rmtree(target, ignore_errors=True)
        source.rename(target)
