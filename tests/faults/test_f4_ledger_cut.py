"""F4: the ledger is cut; the study refuses it with a sentence, and goes on from the copy on request."""

import os

import pytest
from disturbed import end_driver

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(300)]


def test_f4_a_cut_ledger_is_refused_and_the_study_goes_on_from_its_copy(study, calm):
    study.start()
    study.wait_for_epoch(20)
    assert end_driver(study)[0] == 3
    os.truncate(study.ledger, study.ledger.stat().st_size - 1)  # at other places: see test_study_folder
    code, said, complained = study.run()
    assert code == 2, said + complained
    assert "--restore" in complained
    code, said, complained = study.run("--restore")
    assert code == 0, said + complained
    study.require(calm, code)
