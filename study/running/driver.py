"""Carries a study out: Ray runs trials, the ledger records, MLflow shows, the report closes.

Read on in this order. `stages` says which trials are asked for. `stage_run` says which of them is handed out
next and what a result leads to, `ray_bridge` how Ray asks and tells. `study_trial` is what the process of a
trial does. `sampling`, `trial_files`, `hang_watch`, `cluster` and `progress` are what these use.
"""

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import ray
from optuna.exceptions import StorageInternalError
from ray import tune
from ray.tune.execution.class_cache import ENV_VARS_TO_PROPAGATE
from ray.tune.schedulers import AsyncHyperBandScheduler
from rich.console import Console

from study.records.addresses import without_secrets
from study.records.ledger import Ledger
from study.records.mlflow_runs import StudyResults
from study.records.mlflow_target import Target
from study.records.mlflow_tracking import Tracker
from study.records.trial_record import Record
from study.running import stages
from study.running.announcement import of_cluster, of_seeds, of_trials
from study.running.best_weights import publish_best
from study.running.cluster import connect, disconnect, slots
from study.running.first_epoch import FirstEpoch
from study.running.forecast import at_most
from study.running.gpu_sharing import sharing
from study.running.hang_watch import Patience, Watch
from study.running.own_code import require_everywhere
from study.running.progress import Outlook, Progress
from study.running.ray_bridge import tuner
from study.running.ray_health import watched_over
from study.running.sampling import asha, rungs
from study.running.shared_storage import require_shared
from study.running.signals import ignore_signals, why
from study.running.stage_run import StagePlan, StageRun
from study.running.staging import StagedData
from study.running.study_trial import StudyTrial
from study.running.surroundings import described, last_line, lasts, of_surroundings
from study.running.trial_files import discard_checkpoints, trial_folder
from study.settings import MlflowRun, Numerics, Resources, StudySettings
from trainables.multimodal.command_line import BAD_INPUT, COMPLETE, FAILED, INTERRUPTED, UNSENT
from trainables.multimodal.errors import InputError
from trainables.multimodal.tasks import ACCURACY

ENV_VARS_TO_PROPAGATE -= {name for name in ENV_VARS_TO_PROPAGATE if name.startswith("AWS_")}
"""Less AWS's login, which trials do not need: Ray would write it into the logs of every node."""
_PATIENCE = 60.0  # seconds given to MLflow to catch up at the end
_PATIENCE_INTERRUPTED = 4.0


@dataclass(frozen=True)
class Job:
    """Everything that launching needs, with all paths absolute."""

    folder: Path
    store: Path
    resources: Resources
    target: Target
    staged: StagedData | None = None
    """Copies that nodes make of the store; None: trials read the store itself."""


class Halted(Exception):  # noqa: N818  (no error of the study's: its surroundings stop it)
    """Trials fail for a reason outside the study, such as a full disk."""


def carry_out(job: Job, ledger: Ledger, console: Console) -> int:
    """Run what is missing of a study, write its report and tell what was found; returns the exit code."""
    try:
        if job.resources.address:
            _join(job, ledger, console)
        return _carry_out(job, ledger, console)
    finally:
        disconnect()


def _join(job: Job, ledger: Ledger, console: Console) -> None:
    """Join the cluster that was named and say what it is; what fails here ends before MLflow is told."""
    connect(job.resources, ledger.settings.own_parts)
    require_shared(job.folder, job.store)
    lines = of_cluster(job.resources, job.folder, ledger.url, job.target)
    console.print("\n".join(lines), soft_wrap=True)


def _carry_out(job: Job, ledger: Ledger, console: Console) -> int:
    tracker = Tracker(job.target, ledger, lambda: _tell_page(console, tracker))
    tracker.start()
    try:
        if not _run_stages(job, ledger, tracker, console):
            console.print(f"Study {ledger.settings.study} has finished: nothing is left to run.")
        return _finish(job, ledger, tracker, console)
    except KeyboardInterrupt as error:  # where Ray waits it turns Interrupted into its parent
        return _stopped(ledger, tracker, console, why(str(error) or "interrupted"), INTERRUPTED)
    except (Halted, StorageInternalError, OSError) as error:  # the latter two outside Ray's callbacks
        cause = str(error) if isinstance(error, Halted) else described(error)
        return _stopped(ledger, tracker, console, last_line(error), _code(cause))
    except tune.TuneError as error:  # what a callback raised, as text: the ledger's storage if it is no bug
        if not of_surroundings(str(error)):
            raise
        return _stopped(ledger, tracker, console, last_line(error), _code(str(error)))
    except InputError:  # where Ray or a cluster shows that it cannot work
        _close(tracker)
        raise


