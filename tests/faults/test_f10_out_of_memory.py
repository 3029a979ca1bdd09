"""F10: a trial finds no memory; it is marked and not retried blindly, and others are not affected."""

from pathlib import Path

import pytest
from small_study import ending

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(300)]
FAILING_RUN = str(Path(__file__).with_name("failing_run.py"))


def test_f10_a_trial_without_memory_fails_alone_and_the_same_command_tries_it_again(study, calm):
    code, said, _ = ending(study.start(program=[FAILING_RUN, str(study.trace), "confirm/joint/1"]))
    assert code == 1
    records = study.outcome().records
    (failed,) = [record for record in records.values() if record.status == "failed"]
    assert (failed.stage, failed.method, failed.number) == ("confirm", "joint", 1)
    assert "out of memory" in failed.reason
    assert max(failed.epochs) == 1
    assert "out of memory" in said
    others = {key: record.epochs for key, record in records.items() if key != failed.key}
    assert {key: list(epochs) for key, epochs in others.items()} == {
        key: list(calm.records[key].epochs) for key in others
    }
    study.faults[failed.key] += 1
    study.require(calm, study.run()[0])
