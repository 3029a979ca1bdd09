"""F2: the driver is killed again and again; the same command comes to the same study."""

import pytest
from disturbed import SHORT, Disturbed, kill_driver

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(600)]


def test_f2_a_driver_killed_again_and_again_comes_to_the_same_study(study, calm):
    for epochs in (1, 9, 60):
        study.start()
        study.wait_for_epoch(epochs)
        kill_driver(study)
    study.require(calm, study.run()[0])


def test_f2_a_study_in_a_journal_whose_last_line_is_torn_comes_to_the_same_end(store, tmp_path, calm, capsys):
    with Disturbed(store, tmp_path / "results", SHORT, journal=tmp_path / "ledger.log") as study:
        for epochs in (1, 30):
            study.start()
            study.wait_for_epoch(epochs)
            kill_driver(study)
            with study.ledger.open("ab") as file:
                file.write(b'{"op_code":8,"worker_id":"torn')
        study.require(calm, study.run()[0])
        assert not (study.folder / "ledger.db").exists()
        assert study.run_here() == 0
        assert "nothing is left to run" in capsys.readouterr().out
