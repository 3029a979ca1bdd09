"""Nodes that do not see the study's files are found before the first trial."""

import pytest
import ray

from study.running import shared_storage
from study.running.shared_storage import leave_mark, require_shared
from trainables.multimodal.errors import InputError

HOSTS = {"a1": "first", "b2": "second"}


@pytest.fixture
def places(tmp_path):
    """A folder of results and a store."""
    folder, store = tmp_path / "results" / "study", tmp_path / "data"
    folder.mkdir(parents=True)
    store.mkdir()
    (store / "manifest.json").write_text("{}")
    return folder, store


@pytest.fixture
def cluster(monkeypatch):
    """Two nodes that answer as they are told."""

    def answer(reply):
        nodes = [{"NodeID": node, "NodeManagerHostname": host, "Alive": True} for node, host in HOSTS.items()]
        monkeypatch.setattr(ray, "nodes", lambda: nodes)
        monkeypatch.setattr(shared_storage, "LAG", 0.0)
        monkeypatch.setattr(
            shared_storage,
            "ask",
            lambda nodes, marks, store: {node: reply(node, marks, store) for node in nodes},
        )

    return answer


def marked(node, marks, store):
    return leave_mark(str(marks / node), str(store / "manifest.json"))


def test_nodes_that_share_the_files_are_accepted_and_nothing_is_left(cluster, places):
    cluster(marked)
    require_shared(*places)
    assert list(places[0].iterdir()) == []


def test_a_node_that_writes_elsewhere_is_named(cluster, places):
    cluster(lambda node, marks, store: marked(node, marks, store) if node == "a1" else "")
    with pytest.raises(InputError, match=r"node second does not share .*not seen here.*--results and --data"):
        require_shared(*places)
    assert list(places[0].iterdir()) == []


def test_a_node_without_the_data_is_named(cluster, places):
    (places[1] / "manifest.json").unlink()
    cluster(marked)
    with pytest.raises(InputError, match=r"node first .*manifest\.json is not there"):
        require_shared(*places)


def test_a_node_without_the_folder_is_named(places):
    said = leave_mark(str(places[0] / "not there" / "node"), str(places[1] / "manifest.json"))
    assert "cannot be written there: No such file or directory" in said


@pytest.mark.slow
def test_a_node_of_a_real_cluster_answers(places):
    ray.init(address="local", _node_ip_address="127.0.0.1", num_cpus=1, log_to_driver=False)
    try:
        require_shared(*places)
        (places[1] / "manifest.json").unlink()
        with pytest.raises(InputError, match=r"manifest\.json is not there"):
            require_shared(*places)
    finally:
        ray.shutdown()
