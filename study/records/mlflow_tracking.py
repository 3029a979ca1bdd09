"""MLflow as a projection of the ledger; only this file and `mlflow_store` import mlflow.

A background copy sends whatever the ledger has and MLflow lacks: a server that is away delays the copy and
never the study, and what is sent twice changes nothing.
"""

import logging
import time
import traceback
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

from study.records.addresses import reason, without_secrets
from study.records.background_copy import BackgroundCopy
from study.records.ledger import Ledger
from study.records.mlflow_runs import (
    StudyResults,
    description,
    epoch_metrics,
    result_metrics,
    result_tags,
    run_name,
    study_description,
    study_params,
    study_tags,
    trial_ending,
    trial_params,
    trial_tags,
)
from study.records.mlflow_store import (
    experiment,
    last_step,
    log_data,
    opened,
    refusals,
    runs_of,
    send,
    show_study,
)
from study.records.mlflow_target import Target
from study.records.mlflow_views import DESCRIPTION, methods_page, trials_page
from study.records.study_folder import BEST
from study.records.trial_record import BEST_ACCURACY, Record

if TYPE_CHECKING:
    from mlflow import MlflowClient

STATUS = {"completed": "FINISHED", "pruned": "FINISHED", "diverged": "FAILED", "failed": "FAILED"}
"""MLflow's status by the ledger's: a trial that ASHA stopped has done what was asked of it."""