# -- stages ------------------------------------------------------------------------------------------------


def _run_stages(job: Job, ledger: Ledger, tracker: Tracker, console: Console) -> bool:
    """Run whatever is missing; False if nothing was."""
    settings = ledger.settings
    if again := stages.reopen_failed(settings, ledger):
        console.print(f"Trials that failed are tried again: {again}.")
    searched = {method: settings.space(method) for method in settings.methods}
    outlook = Outlook(at_most(settings), searched, settings.sweeps, settings.judged_by)
    with Progress(console, settings.study, outlook) as progress:

        def changed(record: Record) -> None:
            tracker.changed(record)
            progress.changed(record)
            if record.finished and record.status != "failed":  # which the next start takes up
                discard_checkpoints(trial_folder(job.folder, record))

        def planned() -> list[StagePlan]:
            asked = stages.plans(ledger.settings, ledger)
            progress.planned(asked, ledger.records())
            return asked

        run = StageRun(
            ledger,
            planned,
            _pruners(settings),
            lambda record: _ray_config(job, settings, record),
            changed,
            settings.spare,
        )
        due = run.due
        if due:
            with sharing(job.resources, console):
                _with_ray(job, run, console)
    if run.halted:
        raise Halted(run.halted)
    return due


def _pruners(settings: StudySettings) -> dict[str, AsyncHyperBandScheduler]:
    """An ASHA scheduler per method, whose trials are judged among themselves, if any are to be stopped."""
    if not settings.prunes:
        return {}
    return {method: asha(settings.budget.epochs, settings.grace(method)) for method in settings.methods}


def _with_ray(job: Job, run: StageRun, console: Console) -> None:
    """Say what Ray has, and run all trials; at the end its processes are gone."""
    try:
        settings = run.ledger.settings
        own = settings.own_parts
        connect(job.resources, own)
        require_everywhere(own)
        console.print(of_trials(job.resources), soft_wrap=True)
        for said in of_seeds(settings):
            console.print(f"Seeds:   {said}", soft_wrap=True)
        if job.staged:
            console.print(f"Data:    {job.staged}", soft_wrap=True)
        with watched_over():
            _execute(job, run)
    finally:
        disconnect()


def _execute(job: Job, run: StageRun) -> None:
    """Run all trials that are due; Ray's own files live in a throw-away folder below the study's."""
    scratch = job.folder / ".ray"
    scratch.mkdir(exist_ok=True)
    storage = Path(tempfile.mkdtemp(dir=scratch))
    try:
        tuner(
            StudyTrial,
            run,
            callbacks=[Watch(run, _patience(job, run.ledger))],
            concurrent=slots(job.resources, ray.cluster_resources()),
            storage=storage,
        ).fit()
    except (EOFError, UnpicklingError):  # Ray reads again why trials failed; a full disk cut its file short
        if not run.halted:
            raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _patience(job: Job, ledger: Ledger) -> Patience:
    """How long trials may be silent; a forecast is only made where nothing else will tell."""
    resources, known = job.resources, any(record.epochs for record in ledger.records())
    told = known or resources.hung_after is not None
    forecast = (lambda: None) if told else FirstEpoch(ledger.settings, job.store, resources)
    return Patience(ledger, forecast, resources.hung_after, job.staged.longest if job.staged else 0.0)


def _judged(settings: StudySettings, method: str) -> list[int]:
    """Epochs after which a trial of a method may be stopped."""
    return rungs(settings.budget.epochs, settings.grace(method)) if settings.prunes else []


