"""What a study does when the Ray below it is gone, with sockets in its place."""

import os
import socket
import time

import pytest

from study.running import ray_health
from study.running.ray_health import Part, watched_over


@pytest.fixture
def stopped(monkeypatch):
    """Why the process was asked to stop, and with looks in quick succession."""
    causes = []
    monkeypatch.setattr(ray_health, "stop", causes.append)
    monkeypatch.setattr(ray_health, "EVERY", 0.03)
    return causes


@pytest.fixture
def head(monkeypatch, tmp_path):
    """A raylet and a head that listen; closing one of them is its end, of the raylet sooner."""
    raylet, gcs = socket.socket(socket.AF_UNIX), socket.create_server(("127.0.0.1", 0))
    path = os.path.relpath(tmp_path / "raylet")  # paths of sockets must be short
    raylet.bind(path)
    raylet.listen()
    port = gcs.getsockname()[1]
    monkeypatch.setattr(
        ray_health,
        "parts",
        lambda: [
            Part("the raylet", lambda: ray_health._connect_local(path), 0.1),
            Part("the head", lambda: ray_health._connect("127.0.0.1", port), 0.6),
        ],
    )
    yield {"the raylet": raylet, "the head": gcs}
    raylet.close()
    gcs.close()


@pytest.mark.parametrize("lost", ["the raylet", "the head"])
def test_a_study_whose_ray_is_gone_is_stopped_with_the_cause(head, stopped, lost):
    with watched_over():
        time.sleep(1.0)
        assert stopped == []
        head[lost].close()
        time.sleep(1.5)
    assert stopped == [f"{lost} is gone"]


def test_a_short_silence_of_the_head_is_none(head, stopped):
    with watched_over():
        head["the head"].close()
        time.sleep(0.2)
    assert stopped == []
