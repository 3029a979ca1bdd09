"""F5: checkpoints are damaged; the one before is used, and results are those of a study left alone."""

import pytest
from disturbed import damage_checkpoints, flip, remove, truncate

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(300)]


def test_f5_damaged_checkpoints_are_noticed_and_replaced_by_those_before(study, calm):
    for epochs, damage in ((3, truncate), (15, flip), (40, remove)):
        study.start()
        study.wait_for_epoch(epochs)
        damage_checkpoints(study, damage)
    study.require(calm, study.run()[0])
