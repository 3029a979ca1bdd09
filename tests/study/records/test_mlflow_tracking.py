"""MLflow is a projection of the ledger: complete, without duplicates, and never in the way."""

import socket
import threading
from collections import Counter
from pathlib import Path

import mlflow
import pytest
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from toy_study import report, stage_run, work, work_all

from study.records import background_copy, mlflow_tracking
from study.records.mlflow_runs import StudyResults
from study.records.mlflow_store import kept_pages, make_database, send
from study.records.mlflow_target import Target
from study.records.mlflow_tracking import Tracker
from study.records.mlflow_views import TAG


@pytest.fixture(scope="module")
def uri(tmp_path_factory):
    """A real MLflow database; making one takes seconds."""
    uri = f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/mlflow.db"
    mlflow.MlflowClient(uri).search_experiments()
    return uri


@pytest.fixture
def target(uri, tmp_path, request):
    """An experiment of the test's own."""
    return Target(uri, request.node.name, tmp_path / "artifacts")


def copy(target, ledger):
    """Send everything, as one driver would until its end."""
    tracker = Tracker(target, ledger)
    tracker.start()
    assert tracker.finish(60) == 0
    return tracker


def runs(target):
    """All runs of the experiment: children by trial key, and the parents."""
    client = mlflow.MlflowClient(target.uri)
    experiment = client.get_experiment_by_name(target.experiment)
    found = client.search_runs([experiment.experiment_id])
    children = {run.data.tags["study.trial"]: run for run in found if "study.trial" in run.data.tags}
    return children, [run for run in found if "study.trial" not in run.data.tags]


def history(target, run):
    """Steps of a metric, in the order they were logged."""
    client = mlflow.MlflowClient(target.uri)
    return [metric.step for metric in client.get_metric_history(run.info.run_id, "best/accuracy")]


def test_every_trial_is_one_child_with_every_epoch_once(open_toy, target):
    ledger = open_toy()
    work_all(stage_run(ledger))
    copy(target, ledger)
    children, parents = runs(target)
    assert len(parents) == 1
    assert {key: history(target, run) for key, run in children.items()} == {
        record.key: list(record.epochs) for record in ledger.records()
    }


def test_states_agree_with_the_ledger(open_toy, target):
    ledger = open_toy()
    work_all(stage_run(ledger))
    copy(target, ledger)
    children, _ = runs(target)
    seen = Counter((ledger.get(key).status, run.info.status) for key, run in children.items())
    assert set(seen) == {("completed", "FINISHED"), ("pruned", "FINISHED")}
    assert {run.data.tags["status"] for run in children.values()} == {"completed", "pruned"}


def test_a_second_driver_adds_only_what_is_new(open_toy, target):
    first = open_toy()
    work(stage_run(first), "ray0")
    copy(target, first)
    second = open_toy()
    work(stage_run(second), "ray1")
    copy(target, second)
    children, parents = runs(target)
    assert (len(children), len(parents)) == (2, 1)
    assert all(len(steps) == len(set(steps)) for steps in (history(target, r) for r in children.values()))


def test_a_trial_that_goes_on_after_a_restart_goes_on_in_its_run(open_toy, target):
    ledger = open_toy()
    run = stage_run(ledger)
    run.next("ray")
    for epoch in (1, 2):
        run.result("ray", {"epoch": epoch, "metrics": {"epoch": epoch, "best/accuracy": 0.5}})
    copy(target, ledger)
    work(stage_run(ledger), "again")
    copy(target, ledger)
    children, _ = runs(target)
    steps = [history(target, run) for run in children.values()]
    assert steps == [list(range(1, len(steps[0]) + 1))]
    assert len(steps[0]) > 2


