"""MLflow as a projection of the ledger; only this file and `mlflow_store` import mlflow.

A background copy sends whatever the ledger has and MLflow lacks: a server that is away delays the copy and
never the study, and what is sent twice changes nothing.
"""

import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from study.records.addresses import reason
from study.records.background_copy import BackgroundCopy
from study.records.ledger import Ledger
from study.records.mlflow_store import experiment, last_step, opened, refusals, runs_of
from study.records.mlflow_target import Target
from study.records.trial_record import Record
from study.settings import DataFacts, StudySettings

if TYPE_CHECKING:
    from mlflow import MlflowClient

STATUS = {"completed": "FINISHED", "pruned": "KILLED", "diverged": "FAILED", "failed": "FAILED"}


class Tracker:
    """Copies a study's ledger to MLflow in the background.

    Args:
        target: Tracking URI, experiment and artifact root.
        ledger: What is copied.

    """

    def __init__(self, target: Target, ledger: Ledger) -> None:
        self.target = target
        self.ledger = ledger
        self.error: str | None = None  # why the last exchange failed; None while all is well
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
        """Path of the runs in MLflow's UI, which by itself opens on a page for language models."""
        return f"#/experiments/{self._experiment}/runs?workflowType=machine_learning"

    def finish(self, timeout: float) -> int:
        """Copy the rest and end the thread.

        Returns:
            How many trials MLflow still lacks after `timeout` seconds; the next start sends them.

        """
        return self._copying.finish(timeout)

    def close_study(self, status: str, folder: Path | None) -> bool:
        """End the parent run with the report and all it refers to as artifacts; False if MLflow is away."""
        return self._try(lambda: self._close_parent(status, folder))

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
            self._experiment = experiment(client, self.target)
            self.parent_run = self._recall(client) or self._parent(client)
            self._recalled = True
        return client

    def _recall(self, client: "MlflowClient") -> str | None:
        """Find the runs of an earlier start; a run that has ended is whole, since ending it comes last."""
        parent = None
        self._runs, self._sent = {}, {}
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
        tags = _tags(settings) | _describe(settings)
        run = client.create_run(self._experiment, run_name=settings.study, tags=tags)
        _log_data(client, run.info.run_id, settings.data, "all")
        return str(run.info.run_id)

    def _close_parent(self, status: str, folder: Path | None) -> None:
        client = self._connect()
        for path in sorted(folder.iterdir()) if folder else []:
            if path.name in ("figures", "tables", "best"):
                client.log_artifacts(self.parent_run, str(path), artifact_path=path.name)
            elif path.name in ("report.html", "interactive.html", "summary.json"):
                client.log_artifact(self.parent_run, str(path))
        client.set_terminated(self.parent_run, status)

    # -- one trial -----------------------------------------------------------------------------------------

    def _project(self, client: "MlflowClient", record: Record) -> None:
        """Bring one child run up to the ledger."""
        run = self._run(client, record)
        sent = self._sent[record.key]
        missing = [epoch for epoch in sorted(record.epochs) if epoch > sent]
        closing = record.finished and record.key not in self._closed
        if missing or closing or not sent:
            self._log(client, run, record, missing)
        if closing:
            _log_data(client, run, self.ledger.settings.data, record.stage)
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
        tags = _tags(settings) | {
            "mlflow.parentRunId": str(self.parent_run),
            "study.trial": record.key,
            "stage": record.stage,
            "method": record.method,
            "protocol": record.protocol,
        }
        name = f"{record.stage}-{record.method}-{record.number}"
        run = client.create_run(
            self._experiment, start_time=_millis(record.started), run_name=name, tags=tags
        )
        return str(run.info.run_id)

    def _log(self, client: "MlflowClient", run: str, record: Record, epochs: list[int]) -> None:
        """Log epochs with the ledger's times: a metric sent twice is the same row to MLflow and stays one."""
        from mlflow.entities import Metric

        metrics = [
            Metric(name, value, _millis(record.times[epoch]), epoch)
            for epoch in epochs
            for name, value in record.epochs[epoch].items()
        ]
        params = [] if self._sent[record.key] else _params(record)
        for start in range(0, max(len(metrics), 1), 900):  # a batch takes at most 1,000 entries
            client.log_batch(run, metrics[start : start + 900], params, _verdict(record))
        self._sent[record.key] = max(epochs, default=self._sent[record.key])


def _millis(seconds: float | None) -> int:
    return int((time.time() if seconds is None else seconds) * 1000)


def _tags(settings: StudySettings) -> dict[str, str]:
    return {"study.id": settings.id, "study": settings.study}


def _describe(settings: StudySettings) -> dict[str, str]:
    """Tag the parent with what a number means nothing without."""
    protocol = {f"protocol.{name}": str(value) for name, value in asdict(settings.protocol).items() if value}
    return protocol | {"data.is_sample": str(settings.data.is_sample).lower()}


def _params(record: Record) -> list[Any]:
    from mlflow.entities import Param

    params = {"stage": record.stage, "method": record.method, "seed": record.seed} | record.config
    return [Param(name, str(value)) for name, value in params.items()]


def _verdict(record: Record) -> list[Any]:
    """How a finished trial ended, as tags."""
    from mlflow.entities import RunTag

    if not record.finished:
        return []
    return [RunTag("status", record.status), RunTag("reason", record.reason or "")]


def _log_data(client: "MlflowClient", run: str, data: DataFacts, context: str) -> None:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    kind = "sample" if data.is_sample else "store"
    dataset = Dataset(name=data.name, digest=data.digest[:32], source_type=kind, source=data.digest)
    client.log_inputs(run, datasets=[DatasetInput(dataset, [InputTag("mlflow.data.context", context)])])
