"""F9: losses are not finite; trials end within an epoch, are never best, and the study is not complete."""

import json

import pytest

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(120)]


def test_f9_trials_whose_loss_is_not_finite_end_at_once_and_are_never_chosen(study):
    code, said, _ = study.run("--set", "lr=1e30", "--stages", "search,confirm,report")
    outcome = study.outcome()
    assert {record.status for record in outcome.records.values()} == {"diverged"}
    assert all(len(record.epochs) <= 1 for record in outcome.records.values())
    assert all(record.value == 0 for record in outcome.records.values())
    assert code == 1
    assert "Traceback" not in said
    summary = json.loads((study.folder / "summary.json").read_text())
    assert not summary["complete"]
