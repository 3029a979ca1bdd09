"""F8: MLflow is away when a study starts; it says so within 30 s and begins nothing."""

import socket
import time

import pytest
from small_study import ending

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(120)]


def test_f8_a_study_without_its_mlflow_server_ends_at_once_and_begins_nothing(study):
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    begun = time.monotonic()
    code, _, complained = ending(study.start("--tracking-uri", address))
    assert code == 2
    assert f"the MLflow server at {address} does not answer" in complained
    assert time.monotonic() - begun < 30
    assert not study.ledger.exists()
