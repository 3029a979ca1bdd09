"""Studies on two nodes with a network between them: one of the nodes is lost, or the driver is.

Both nodes are started by `ray start` with a token, and share this machine's files. They need Linux, root and
`ip` (package iproute2) for two network namespaces with a virtual link, and PostgreSQL (package postgresql of
Debian and Ubuntu): without them these tests are skipped, and the reason is said. MLflow comes with this
project. The servers are started on the head: MLflow's by `mlflow server --serve-artifacts`, PostgreSQL's by
`database_servers`. Both listen on the loopback interface there. `cluster_nodes` starts and ends all of it.
"""

import contextlib
import shutil
from dataclasses import replace
from pathlib import Path

import mlflow
import pytest
from cluster_nodes import ClusterStudy, cluster, linked_namespaces, servers

from study.records.ledger import Ledger
from study.records.mlflow_tracking import STATUS
from study.records.trial_record import BEST_ACCURACY

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]
TRIALS, EPOCHS = 10, 6
OPTIONS = ["--trials", str(TRIALS), "--epochs", str(EPOCHS), "--seeds", "2", "--finalists", "1"]
OPTIONS += ["--pruning", "always", "--device", "cpu"]


@pytest.fixture(scope="module")
def prepared(make_toy_store, tmp_path_factory):
    """What all of them run on."""
    return make_toy_store(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def hosts():
    with linked_namespaces() as linked:
        yield linked


@pytest.fixture(scope="module")
def recording(hosts, tmp_path_factory):
    """Servers on the head, for the ledger and for MLflow."""
    with servers(hosts[0], tmp_path_factory.mktemp("recording")) as started:
        yield started


@pytest.fixture
def study(recording, hosts, prepared, request, tmp_path):
    """A study on both nodes, recorded in the servers, which know it by the name of the test."""
    store = shutil.copytree(prepared, tmp_path / request.node.name)
    where = ["--storage", recording.storage, "--tracking-uri", recording.tracking]
    with (
        cluster(hosts) as nodes,
        ClusterStudy(nodes, store, tmp_path / "results", [*OPTIONS, *where]) as begun,
    ):
        yield begun


@pytest.fixture
def apart(hosts, tmp_path):
    """The same hosts, but where results lie the second one has a disk of its own."""
    results, (head, other) = tmp_path / "results", hosts
    results.mkdir()
    own_disk = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none "$0" && exec "$@"', str(results)]
    return head, replace(other, within=[*other.within, *own_disk])


def require_complete(study, recording):
    """The study ends by itself, with each trial once in the ledger and in MLflow, and leaves nothing."""
    code, said, complained = study.ending()
    assert code == 0, said + complained
    with contextlib.closing(Ledger(recording.ledger_beside, study.name)) as ledger:
        records = ledger.records()
    assert len(records) >= 40
    assert [record.stage for record in records].count("search") == 2 * TRIALS
    assert {record.status for record in records} <= {"completed", "pruned", "diverged"}
    for record in records:
        assert list(record.epochs) == list(range(1, len(record.epochs) + 1))
        assert len(record.epochs) == EPOCHS or record.status != "completed"
    require_shown(study, recording, records)
    assert not {path.name for path in study.folder.iterdir()} & {"checkpoints", ".ray", ".nodes"}
    study.nodes.wait_until_idle()


def require_shown(study, recording, records):
    """MLflow has a run for each trial with each epoch once, one for the study, and the report there."""
    client = mlflow.MlflowClient(recording.mlflow_beside)
    experiment = client.get_experiment_by_name(study.name)
    runs = client.search_runs([experiment.experiment_id])
    trials = {run.data.tags["study.trial"]: run.info for run in runs if "study.trial" in run.data.tags}
    (parent,) = [run.info for run in runs if "study.trial" not in run.data.tags]
    assert len(trials) == len(runs) - 1
    assert {key: run.status for key, run in trials.items()} == {
        record.key: STATUS[record.status] for record in records
    }
    for record in records:
        history = client.get_metric_history(trials[record.key].run_id, BEST_ACCURACY)
        assert sorted(metric.step for metric in history) == list(record.epochs)
    assert parent.status == "FINISHED"
    assert parent.artifact_uri.startswith("mlflow-artifacts:")
    assert len(list(recording.artifacts.glob(f"**/{parent.run_id}/**/report.html"))) == 1


def require_nothing_trained_twice(study, kept):
    """No epoch has begun again but those that checkpoints lacked when processes were killed."""
    for (trial, epoch), times in study.repeated().items():
        assert trial in kept
        assert epoch > kept[trial]
        assert times == 2


def at(node, epochs):
    """The last epoch that began on a node."""
    return next((epoch for epoch in reversed(epochs) if epoch.node == node), None)


def is_confirming(epoch):
    """Whether it is the middle one of a run that nothing stops early."""
    return Path(epoch.trial).parts[-3] == "confirm" and epoch.epoch == EPOCHS // 2


def test_a_study_of_forty_trials_uses_both_nodes(study, recording):
    study.start()
    require_complete(study, recording)
    assert {epoch.node for epoch in study.epochs()} == {"head", "other"}
    assert study.repeated() == {}


def test_f13_a_lost_node_costs_its_trial_what_no_checkpoint_held(study, recording):
    study.start()
    study.wait_until(lambda epochs: len(epochs) > 40 and at("other", epochs).epoch == 3)
    study.nodes.kill("other")
    kept, before = study.kept(), study.epochs()
    require_complete(study, recording)
    lost, after = at("other", before).trial, study.epochs()[len(before) :]
    resumed = next(epoch for epoch in after if epoch.trial == lost)
    assert resumed.epoch == kept[lost] + 1 > 1
    assert {epoch.node for epoch in after} == {"head"}
    require_nothing_trained_twice(study, {lost: kept[lost]})


def test_f18_a_node_that_will_be_pre_empted_hands_its_trial_on_and_nothing_is_trained_twice(study, recording):
    study.start()
    with study.nodes.pre_emption(study.nodes.hosts[1]) as tell:
        study.wait_until(lambda epochs: len(epochs) > 40 and is_confirming(at("other", epochs)))
        moved = at("other", study.epochs())
        tell(60)
    require_complete(study, recording)
    epochs = study.epochs()
    after = [epoch for epoch in epochs if epoch.trial == moved.trial and epoch.epoch > moved.epoch]
    assert [epoch.epoch for epoch in after] == list(range(moved.epoch + 1, EPOCHS + 1))
    assert {epoch.node for epoch in after[1:]} == {"head"}  # one may have begun while the node was told
    assert {epoch.node for epoch in epochs if epoch.time > after[0].time} == {"head"}
    assert study.repeated() == {}


def test_a_killed_driver_continues_on_both_nodes_with_the_same_command(study, recording):
    study.start()
    study.wait_until(lambda epochs: len(epochs) > 60)
    study.kill()
    kept, before = study.kept(), study.epochs()
    study.start()
    require_complete(study, recording)
    after = study.epochs()[len(before) :]
    assert {epoch.node for epoch in after} == {"head", "other"}
    require_nothing_trained_twice(study, kept)


def test_f14_a_node_that_sees_other_files_is_refused_before_the_first_trial(apart, prepared, tmp_path):
    results = tmp_path / "results"
    with cluster(apart) as nodes, ClusterStudy(nodes, prepared, results, OPTIONS) as study:
        study.start()
        code, _, complained = study.ending()
    assert code == 2
    assert "does not share this machine's files" in complained
    assert study.epochs() == []


STRANGERS = [
    ({"RAY_AUTH_TOKEN": "0" * 64}, "(this process has sent one that is wrong)"),
    ({"RAY_AUTH_TOKEN": ""}, "RAY_AUTH_MODE is token, and neither RAY_AUTH_TOKEN is set nor is there a file"),
    ({"RAY_AUTH_MODE": "disabled"}, "set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN as on its nodes"),
]


def test_a_driver_without_the_clusters_token_is_told_what_to_set(hosts, prepared, tmp_path):
    with cluster(hosts) as nodes, contextlib.ExitStack() as started:
        studies = [ClusterStudy(nodes, prepared, tmp_path / str(n), OPTIONS) for n in range(len(STRANGERS))]
        for study, (environment, _) in zip(studies, STRANGERS, strict=True):
            started.enter_context(study)
            study.start(HOME=str(tmp_path), **environment)  # where Ray would look for a token, too
        for study, (_, told) in zip(studies, STRANGERS, strict=True):
            code, _, complained = study.ending()
            assert code == 2
            assert told in complained