def test_a_trial_that_failed_and_goes_on_does_so_in_its_run(open_toy, target):
    ledger = open_toy()
    run = stage_run(ledger)
    run.next("ray")
    key = run.assigned["ray"]
    run.fail("ray", "RuntimeError: no")
    copy(target, ledger)
    assert [one.info.status for one in runs(target)[0].values()] == ["FAILED"]
    assert ledger.reopen(key)
    run = stage_run(ledger)
    run.next("again")
    copy(target, ledger)
    assert [one.info.status for one in runs(target)[0].values()] == ["RUNNING"]
    while report(run, "again", 1 + len(ledger.get(key).epochs)):
        pass
    copy(target, ledger)
    (one,) = runs(target)[0].values()
    assert (one.info.status, one.data.tags["status"]) == ("FINISHED", ledger.get(key).status)


def test_sending_an_epoch_again_leaves_it_once(open_toy, target):
    ledger = open_toy()
    work(stage_run(ledger), "ray")
    tracker = copy(target, ledger)
    client = mlflow.MlflowClient(target.uri)
    record = ledger.records()[0]
    run = ledger.get(record.key).mlflow_run
    tracker._log(client, run, record, sorted(record.epochs))
    children, _ = runs(target)
    assert history(target, children[record.key]) == list(record.epochs)


def test_runs_that_were_made_twice_while_an_answer_was_lost_are_one_after_the_next_start(open_toy, target):
    ledger = open_toy()
    work(stage_run(ledger), "ray")
    tracker = copy(target, ledger)
    client = mlflow.MlflowClient(target.uri)
    tracker._child(client, ledger.records()[0])
    tracker._parent(client)
    experiment = client.get_experiment_by_name(target.experiment).experiment_id
    assert len(client.search_runs([experiment])) == 4
    copy(target, ledger)
    assert len(client.search_runs([experiment])) == 2
    children, parents = runs(target)
    assert (len(children), len(parents)) == (1, 1)


def test_parameters_and_data_stand_beside_each_trial(open_toy, target):
    ledger = open_toy()
    work(stage_run(ledger), "ray")
    copy(target, ledger)
    ((key, run),) = runs(target)[0].items()
    record = ledger.get(key)
    wanted = {name: str(value) for name, value in record.config.items()} | {"seed": "0", "stage": "search"}
    assert wanted.items() <= run.data.params.items()
    assert run.inputs.dataset_inputs[0].dataset.digest == ledger.digest[:32]


def test_the_study_goes_on_without_a_server_and_catches_up_later(open_toy, target):
    ledger = open_toy()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{free.getsockname()[1]}"
    away = Tracker(Target(nowhere, "x", target.artifacts), ledger)
    away.start()
    work(stage_run(ledger), "ray")
    away.changed(ledger.records()[0])
    assert away.finish(3) == 1
    assert away.error
    copy(target, ledger)
    assert len(runs(target)[0]) == 1


def test_a_copy_that_breaks_says_by_what_and_keeps_the_traceback_without_the_password(
    open_toy, target, monkeypatch, caplog
):
    def breaks(target):
        raise KeyError(f"no such column in {target.uri}")

    ledger = open_toy()
    work(stage_run(ledger), "ray")
    monkeypatch.setattr(mlflow_tracking, "opened", breaks)
    tracker = Tracker(Target("mysql://alice:SECRET@host/mlflow", "toy", target.artifacts), ledger)
    tracker.start()
    assert tracker.finish(30) == 1
    assert tracker.error.startswith("the copy broke off by KeyError: 'no such column")
    assert not tracker.close_study("FINISHED", None)
    assert "in breaks" in caplog.text
    assert "SECRET" not in caplog.text + tracker.error


def test_a_study_is_not_closed_while_the_copy_still_opens_the_store(open_toy, target, monkeypatch):
    hanging = threading.Event()
    openings = []

    def slow(target):
        openings.append(threading.current_thread().name)
        hanging.wait(60)
        raise OSError

    monkeypatch.setattr(mlflow_tracking, "opened", slow)
    monkeypatch.setattr(background_copy, "HEAD_START", 0.0)
    tracker = Tracker(target, open_toy())
    tracker.start()
    assert tracker.finish(2) == 0
    assert not tracker.close_study("KILLED", None)
    hanging.set()
    tracker._copying._thread.join(30)
    assert set(openings) == {"mlflow"}