def _ray_config(job: Job, settings: StudySettings, record: Record) -> dict[str, Any]:
    """What the process of a trial needs to know."""
    splits = settings.protocol.splits
    searched = next(iter(splits.values()))  # of all stages but confirm, where test is never read
    paper = record.protocol == "paper"
    trainer_settings = {
        "split": splits["paper"] if paper else searched,
        **record.config,  # a run of confirm names its fold
        "seed": record.seed,
        "data": str(job.store),
        "selection": "test" if paper else "validation",
        "diagnose": "tenths" if record.stage == "confirm" else "end",
        "objective": settings.protocol.objective or ACCURACY,
        "device": job.resources.device,
        "threads": (settings.numerics or Numerics()).threads,
    }
    return {
        "held": job.resources.held(alone=record.alone),
        "shares_gpu": job.resources.shares_gpu and not record.alone,
        "method": settings.method(record.method).trained,
        "settings": trainer_settings,
        "folder": str(trial_folder(job.folder, record)),
        "staged": job.staged,
        "digest": settings.data.digest,
        "own_parts": settings.own_parts,
        "known": max(record.epochs, default=0),
        "judged": _judged(settings, record.method),
        "test": record.stage == "confirm",
    }


# -- endings -----------------------------------------------------------------------------------------------


def _finish(job: Job, ledger: Ledger, tracker: Tracker, console: Console) -> int:
    unsent = tracker.finish(_PATIENCE)
    _keep_parent(ledger, tracker)
    publish_best(job.folder, ledger)
    from study.reporting import write_report  # drawing takes seconds to import; a study begins at once

    written = write_report.write(job.folder, ledger.settings, ledger.records())
    complete = bool(written.summary["complete"])
    results = StudyResults(job.folder, written.summary, written.findings)
    shown = not unsent and tracker.close_study("FINISHED" if complete else "FAILED", results)
    _tell(console, written.findings, written.html, tracker)
    if not shown:
        reason = tracker.error or "it is slow"
        what = f"{unsent} trials" if unsent else "the report"
        remedy = "tries again" if tracker.broken else "sends it, once MLflow answers"
        console.print(f"MLflow lacks {what} ({reason}): the same command {remedy}.", soft_wrap=True)
    if not complete:
        return FAILED
    return COMPLETE if shown else UNSENT


def _keep_parent(ledger: Ledger, tracker: Tracker) -> None:
    """Note the parent run in the ledger, so that the report can be made from the ledger alone."""
    target = tracker.target
    page = target.address(tracker.page) if tracker.page else None
    shown = MlflowRun(target.shown, target.experiment, tracker.parent_run, page)
    if ledger.settings.mlflow != shown:
        ledger.save_settings(replace(ledger.settings, mlflow=shown))


def _code(cause: str) -> int:
    """What a study that its surroundings stopped ends with."""
    return BAD_INPUT if lasts(cause) else INTERRUPTED


def _stopped(ledger: Ledger, tracker: Tracker, console: Console, reason: str, code: int) -> int:
    ignore_signals()  # we are leaving already
    disconnect()
    _close(tracker)
    done = sum(record.finished for record in ledger.records())
    first = "remove this cause, then " if code == BAD_INPUT else ""
    cause = without_secrets(reason, ledger.url, tracker.target.uri)
    console.print(
        f"Stopped: {cause}. {done} trials are finished; {first}run the same command again to continue.",
        soft_wrap=True,
    )
    return code


def _close(tracker: Tracker) -> None:
    """Leave MLflow a study that was stopped; what it lacks the next start sends."""
    if tracker.finish(_PATIENCE_INTERRUPTED) == 0:
        tracker.close_study("KILLED", None)


def _tell(console: Console, findings: Sequence[str], html: Path, tracker: Tracker) -> None:
    """Close with what was found, where it is and how to look at it."""
    console.print()
    for finding in findings:
        console.print(f"- {finding}")
    console.print(f"\nReport:  {html}", soft_wrap=True)
    _tell_page(console, tracker)


def _tell_page(console: Console, tracker: Tracker) -> None:
    """Say where the table of trials is, and what serves it."""
    lines = tracker.target.directions(tracker.page)
    console.print("MLflow:  " + "\n         ".join(lines), soft_wrap=True)
