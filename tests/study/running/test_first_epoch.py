"""The first epoch of a study is forecast by another process, which nobody waits for."""

import time

import pytest
import ray

from study.running import local_ray
from study.running.first_epoch import FirstEpoch
from study.running.forecast import first_epoch, joint_run
from study.settings import Resources
from study.studies import STUDIES

HELD = Resources(device="cpu")


@pytest.fixture
def settings(resolved_on_toys):
    return resolved_on_toys(STUDIES["features_dr"])


def test_a_forecast_is_that_of_joint_training_on_the_whole_split(settings, toy_store):
    trained, config = joint_run(settings, toy_store)
    assert 0 < first_epoch(trained, config) < 60


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_a_forecast_is_made_by_a_process_beside_the_study(settings, toy_store, tmp_path, capsys):
    local_ray.start()
    try:
        made, failed = FirstEpoch(settings, toy_store, HELD), FirstEpoch(settings, tmp_path / "gone", HELD)
        assert made() is None
        deadline = time.monotonic() + 120
        while made() is None and time.monotonic() < deadline:
            time.sleep(0.2)
        assert 0 < made() < 60
        while not (said := capsys.readouterr().err) and time.monotonic() < deadline:
            assert failed() is None
            time.sleep(0.2)
        assert "no first epoch could be forecast" in said
        assert "gone" in said
        assert failed() is None
        assert not capsys.readouterr().err
    finally:
        ray.shutdown()
