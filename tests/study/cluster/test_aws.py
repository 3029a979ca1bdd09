"""The file of Ray's cluster launcher."""

import json
from pathlib import Path

import jsonschema
import pytest
import ray
from cluster_files import documents

SCHEMA = Path(ray.__file__).parent / "autoscaler" / "ray-schema.json"


@pytest.fixture(scope="module")
def launched():
    """What the file asks for."""
    (document,) = documents("aws.yaml")
    return document


def test_ray_takes_the_file(launched):
    jsonschema.validate(launched, json.loads(SCHEMA.read_text()))


def test_the_workers_are_there_from_the_start(launched):
    workers = launched["available_node_types"]["gpu"]
    assert workers["min_workers"] == workers["max_workers"] == launched["max_workers"]
    assert launched["head_node_type"] in launched["available_node_types"]


def test_ray_asks_for_a_token_which_is_a_file_of_the_user(launched):
    (target,) = launched["file_mounts"]
    assert launched["file_mounts"][target] == "~/.ray/auth_token"
    options = launched["docker"]["run_options"]
    assert {"--env RAY_AUTH_MODE=token", f"--env RAY_AUTH_TOKEN_PATH={target}"} <= set(options)


def test_no_port_is_open_to_the_network(launched):
    assert "0.0.0.0" not in " ".join(launched["head_start_ray_commands"])  # as in Ray's own commands


def test_the_shared_files_are_those_of_the_container(launched):
    assert "--volume /shared:/shared" in launched["docker"]["run_options"]
    assert any(command.endswith(":/ /shared") for command in launched["initialization_commands"])
