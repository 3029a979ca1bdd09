"""F17: results are moved in the middle of a study, which goes on in the new place alone."""

import sqlite3
from contextlib import closing

import pytest
from disturbed import SHORT, Disturbed, end_driver

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(300)]


def test_f17_a_moved_study_goes_on_in_the_new_place_alone(study, calm, tmp_path):
    study.start()
    study.wait_for_epoch(20)
    assert end_driver(study)[0] == 3
    with Disturbed(study.store, study.results.rename(tmp_path / "moved"), SHORT) as moved:
        moved.faults, moved.trace = study.faults, study.trace
        moved.trace.write_text(moved.trace.read_text().replace(str(study.results), str(moved.results)))
        moved.require(calm, moved.run()[0])
        assert not study.results.exists()
        with closing(sqlite3.connect(moved.results / "mlflow.db")) as tables:
            (parent,) = tables.execute(
                "select artifact_uri from runs where lifecycle_stage = 'active' and run_uuid not in "
                "(select run_uuid from tags where key = 'study.trial')"
            ).fetchone()
        assert parent.startswith(moved.results.as_uri())
        (shown,) = moved.results.glob("mlartifacts/**/report.html")
        assert shown.read_bytes() == (moved.folder / "report.html").read_bytes()
