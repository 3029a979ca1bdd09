"""Files of runs follow the results that were moved or copied, and no old path is made anew."""

import shutil
from pathlib import Path

import mlflow
import pytest
from mlflow.tracking._tracking_service.utils import _artifact_repos_cache
from toy_study import stage_run, work_all

from study.records.artifact_place import follow_results
from study.records.database import sqlite_url
from study.records.mlflow_checks import require_tracking
from study.records.mlflow_runs import StudyResults
from study.records.mlflow_store import kept_pages, make_database
from study.records.mlflow_target import Target
from study.records.mlflow_tracking import Tracker
from trainables.multimodal.errors import InputError

FOUND = {"methods": {}, "comparisons": []}
ODD = "a b'%20#?ü"


def results(folder, uri=None):
    """MLflow below a folder of results, or elsewhere."""
    return Target(uri or sqlite_url(folder / "mlflow.db"), "toy", folder / "mlartifacts")


def carry_on(target, ledger, report):
    """Do what each start of a study does; returns its run."""
    _artifact_repos_cache.clear()  # of an earlier start, which was another process
    require_tracking(target)
    tracker = Tracker(target, ledger)
    tracker.start()
    assert tracker.finish(60) == 0
    folder = target.artifacts.parent / "toy"
    folder.mkdir(exist_ok=True)
    (folder / "report.html").write_text(report)
    assert tracker.close_study("FINISHED", StudyResults(folder, FOUND, []))
    return mlflow.MlflowClient(target.uri).get_run(tracker.parent_run)


@pytest.fixture
def ledger(open_toy):
    toy = open_toy()
    work_all(stage_run(toy))
    return toy


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """A database of MLflow; making one takes seconds."""
    folder = tmp_path_factory.mktemp("mlflow")
    make_database(results(folder))
    return folder / "mlflow.db"


@pytest.fixture
def old(empty, tmp_path, ledger):
    """Results of a study that has ended, in a folder that may be moved."""
    folder = tmp_path / "old"
    folder.mkdir()
    shutil.copy(empty, folder)
    carry_on(results(folder), ledger, "before")
    return folder


@pytest.mark.parametrize("move", [shutil.move, shutil.copytree])
def test_files_go_where_the_results_are_now(old, tmp_path, ledger, move):
    new = tmp_path / "elsewhere" / ODD
    new.parent.mkdir()
    move(old, new)
    before = sorted(old.rglob("*"))
    run = carry_on(results(new), ledger, "after")
    assert run.info.artifact_uri.startswith(f"{(new / 'mlartifacts').as_uri()}/")
    (report,) = new.glob("mlartifacts/*/artifacts/report.html")
    assert report.read_text() == "after"
    assert mlflow.MlflowClient(results(new).uri).list_artifacts(run.info.run_id)
    assert sorted(old.rglob("*")) == before
    assert all(path.read_text() == "before" for path in old.glob("mlartifacts/*/artifacts/report.html"))


def test_the_ui_shows_the_files_of_moved_results(old, tmp_path):
    new = old.rename(tmp_path / "new")
    kept_pages(results(new))
    client = mlflow.MlflowClient(results(new).uri)
    found = client.search_runs([client.get_experiment_by_name("toy").experiment_id], "tags.stage != 'x'")
    uris = {run.info.artifact_uri for run in found} | {
        e.artifact_location for e in client.search_experiments()
    }
    assert all(uri.startswith((new / "mlartifacts").as_uri()) for uri in uris)


def test_what_lies_elsewhere_on_purpose_stays_there(old, tmp_path):
    client = mlflow.MlflowClient(results(old).uri)
    places = [f"{old.as_uri()}/mlartifacts2/1", "s3://bucket/mlartifacts", f"{tmp_path.as_uri()}/own"]
    kept = {client.create_experiment(place[-20:], artifact_location=place): place for place in places}
    new = old.rename(tmp_path / "new")
    follow_results(results(new))
    client = mlflow.MlflowClient(results(new).uri)
    assert {number: client.get_experiment(number).artifact_location for number in kept} == kept


def test_one_folder_under_two_names_is_left_alone(old, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(old)
    follow_results(results(link))
    location = mlflow.MlflowClient(results(old).uri).get_experiment_by_name("toy").artifact_location
    assert location == (old / "mlartifacts").as_uri()


def test_a_database_elsewhere_refuses_the_experiment_of_results_that_are_gone(empty, tmp_path, ledger):
    uri = sqlite_url(Path(shutil.copy(empty, tmp_path / "shared.db")))
    (tmp_path / "old").mkdir()
    carry_on(results(tmp_path / "old", uri), ledger, "before")
    new = (tmp_path / "old").rename(tmp_path / "new")
    with pytest.raises(InputError, match=f"keeps its files in {tmp_path}/old, which is gone"):
        require_tracking(results(new, uri))
    assert not (tmp_path / "old").exists()
    (tmp_path / "old").mkdir()  # other results, which share the experiment
    require_tracking(results(new, uri))


def test_another_database_stays_as_it_is(empty, tmp_path):
    path = Path(shutil.copy(empty, tmp_path / "shared.db"))
    before = path.read_bytes()
    follow_results(results(tmp_path / "results", sqlite_url(path)))
    assert path.read_bytes() == before
