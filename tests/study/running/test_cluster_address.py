"""What is said of an address where no Ray cluster can be joined, and how soon."""

import os
import secrets
import socket
import subprocess
import sys
import time

import pytest
from ray._private import ray_constants
from ray_head import ray_head

from study.running import cluster_address
from study.running.cluster_address import require_answer
from trainables.multimodal.errors import InputError

TOKEN = secrets.token_hex(32)


@pytest.fixture
def listener():
    """A server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.fixture(autouse=True)
def _as_named(monkeypatch):
    """Ray takes the loopback interface for what it is, here and in the head."""
    monkeypatch.setenv(ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR, "0")
    monkeypatch.setattr(ray_constants, "ENABLE_RAY_CLUSTER", False)


def refusal(address):
    """The sentence with which an address is refused; it comes within half a minute."""
    begun = time.monotonic()
    with pytest.raises(InputError) as refused:
        require_answer(address)
    assert time.monotonic() - begun < 30
    return str(refused.value)


def nowhere():
    """A port of this machine at which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_where_nothing_listens_that_is_said(scheme):
    address = f"{scheme}127.0.0.1:{nowhere()}"
    assert refusal(address).startswith(f"nothing listens at {address} (Connection refused): see")


@pytest.mark.parametrize("address", ["somewhere", "127.0.0.1", "127.0.0.1:port", "ray://127.0.0.1"])
def test_what_is_no_address_is_refused(address):
    assert refusal(address) == f"--address {address} is no address of a Ray cluster, which is HOST:PORT"


def test_a_host_without_a_name_is_told():
    assert refusal("no-such-host.invalid:6379").startswith("nothing listens at no-such-host.invalid:6379 (")


def test_what_listens_and_is_no_ray_is_told(listener, monkeypatch):
    monkeypatch.setattr(cluster_address, "ANSWERED", 1.0)
    port = listener.getsockname()[1]
    assert "does not answer as the head of a Ray cluster does" in refusal(f"127.0.0.1:{port}")


def test_a_token_that_is_nowhere_is_missed_before_ray_is_asked(listener, monkeypatch, tmp_path):
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "none"))
    assert "neither RAY_AUTH_TOKEN is set" in refusal(f"127.0.0.1:{listener.getsockname()[1]}")


@pytest.fixture(scope="module")
def head():
    """The address of a live head with a token."""
    with ray_head({"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": TOKEN}) as address:
        yield address


ASK = "import sys; from study.running.cluster_address import *; require_answer(sys.argv[1])"
WRONG_VERSION = "import ray; ray.__version__ = '2.0.0'; " + ASK


def asked(head, code=ASK, **environment):
    """The last line that a process of its own writes: Ray remembers a token for all of a process."""
    told = subprocess.run(
        [sys.executable, "-c", code, head],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return told.stderr.strip().splitlines()[-1] if told.returncode else ""


@pytest.mark.slow
def test_a_live_head_is_told_from_one_with_another_token_or_version(head):
    right = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": TOKEN}
    assert asked(head, **right) == ""
    wrong = asked(head, **(right | {"RAY_AUTH_TOKEN": "0" * 64}))
    assert f"the Ray cluster at {head} wants another token (this process has sent one that is wrong)" in wrong
    none = asked(head, **(right | {"RAY_AUTH_MODE": "disabled"}))
    assert "wants another token (this process has sent none): set RAY_AUTH_MODE=token" in none
    other = asked(head, WRONG_VERSION, **right)
    assert f"the Ray cluster at {head} runs Ray " in other
    assert "and this process Ray 2.0.0 and Python" in other