def experiment_of(target):
    return mlflow.MlflowClient(target.uri).get_experiment_by_name(target.experiment)


MEASURE = {
    "mean": 0.25,
    "low": 0.2,
    "high": 0.3,
    "seeds": [{"seed": 1, "value": 0.2}, {"seed": 2, "value": 0.3}],
}
SUMMARY = {
    "methods": {
        "joint": {"config": {"lr": 0.01, "depth": 2}, "validation": {}, "test": {"accuracy": MEASURE}}
    },
    "comparisons": [],
}


@pytest.fixture
def results(tmp_path):
    """What a study of one method found, and its report."""
    folder = tmp_path / "study"
    (folder / "figures").mkdir(parents=True)
    (folder / "figures" / "one.png").write_bytes(b"png")
    (folder / "report.html").write_text("report")
    return StudyResults(folder, SUMMARY, ["Joint training reaches 25 %."])


def test_a_closed_study_shows_its_report(open_toy, target, results):
    tracker = copy(target, open_toy())
    assert tracker.close_study("FINISHED", results)
    _, (parent,) = runs(target)
    client = mlflow.MlflowClient(target.uri)
    assert {file.path for file in client.list_artifacts(parent.info.run_id)} == {"figures", "report.html"}
    assert parent.info.status == "FINISHED"


def test_the_parent_holds_what_was_found(open_toy, target, results):
    tracker = copy(target, open_toy())
    for _ in range(2):
        assert tracker.close_study("FINISHED", results)
    _, (parent,) = runs(target)
    assert (
        parent.data.metrics.items() >= {"test/accuracy/joint": 0.25, "test/accuracy_low/joint": 0.2}.items()
    )
    assert parent.data.params["data"] == "toy"
    assert parent.data.tags["best.joint"] == "lr=0.01"
    said = parent.data.tags["mlflow.note.content"]
    assert "- Joint training reaches 25 %." in said
    assert tracker.page in said
    client = mlflow.MlflowClient(target.uri)
    assert len(client.get_metric_history(parent.info.run_id, "test/accuracy/joint")) == 1


def test_the_experiment_keeps_views_that_its_description_leads_to(open_toy, target):
    tracker = copy(target, open_toy())
    copy(target, open_toy())
    tags = experiment_of(target).tags
    assert [key for key in tags if key.startswith(TAG)] == [f"{TAG}toy-toy", f"{TAG}toy-toy-methods"]
    assert tags["mlflow.note.content"].count(f"({tracker.page})") == 1
    assert ("toy: trials", tracker.page) in kept_pages(target)


def test_a_description_that_a_user_has_written_stays(open_toy, target):
    copy(target, open_toy())
    client = mlflow.MlflowClient(target.uri)
    number = experiment_of(target).experiment_id
    client.set_experiment_tag(number, "mlflow.note.content", "Mine.")
    copy(target, open_toy())
    assert experiment_of(target).tags["mlflow.note.content"].startswith("Mine.\n\ntoy: [all trials")


def test_the_page_is_announced_once_when_it_is_known(open_toy, target):
    announced = []
    tracker = Tracker(target, open_toy(), lambda: announced.append(tracker.page))
    assert tracker.page == ""
    tracker.start()
    assert tracker.finish(60) == 0
    assert tracker.close_study("KILLED", None)
    assert announced == [tracker.page]
    assert f"#/experiments/{experiment_of(target).experiment_id}/runs?" in tracker.page
    assert tracker.page.endswith("viewStateShareKey=toy-toy")


