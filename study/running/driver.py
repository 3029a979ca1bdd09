"""Carry a study out: Ray runs trials, the ledger records, MLflow shows, the report closes."""

import os
import re
import shutil
import signal
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import ray
from optuna.exceptions import StorageInternalError
from ray import tune
from rich.console import Console

from study.analysis.selection import confirmed, on_validation, protocols
from study.methods import STUDY_METHODS, StudyMethod, study_method
from study.records.ledger import Ledger, Record
from study.records.mlflow_tracking import Target, Tracker
from study.running import stages
from study.running.hang_watch import Watch
from study.running.progress import Progress
from study.running.ray_bridge import ENVIRONMENT, Plan, StageRun, asha, tuner
from study.running.shared_storage import require_shared
from study.running.study_trial import StudyTrial, discard_checkpoints, exported
from study.settings import WAVES, StudySettings
from trainables.multimodal.errors import InputError

COMPLETE, FAILED, INTERRUPTED = 0, 1, 3
MOST_SLOTS = 1_000_000  # where neither CPUs nor GPUs bound the number of trials at once
_PATIENCE = 60.0  # seconds given to MLflow to catch up at the end
_PATIENCE_INTERRUPTED = 4.0
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")  # the ledger holds what they would write
os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")  # progress is ours
os.environ.setdefault("TUNE_DISABLE_SIGINT_HANDLER", "1")  # stopping is ours: nothing of Ray's needs saving
os.environ.setdefault("TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "1")  # hide CUDA from trials without a GPU


@dataclass(frozen=True)
class Resources:
    """What every trial holds, and where."""

    cpus_per_trial: float
    gpus_per_trial: float
    max_concurrent: int | None = None
    address: str | None = None
    device: str = "auto"


@dataclass(frozen=True)
class Job:
    """Everything that launching needs, with all paths absolute."""

    folder: Path
    store: Path
    resources: Resources
    target: Target
    table: Mapping[str, StudyMethod] = field(default_factory=lambda: STUDY_METHODS)


class Halted(Exception):  # noqa: N818  (no error of the study's: its surroundings stop it)
    """Trials fail for a reason outside the study, such as a full disk."""


class Interrupted(KeyboardInterrupt):
    """SIGTERM or SIGINT arrived; a BaseException, so that nothing takes it for a failed trial."""


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise Interrupted(signal.Signals(number).name)


def catch_signals() -> None:
    """Turn the first SIGTERM or SIGINT into Interrupted; the study is safe at every moment."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _interrupt)


def carry_out(job: Job, ledger: Ledger, console: Console) -> int:
    """Run what is missing of a study, write its report and tell what was found; returns the exit code."""
    if job.resources.address:
        _connect(job.resources)  # a cluster that does not answer ends here, before MLflow is told
        require_shared(job.folder, job.store)
    tracker = Tracker(job.target, ledger)
    tracker.start()
    try:
        if not _run_stages(job, ledger, tracker, console):
            console.print(f"Study {ledger.settings['study']} has finished: nothing is left to run.")
        return _finish(job, ledger, tracker, console)
    except (KeyboardInterrupt, Halted) as reason:  # where Ray waits it turns Interrupted into its parent
        return _stopped(ledger, tracker, console, str(reason) or "interrupted")
    except (StorageInternalError, OSError) as error:  # outside Ray's callbacks
        return _stopped(ledger, tracker, console, _last_line(error))
    except tune.TuneError as error:  # what a callback raised, as text: the ledger's storage if it is no bug
        if not re.search(ENVIRONMENT, str(error)):
            raise
        return _stopped(ledger, tracker, console, _last_line(error))
    finally:
        _disconnect()


def _last_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[-1]


# -- stages ------------------------------------------------------------------------------------------------


def _run_stages(job: Job, ledger: Ledger, tracker: Tracker, console: Console) -> bool:
    """Run whatever is missing, wave by wave; False if nothing was."""
    ran = False
    plan = StudySettings.from_json(ledger.settings, job.table)
    title = ledger.settings["study"]
    with Progress(console, title) as progress:

        def changed(record: Record) -> None:
            tracker.changed(record)
            progress.changed(record)
            if record.finished:
                discard_checkpoints(_trial_folder(job, record))

        for wave in WAVES:
            plans: list[Plan] = []
            for stage in (stage for stage in wave if stage in ledger.settings["stages"]):
                asked = stages.PLANS[stage](plan, ledger)
                progress.stage(asked, ledger.records(stage))
                plans += asked
            pruners = (
                {m: asha(plan.budget.epochs, plan.grace) for m in plan.methods} if "search" in wave else {}
            )
            run = StageRun(ledger, plans, pruners, lambda record: _ray_config(job, ledger, record), changed)
            if run.due:
                _connect(job.resources)
                _execute(job, run)
                _keep_exhausted(ledger, run.exhausted)
                ran = True
            if run.halted:
                raise Halted(run.halted)
    return ran


def _keep_exhausted(ledger: Ledger, methods: set[str]) -> None:
    """Note which search spaces hold no more, so that fewer trials than asked for are all of them."""
    known = ledger.settings.get("exhausted", [])
    if methods - {*known}:
        ledger.save_settings({**ledger.settings, "exhausted": sorted({*known, *methods})})


def _execute(job: Job, run: StageRun) -> None:
    """Run one wave; Ray's own files live in a throw-away folder below the study's."""
    scratch = job.folder / ".ray"
    scratch.mkdir(exist_ok=True)
    storage = Path(tempfile.mkdtemp(dir=scratch))
    held = {"cpu": job.resources.cpus_per_trial, "gpu": job.resources.gpus_per_trial}
    try:
        slots = _slots(job.resources)
        tuner(
            StudyTrial, run, callbacks=[Watch(run)], resources=held, concurrent=slots, storage=storage
        ).fit()
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _ray_config(job: Job, ledger: Ledger, record: Record) -> dict[str, Any]:
    """What the process of a trial needs to know."""
    paper = record.protocol == "paper"
    settings = {
        **record.config,
        "seed": record.seed,
        "data": str(job.store),
        "split": ledger.settings["protocol"]["splits"]["paper" if paper else _searched(ledger.settings)],
        "selection": "test" if paper else "validation",
        "diagnose": "every_epoch" if record.stage == "confirm" else "end",
        "device": job.resources.device,
        "threads": ledger.settings["numerics"]["threads"],
    }
    return {
        "method": study_method(record.method, job.table).trained,
        "settings": settings,
        "folder": str(_trial_folder(job, record)),
        "known": max(record.epochs, default=0),
        "test": record.stage == "confirm",
    }


def _searched(settings: Mapping[str, Any]) -> str:
    """The protocol whose split search and sensitivity use; test is never read there."""
    return str(next(iter(settings["protocol"]["splits"])))


def _trial_folder(job: Job, record: Record) -> Path:
    return job.folder / "checkpoints" / record.stage / record.method / str(record.number)


# -- Ray ---------------------------------------------------------------------------------------------------


def _connect(resources: Resources) -> None:
    """Start a Ray of our own on this machine, or join the cluster that was named."""
    if ray.is_initialized():
        return
    if resources.address:
        _join(resources.address)
    else:
        ray.init(
            address="local",
            include_dashboard=False,
            log_to_driver=False,
            logging_level="ERROR",
            _node_ip_address="127.0.0.1",
        )
    catch_signals()  # Ray has put handlers of its own in their place
    _check_room(resources)


def _join(address: str) -> None:
    try:
        ray.init(address=address, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise InputError(f"the Ray cluster at {address} does not answer ({_last_line(error)}).") from error


def _check_room(resources: Resources) -> None:
    """Refuse what no node can hold, instead of waiting for ever."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    wanted = {"CPU": resources.cpus_per_trial, "GPU": resources.gpus_per_trial}
    if not any(all(node.get(kind, 0) >= amount for kind, amount in wanted.items()) for node in nodes):
        raise InputError(
            f"no node has {wanted['CPU']:g} CPUs and {wanted['GPU']:g} GPUs for a trial: "
            "lower --cpus-per-trial or --gpus-per-trial."
        )


def _slots(resources: Resources) -> int:
    """How many trials run at once."""
    total = ray.cluster_resources()
    by_cpu = total.get("CPU", 0) // resources.cpus_per_trial if resources.cpus_per_trial else float("inf")
    by_gpu = total.get("GPU", 0) // resources.gpus_per_trial if resources.gpus_per_trial else float("inf")
    room = max(1, int(min(by_cpu, by_gpu, MOST_SLOTS)))
    return min(room, resources.max_concurrent or room)


def _disconnect() -> None:
    """Stop Ray if it was started."""
    if ray.is_initialized():
        ray.shutdown()


# -- endings -----------------------------------------------------------------------------------------------


def _finish(job: Job, ledger: Ledger, tracker: Tracker, console: Console) -> int:
    unsent = tracker.finish(_PATIENCE)
    _keep_parent(ledger, tracker)
    publish_best(job.folder, ledger)
    from study.reporting import (
        write_report,  # drawing takes seconds to import, and a study should begin at once
    )

    written = write_report.write(job.folder, ledger.settings, ledger.records())
    complete = bool(written.summary["complete"])
    shown = not unsent and tracker.close_study("FINISHED" if complete else "FAILED", job.folder)
    _tell(console, written.findings, written.html, tracker)
    if not shown:
        reason = tracker.error or "it is slow"
        what = f"{unsent} trials" if unsent else "the report"
        console.print(f"MLflow lacks {what} ({reason}): the same command sends it.", soft_wrap=True)
    return COMPLETE if complete else FAILED


def _keep_parent(ledger: Ledger, tracker: Tracker) -> None:
    """Note the parent run in the ledger, so that the report can be made from the ledger alone."""
    shown = {
        "uri": tracker.target.uri,
        "experiment": tracker.target.experiment,
        "parent_run": tracker.parent_run,
    }
    if ledger.settings.get("mlflow") != shown:
        ledger.save_settings({**ledger.settings, "mlflow": shown})


def publish_best(folder: Path, ledger: Ledger) -> None:
    """Put the weights of each method's best confirm run, by validation, under best/<method>."""
    settings, records = ledger.settings, ledger.records()
    for method in settings["methods"]:
        runs = confirmed(records, method, protocols(settings)[0])
        best = max(runs, key=lambda run: (on_validation(run)["accuracy"], -run.number), default=None)
        if best is not None:
            _move_export(folder, best)
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)


