"""Real servers of PostgreSQL and MariaDB, with a password, under the ledger and under MLflow."""

import re
from functools import partial

import mlflow
import pytest
from database_servers import PASSWORD, mariadb, postgresql
from toy_study import TOY, stage_run, work_all

from study.records.ledger import Ledger
from study.records.ledger_storage import open_storage
from study.records.mlflow_checks import require_tracking
from study.records.mlflow_target import Target
from study.records.mlflow_tracking import Tracker
from trainables.multimodal.errors import InputError

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module", params=[postgresql, mariadb], ids=lambda server: server.__name__)
def server(request):
    """The address of a server of our own, for a database to be named."""
    with request.param() as address:
        yield address


def test_a_ledger_and_mlflow_in_databases_of_a_server_hold_a_whole_study(server, tmp_path):
    url, uri = f"{server}/optuna", f"{server}/mlflow"
    ledger = Ledger(url, "toy", tmp_path)
    ledger.save_settings(TOY)
    work_all(stage_run(ledger))
    kept = [(record.key, record.status, record.epochs) for record in ledger.records()]
    assert kept
    target = Target(uri, "toy", tmp_path / "artifacts")
    require_tracking(target)
    tracker = Tracker(target, ledger)
    tracker.start()
    assert tracker.finish(120) == 0
    ledger.close()
    again = Ledger(url, "toy", tmp_path)
    assert [(record.key, record.status, record.epochs) for record in again.records()] == kept
    again.close()
    client = mlflow.MlflowClient(uri)
    experiment = client.get_experiment_by_name("toy")
    assert len(client.search_runs([experiment.experiment_id], max_results=1000)) == len(kept) + 1


@pytest.fixture(params=["ledger", "mlflow"])
def open_it(request, tmp_path):
    """Opens a database for one of the two."""
    return open_storage if request.param == "ledger" else partial(tracked, tmp_path)


def tracked(folder, url):
    """Try MLflow out there."""
    require_tracking(Target(url, "toy", folder))


@pytest.mark.parametrize(
    ("right", "wrong"),
    [(f":{PASSWORD}", ":SECRET2"), ("//alice", "//bob"), ("/optuna", "/nothing"), (r":\d+/", ":1/")],
)
def test_an_address_that_is_wrong_is_a_sentence_without_its_password(server, open_it, right, wrong):
    address = re.sub(right, wrong, f"{server}/optuna")
    assert address != f"{server}/optuna"
    with pytest.raises(InputError, match="does not open") as said:
        open_it(address)
    assert "SECRET" not in str(said.value)
