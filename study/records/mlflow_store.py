"""MLflow's store: made, tried, and asked what it has of a study."""

import contextlib
import glob
import logging
import os
import uuid
from typing import TYPE_CHECKING, Any

from study.records.addresses import reason
from study.records.database import missing_driver, sqlite_path, sqlite_url
from study.records.mlflow_target import SERVERS, Target
from trainables.multimodal.errors import InputError

if TYPE_CHECKING:
    from mlflow import MlflowClient

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # an address with its login, per run


def opened(target: Target) -> "MlflowClient":
    """A client of the store, which is made if it is a database that is not there."""
    import mlflow

    logging.getLogger("mlflow").setLevel(logging.WARNING)
    make_database(target)
    return mlflow.MlflowClient(target.uri)


def make_database(target: Target) -> None:
    """Make a missing SQLite database under another name, then let it appear at once.

    A driver that is killed amid MLflow's migrations would leave a database that MLflow refuses for good.
    MLflow itself would put the working folder into it, by a statement that no quotation mark survives.
    """
    path = sqlite_path(target.uri)
    if path is None or path.exists():
        return
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        SqlAlchemyStore(sqlite_url(fresh), target.artifacts.as_uri())
        with contextlib.suppress(FileExistsError):  # another study was faster
            path.hardlink_to(fresh)
    finally:
        for leftover in path.parent.glob(f".{glob.escape(path.name)}.*"):
            leftover.unlink(missing_ok=True)


def try_out(target: Target) -> None:
    """Create a run in the study's experiment and delete it; InputError with the cause if MLflow refuses."""
    try:
        client = opened(target)
        known = client.get_experiment_by_name(target.experiment)
        if known is not None and known.lifecycle_stage == "deleted":
            raise InputError(
                f"the experiment {target.experiment} of MLflow at {target.shown} was deleted: restore it "
                f"with `mlflow experiments restore --experiment-id {known.experiment_id}`, or set "
                "MLFLOW_EXPERIMENT_NAME to another"
            )
        run = client.create_run(experiment(client, target), run_name="tried before a study")
        client.delete_run(run.info.run_id)
    except ImportError as error:
        raise InputError(f"MLflow at {target.shown} {missing_driver(error)}") from error
    except refusals() as error:
        raise InputError(f"MLflow at {target.shown} takes no runs ({reason(error, target.uri)})") from error


def refusals() -> tuple[type[Exception], ...]:
    """What talking to a store may raise."""
    from mlflow.exceptions import MlflowException
    from requests.exceptions import RequestException
    from sqlalchemy.exc import SQLAlchemyError

    return MlflowException, RequestException, SQLAlchemyError, OSError


def experiment(client: "MlflowClient", target: Target) -> str:
    """Find or make the experiment; a database must be told where artifacts go, a server knows."""
    known = client.get_experiment_by_name(target.experiment)
    if known is not None:
        return str(known.experiment_id)
    remote = target.uri.startswith((*SERVERS, "databricks"))
    location = None if remote else target.artifacts.as_uri()
    tags = {"mlflow.experimentKind": "custom_model_development"}  # or the UI shows it as a chat application
    return str(client.create_experiment(target.experiment, artifact_location=location, tags=tags))


def runs_of(client: "MlflowClient", experiment: str, study_id: str) -> list[Any]:
    """All runs of one study."""
    runs: list[Any] = []
    token = None
    while True:
        query = f"tags.`study.id` = '{study_id}'"
        page = client.search_runs([experiment], query, max_results=1000, page_token=token)
        runs += page
        token = page.token
        if not token:
            return runs


def last_step(client: "MlflowClient", run: str) -> int:
    """The last epoch a run has; every epoch reports the metric `epoch`."""
    return max((metric.step for metric in client.get_metric_history(run, "epoch")), default=0)
