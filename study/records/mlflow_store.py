"""MLflow's store: made, tried, asked what it has of a study, and told what it lacks."""

import contextlib
import glob
import logging
import os
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from study.records.addresses import reason
from study.records.artifact_place import follow_results, require_place
from study.records.database import missing_driver, sqlite_path, sqlite_url
from study.records.mlflow_target import Target
from study.records.mlflow_views import (
    DESCRIPTION,
    TAG,
    introduction,
    plain_page,
    tag_value,
    view_name,
    view_page,
    views,
)
from study.records.trial_record import BEST_ACCURACY
from study.settings import DataFacts, StudySettings
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
    with _refused(target, "takes no runs"):
        follow_results(target)
        client = opened(target)
        known = client.get_experiment_by_name(target.experiment)
        if known is not None and known.lifecycle_stage == "deleted":
            raise InputError(
                f"the experiment {target.experiment} of MLflow at {target.shown} was deleted: restore it "
                f"with `mlflow experiments restore --experiment-id {known.experiment_id}`, or set "
                "MLFLOW_EXPERIMENT_NAME to another"
            )
        if known is not None and not target.served:
            require_place(target, known.artifact_location)
        run = client.create_run(experiment(client, target), run_name="tried before a study")
        client.delete_run(run.info.run_id)


@contextlib.contextmanager
def _refused(target: Target, how: str) -> Iterator[None]:
    """Turn what MLflow raises into InputError, which says that the store does so and why."""
    try:
        yield
    except ImportError as error:
        raise InputError(f"MLflow at {target.shown} {missing_driver(error)}") from error
    except refusals() as error:
        raise InputError(f"MLflow at {target.shown} {how} ({reason(error, target.uri)})") from error


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
    location = None if target.served else target.artifacts.as_uri()
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
    """The last epoch a run has; every epoch reports the best accuracy so far."""
    return max((metric.step for metric in client.get_metric_history(run, BEST_ACCURACY)), default=0)


def show_study(client: "MlflowClient", experiment: str, settings: StudySettings) -> None:
    """Keep the study's views in its experiment, name them in its description, and draw the best score first.

    A description that is there already stays, and gains a line.
    """
    now = int(time.time() * 1000)
    for key, view in views(settings).items():
        client.set_experiment_tag(experiment, TAG + key, tag_value(view, now))
    client.set_experiment_tag(experiment, "mlflow.experiment.primaryMetric.name", settings.judged_by.best)
    said = client.get_experiment(experiment).tags.get(DESCRIPTION, "")
    line = introduction(experiment, settings)
    if line not in said:
        client.set_experiment_tag(experiment, DESCRIPTION, f"{said}\n\n{line}".strip())


def kept_pages(target: Target) -> list[tuple[str, str]]:
    """Name and path of every view that is kept, and of every other experiment that holds studies.

    Raises InputError: MLflow cannot read the store.
    """
    with _refused(target, "cannot be read"):
        follow_results(target)
        client = opened(target)
        experiments = client.search_experiments()
        return [page for each in experiments for page in _views_of(each) or _runs_of(client, each)]


def _views_of(experiment: Any) -> list[tuple[str, str]]:
    kept = {key.removeprefix(TAG): value for key, value in experiment.tags.items() if key.startswith(TAG)}
    return [(view_name(key, view), view_page(experiment.experiment_id, key)) for key, view in kept.items()]


def _runs_of(client: "MlflowClient", experiment: Any) -> list[tuple[str, str]]:
    """The plain page of an experiment, if an earlier version has copied a study to it."""
    found = client.search_runs([experiment.experiment_id], "tags.`study.id` != ''", max_results=1)
    return [(experiment.name, plain_page(experiment.experiment_id))] if found else []


def send(
    client: "MlflowClient",
    run: str,
    metrics: Sequence[tuple[str, float, int, int]],
    params: Mapping[str, Any],
    tags: Mapping[str, str],
) -> None:
    """Log metrics (name, value, milliseconds, step), params and tags; a batch takes at most 1,000 entries."""
    from mlflow.entities import Metric, Param, RunTag

    entries = [Metric(*metric) for metric in metrics]
    named = [Param(name, str(value)) for name, value in params.items()]
    tagged = [RunTag(name, value) for name, value in tags.items()]
    for start in range(0, max(len(entries), 1), 800):
        client.log_batch(run, entries[start : start + 800], named, tagged)


def log_data(client: "MlflowClient", run: str, data: DataFacts, context: str) -> None:
    """Name the data that a run was made with."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    kind = "sample" if data.is_sample else "store"
    dataset = Dataset(name=data.name, digest=data.digest[:32], source_type=kind, source=data.digest)
    client.log_inputs(run, datasets=[DatasetInput(dataset, [InputTag("mlflow.data.context", context)])])