class Tracker:
    """Copies a study's ledger to MLflow in the background.

    Args:
        target: Tracking URI, experiment and artifact root.
        ledger: What is copied.
        announce: Called once in the thread, when `page` has become known.

    """

    def __init__(self, target: Target, ledger: Ledger, announce: Callable[[], object] = lambda: None) -> None:
        self.target = target
        self.ledger = ledger
        self._announce = announce
        self.error: str | None = None  # why the last exchange failed; None while all is well
        self.broken = False  # by an error that nobody expected, after which nothing is sent
        self.parent_run: str | None = None
        self._recalled = False
        self._experiment = ""
        self._sent: dict[str, int] = {}  # key -> last epoch MLflow has
        self._closed: set[str] = set()  # keys whose run has ended
        self._runs: dict[str, str] = {}  # key -> run id
        self._copying = BackgroundCopy(
            "mlflow",
            prepare=partial(import_module, "mlflow"),  # takes seconds
            attempt=lambda: self._try(self._copy),
            broke=self._broke,
            keys=[record.key for record in ledger.records()],
        )

    def start(self) -> None:
        """Begin to copy; what an earlier driver left comes first."""
        self._copying.start()

    def changed(self, record: Record) -> None:
        """Note that a trial has something new; returns at once."""
        self._copying.note(record.key, trained=bool(record.epochs))

    @property
    def page(self) -> str:
        """Path of the table of trials in MLflow's UI; empty while MLflow has not answered yet."""
        return trials_page(self._experiment, self.ledger.settings) if self._experiment else ""

    def finish(self, timeout: float) -> int:
        """Copy the rest and end the thread.

        Returns:
            How many trials MLflow still lacks after `timeout` seconds; the next start sends them.

        """
        return self._copying.finish(timeout)

    def close_study(self, status: str, results: StudyResults | None) -> bool:
        """End the parent run, with what was found and the report if there is one; False if it stays open."""
        if self.broken or self._copying.at_work:  # two threads at once break MLflow's migrations
            return False
        return self._try(lambda: self._close_parent(status, results))

    # -- in the thread -------------------------------------------------------------------------------------

    def _try(self, action: Callable[[], None]) -> bool:
        """Talk to MLflow; a failure is remembered, not passed on to the study."""
        try:
            action()
        except refusals() as error:
            self.error = reason(error, self.target.uri)
            self._recalled = False  # a request that seemed to fail may have been carried out
            return False
        self.error = None
        return True

    def _broke(self, error: Exception) -> None:
        """Keep what ended the copy, and log where: to send more would only meet it again."""
        where = without_secrets("".join(traceback.format_exception(error)), self.target.uri)
        logging.getLogger(__name__).error("The copy to MLflow broke off.\n%s", where)
        self.error = f"the copy broke off by {type(error).__name__}: {reason(error, self.target.uri)}"
        self.broken = True

    def _copy(self) -> None:
        client = self._connect()
        for key in self._copying.pending():
            self._project(client, self.ledger.get(key))
            self._copying.settle(key, self._complete)

    def _complete(self, key: str) -> bool:
        """Whether MLflow has all that the ledger has of a trial."""
        record = self.ledger.get(key)
        sent = max(record.epochs, default=0) <= self._sent.get(key, -1)
        return sent and record.finished == (key in self._closed)

    def _connect(self) -> "MlflowClient":
        """Open the store, and learn what it has of this study already."""
        client = opened(self.target)
        if not self._recalled:
            number = experiment(client, self.target)
            show_study(client, number, self.ledger.settings)
            first, self._experiment = not self._experiment, number
            self.parent_run = self._recall(client) or self._parent(client)
            self._recalled = True
            if first:
                self._announce()
        return client

    def _recall(self, client: "MlflowClient") -> str | None:
        """Find the runs of an earlier start; a run that has ended is whole, since ending it comes last."""
        parent = None
        self._runs, self._sent, self._closed = {}, {}, set()
        for run in runs_of(client, self._experiment, self.ledger.settings.id):
            key = run.data.tags.get("study.trial")
            if key in self._runs or (key is None and parent):
                client.delete_run(run.info.run_id)  # made twice while the answer was lost
            elif key is None:
                parent = str(run.info.run_id)
                client.update_run(parent, status="RUNNING")
            else:
                self._runs[key] = run.info.run_id
                if run.info.status != "RUNNING":
                    self._closed.add(key)
        return parent

    def _parent(self, client: "MlflowClient") -> str:
        settings = self.ledger.settings
        tags = study_tags(settings) | study_description(settings)
        run = client.create_run(self._experiment, run_name=settings.study, tags=tags)
        log_data(client, run.info.run_id, settings.data, "all")
        return str(run.info.run_id)

    def _close_parent(self, status: str, results: StudyResults | None) -> None:
        client = self._connect()
        if results:
            self._log_results(client, str(self.parent_run), results)
        client.set_terminated(self.parent_run, status)

    def _log_results(self, client: "MlflowClient", run: str, results: StudyResults) -> None:
        """Log what was found, at the time of the last trial: what is sent again stays one."""
        settings, summary = self.ledger.settings, results.summary
        ended = _millis(max((record.ended or 0.0 for record in self.ledger.records()), default=0.0))
        metrics = [(name, value, ended, 0) for name, value in result_metrics(summary, settings).items()]
        pages = trials_page(self._experiment, settings), methods_page(self._experiment, settings)
        tags = result_tags(summary, settings) | {DESCRIPTION: description(results, *pages)}
        send(client, run, metrics, study_params(settings), tags)
        for path in sorted(results.folder.iterdir()):
            if path.name in ("figures", "tables", BEST):
                client.log_artifacts(run, str(path), artifact_path=path.name)
            elif path.name in ("report.html", "interactive.html", "summary.json"):
                client.log_artifact(run, str(path))

    # -- one trial -----------------------------------------------------------------------------------------

    def _project(self, client: "MlflowClient", record: Record) -> None:
        """Bring one child run up to the ledger."""
        run = self._run(client, record)
        if not record.finished and record.key in self._closed:  # it failed, and goes on
            client.update_run(run, status="RUNNING")
            self._closed.discard(record.key)
        sent = self._sent[record.key]
        missing = [epoch for epoch in sorted(record.epochs) if epoch > sent]
        closing = record.finished and record.key not in self._closed
        if missing or closing or not sent:
            self._log(client, run, record, missing)
        if closing:
            log_data(client, run, self.ledger.settings.data, record.stage)
            client.set_terminated(run, STATUS[record.status], _millis(record.ended))
            self._closed.add(record.key)

    def _run(self, client: "MlflowClient", record: Record) -> str:
        """The trial's run, made if MLflow has none; what it holds already is asked once."""
        if record.key not in self._runs:
            self._runs[record.key] = self._child(client, record)
            self._sent[record.key] = 0
        run = self._runs[record.key]
        if record.key not in self._sent:
            self._sent[record.key] = last_step(client, run)
        self.ledger.set_mlflow_run(record.key, run)
        return run

    def _child(self, client: "MlflowClient", record: Record) -> str:
        settings = self.ledger.settings
        tags = study_tags(settings) | trial_tags(record) | {"mlflow.parentRunId": str(self.parent_run)}
        run = client.create_run(
            self._experiment,
            start_time=_millis(record.started),
            run_name=run_name(record, settings),
            tags=tags,
        )
        return str(run.info.run_id)

    def _log(self, client: "MlflowClient", run: str, record: Record, epochs: list[int]) -> None:
        """Log epochs with the ledger's times: a metric sent twice is the same row to MLflow and stays one.

        The metric that tells which epochs are there (`last_step`) comes last of each.
        """
        metrics = [
            (name, value, _millis(record.times[epoch]), epoch)
            for epoch in epochs
            for name, value in sorted(
                epoch_metrics(record, epoch, self.ledger.settings).items(),
                key=lambda metric: metric[0] == BEST_ACCURACY,
            )
        ]
        params = {} if self._sent[record.key] else trial_params(record)
        send(client, run, metrics, params, trial_ending(record))
        self._sent[record.key] = max(epochs, default=self._sent[record.key])


def _millis(seconds: float | None) -> int:
    return int((time.time() if seconds is None else seconds) * 1000)
