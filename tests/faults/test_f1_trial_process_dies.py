"""F1: the process of a trial dies; it goes on from its newest checkpoint."""

import pytest
from disturbed import kill_trial
from small_study import ending

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(300)]


def test_f1_a_killed_trial_process_is_retried_from_its_checkpoint(study, calm):
    driver = study.start()
    for epochs in (2, 9, 30):
        study.wait_for_epoch(epochs)
        kill_trial(study)
    study.require(calm, ending(driver)[0])
