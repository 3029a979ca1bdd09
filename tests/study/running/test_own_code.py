"""A user's own code reaches the processes of trials, or a sentence says which part does not."""

import os
import secrets
import subprocess
import sys

import pytest
import torch
from ray._private import ray_constants
from ray_head import ray_head

from study.running import own_code
from study.running.own_code import lacking, sent
from trainables.multimodal.errors import InputError
from trainables.multimodal.own_parts import digest, own_part

PART = "own_nets:Net"
DRIVER = """
import sys
sys.path.insert(0, sys.argv[1])  # which Ray tells no worker of
from study.running.cluster import connect, disconnect
from study.running.own_code import require_everywhere
from study.settings import Resources
from trainables.multimodal.errors import InputError
from trainables.multimodal.own_parts import digest

digests = {"own_nets:Net": digest("own_nets:Net")}
try:
    connect(Resources(1.0, 0.0, address=sys.argv[2] or None), digests)
    require_everywhere(digests)
    print("everywhere")
except InputError as error:
    print(error)
finally:
    disconnect()
"""


def test_a_file_is_sent_alone(own_nets):
    own_part(PART)
    (own_nets.parent / "data.bin").write_bytes(b"0")
    assert sent([PART, "own_nets:Idle"]) == [str(own_nets)]


def test_a_package_is_sent_whole(own_nets, monkeypatch):
    package = own_nets.parent / "own_nets"
    package.mkdir()
    own_nets.rename(package / "nets.py")
    assert sent(["own_nets.nets:Net"]) == [str(package)]
    monkeypatch.setattr(own_code, "MOST_BYTES", 100)
    with pytest.raises(InputError, match=r"own_nets has more than 0 MiB .*keep data elsewhere, or install"):
        sent(["own_nets.nets:Net"])


def test_what_is_installed_is_not_sent():
    assert torch.__version__
    assert sent(["torch.nn:GRU"]) == []


def test_a_part_that_is_another_or_not_there_is_named(own_nets):
    assert lacking({PART: digest(PART)}) == ""
    assert lacking({PART: "0"}).startswith(f"{PART} is another one than the study was begun with")
    assert lacking({"own_absent:Net": "0"}).startswith("own_absent:Net cannot be imported (ModuleNotFoundE")


def drive(own_nets, elsewhere, address="", **environment):
    """What a driver says that is started elsewhere than where its user's own code lies."""
    script = elsewhere / "driver.py"
    script.write_text(DRIVER)
    root = str(own_code.__file__).partition("/study/running/")[0]
    here = {**os.environ, "PYTHONPATH": root, **environment}
    command = [sys.executable, str(script), str(own_nets.parent), address]
    ended = subprocess.run(command, cwd=elsewhere, env=here, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines()[-1]


@pytest.fixture
def elsewhere(tmp_path):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return folder


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_processes_that_do_not_find_it_are_a_sentence(own_nets, elsewhere):
    said = drive(own_nets, elsewhere, RAY_ADDRESS="local")
    assert said.startswith("in the processes of trials on ")
    assert "own_nets:Net cannot be imported (ModuleNotFoundError: No module named 'own_nets')" in said


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_cluster_is_sent_what_its_nodes_have_not(own_nets, elsewhere):
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    loopback = {ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR: "0"}
    with ray_head(token) as address:
        assert drive(own_nets, elsewhere, address, **token, **loopback) == "everywhere"
