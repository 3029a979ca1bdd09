"""F15: a second driver on the same study is refused, wherever its results are."""

import pytest
from disturbed import SHORT, Disturbed

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(300)]


def test_f15_a_second_driver_on_the_same_study_or_ledger_is_refused(study, calm, tmp_path):
    first = study.start()
    study.wait_for_epoch(1)
    code, _, complained = study.run()
    assert code == 2
    assert "another driver" in complained
    with Disturbed(study.store, tmp_path / "elsewhere", SHORT) as elsewhere:
        code, _, complained = elsewhere.run("--storage", f"sqlite:///{study.ledger}")
    assert code == 2
    assert "another driver works on features_dr-toy in the same ledger" in complained
    assert first.wait(240) == 0
    study.require(calm, 0)
