"""F16: a study that goes on with other settings or data is refused with the difference, and left as it is."""

import pytest
from disturbed import end_driver
from toy_study import write_toy_store

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(300)]


def test_f16_other_settings_and_data_are_refused_and_the_study_stays_whole(study, calm, tmp_path, capsys):
    study.start()
    study.wait_for_epoch(4)
    assert end_driver(study)[0] == 3
    before = study.values()
    assert study.run_here("--set", "batch_size=8") == 2
    assert "batch_size" in capsys.readouterr().err
    other = write_toy_store(tmp_path, seed=1)
    assert study.run_here("--data", str(other)) == 2
    assert "data" in capsys.readouterr().err
    assert study.values() == before
    study.require(calm, study.run()[0])
