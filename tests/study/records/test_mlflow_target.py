"""A tracking server is asked before any work begins."""

import socket

import pytest

from study.records.mlflow_target import check_reachable
from trainables.multimodal.errors import InputError


def test_a_server_that_is_away_at_the_start_is_a_sentence():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(InputError, match="does not answer"):
        check_reachable(f"http://127.0.0.1:{port}")


def test_a_database_is_not_asked_for_its_health():
    check_reachable("sqlite:////nowhere/mlflow.db")