def test_metrics_have_the_digits_that_they_hold_and_epochs_are_steps_alone(open_toy, target):
    ledger = open_toy()
    run = stage_run(ledger)
    run.next("ray")
    single = 0.8999999761581421  # 0.9 in single precision, as earlier versions have stored it
    run.result("ray", {"epoch": 1, "metrics": {"epoch": 1, "best/accuracy": single}})
    copy(target, ledger)
    ((_, child),) = runs(target)[0].items()
    assert child.data.metrics == {"best/accuracy": 0.9}


def test_a_study_that_an_earlier_version_has_copied_goes_on_in_its_runs(open_toy, target):
    ledger = open_toy()
    work(stage_run(ledger), "ray0")
    run = stage_run(ledger)
    run.next("ray1")
    run.result("ray1", {"epoch": 1, "metrics": {"epoch": 1, "best/accuracy": 0.5}})
    done, going = ledger.records()
    client = mlflow.MlflowClient(target.uri)
    number = client.create_experiment(target.experiment, artifact_location=target.artifacts.as_uri())
    parent = client.create_run(number, run_name="toy", tags={"study.id": "toy"}).info.run_id
    for record, status in ((done, "KILLED"), (going, None)):
        tags = {"study.id": "toy", "study.trial": record.key, "mlflow.parentRunId": parent, "stage": "search"}
        child = client.create_run(number, run_name=f"search-joint-{record.number}", tags=tags).info.run_id
        metrics = [
            (name, value, int(1000 * record.times[epoch]), epoch)
            for epoch, logged in record.epochs.items()
            for name, value in logged.items()
        ]
        send(client, child, metrics, {"seed": 0}, {})
        if status:
            client.set_terminated(child, status)
    work(stage_run(ledger), "again")
    copy(target, ledger)
    children, parents = runs(target)
    assert [run.info.run_id for run in parents] == [parent]
    assert set(children) == {done.key, going.key}
    assert {key: history(target, run) for key, run in children.items()} == {
        record.key: list(record.epochs) for record in ledger.records()
    }
    assert children[done.key].info.run_name == "search-joint-0"


def test_a_kill_while_the_database_is_made_leaves_none(tmp_path, monkeypatch):
    target = Target(f"sqlite:///{tmp_path}/below/mlflow.db", "x", tmp_path / "artifacts")

    def killed(*arguments, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(SqlAlchemyStore, "_initialize_store_state", killed)
        with pytest.raises(KeyboardInterrupt):
            make_database(target)
    assert not (tmp_path / "below" / "mlflow.db").exists()
    make_database(target)
    assert [path.name for path in (tmp_path / "below").iterdir()] == ["mlflow.db"]
    assert mlflow.MlflowClient(target.uri).search_experiments()[0].name == "Default"


def test_an_existing_database_is_left_alone(uri, target):
    before = Path(uri.removeprefix("sqlite:///")).stat().st_ino
    make_database(target)
    assert Path(uri.removeprefix("sqlite:///")).stat().st_ino == before


def test_a_batch_that_ends_within_an_epoch_leaves_the_epoch_to_be_sent_again(open_toy, target, monkeypatch):
    ledger = open_toy()
    run = stage_run(ledger)
    run.next("ray")
    for epoch in (1, 2):
        run.result("ray", {"epoch": epoch, "metrics": {"best/accuracy": 0.5, "later": 0.1 * epoch}})
    log = mlflow.MlflowClient.log_batch

    def cut(client, run_id, metrics=(), *others, **named):
        """The driver is killed between two batches, of which the first ends within the second epoch."""
        log(client, run_id, metrics[:-1], *others, **named)

    monkeypatch.setattr(mlflow.MlflowClient, "log_batch", cut)
    copy(target, ledger)
    monkeypatch.undo()
    copy(target, ledger)
    (child,) = runs(target)[0].values()
    assert history(target, child) == [1, 2]
    later = mlflow.MlflowClient(target.uri).get_metric_history(child.info.run_id, "later")
    assert [metric.step for metric in later] == [1, 2]