def _move_export(folder: Path, record: Record) -> None:
    source = exported(folder / "checkpoints" / record.stage / record.method / str(record.number))
    target = folder / "best" / record.method
    if source:  # else an earlier start has moved it
        target.parent.mkdir(exist_ok=True)
        shutil.rmtree(target, ignore_errors=True)
        source.rename(target)


def _stopped(ledger: Ledger, tracker: Tracker, console: Console, reason: str) -> int:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)  # we are leaving already
    _disconnect()
    if tracker.finish(_PATIENCE_INTERRUPTED) == 0:
        tracker.close_study("KILLED", None)
    done = sum(record.finished for record in ledger.records())
    console.print(
        f"Stopped: {reason}. {done} trials are finished; run the same command again to continue.",
        soft_wrap=True,
    )
    return INTERRUPTED


def _tell(console: Console, findings: Sequence[str], html: Path, tracker: Tracker) -> None:
    """Close with what was found, where it is and how to look at it."""
    console.print()
    for finding in findings:
        console.print(f"- {finding}")
    console.print(f"\nReport:  {html}", soft_wrap=True)
    uri = tracker.target.uri
    if uri.startswith(("http://", "https://")):
        console.print(f"MLflow:  {uri.rstrip('/')}/{tracker.page}", soft_wrap=True)
    else:
        console.print(f"MLflow:  mlflow ui --backend-store-uri {uri}", soft_wrap=True)
        console.print(f"         then open http://127.0.0.1:5000/{tracker.page}", soft_wrap=True)
