"""The ladder's script: fair draws, resuming, and late fusion by validation."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest
import torch

from study.methods import STUDY_METHODS

SCRIPT = Path(__file__).with_name("ladder.py")


@pytest.fixture(scope="module")
def ladder():
    """The script as a module that its processes find by name."""
    spec = importlib.util.spec_from_file_location("ladder", SCRIPT)
    module = sys.modules["ladder"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    del sys.modules["ladder"]


@pytest.fixture
def tiny(ladder, monkeypatch):
    """A step of 64 samples and two epochs."""
    monkeypatch.setitem(ladder.STEPS, "tiny", {"samples": 64, "signs": 2})
    monkeypatch.setattr(ladder, "SAMPLES_SEEN", 128)
    return "tiny"


def test_all_methods_see_the_same_learning_rates(ladder, tiny):
    drawn = {
        tuple((run.settings["lr"], run.settings["weight_decay"]) for run in runs[1:])
        for runs in (ladder.configurations(tiny, name, 4) for name in STUDY_METHODS)
    }
    assert len(drawn) == 1
    assert len(set(*drawn)) == 3


def test_a_run_is_logged_and_not_repeated(ladder, tiny, tmp_path):
    joint, strong, weak = (
        ladder.configurations(tiny, name, 1)[0] for name in ("joint", *ladder.ALONE.values())
    )
    best = {run.method: run for run in (joint, strong, weak)}
    runs = [joint, *ladder.confirmations(best, ladder.SEPARATE, 1)]
    log = ladder.Log(tmp_path / "runs.jsonl")
    ladder.carried_out(runs, log, tmp_path, 1)
    assert "test" not in log[joint]
    assert 0 < log[runs[1]]["test"] < 1
    ladder.carried_out(runs, ladder.Log(tmp_path / "runs.jsonl"), tmp_path, 1)
    lines = (tmp_path / "runs.jsonl").read_text().splitlines()
    assert [json.loads(line)["key"] for line in lines] == [run.key for run in runs]


def test_every_setting_that_is_drawn_suits_its_method(ladder, tiny):
    for name in STUDY_METHODS:
        for run in ladder.configurations(tiny, name, 3):
            json.dumps(run.settings)
            ladder.method_named(name).check({**run.settings, "data": "not opened", "epochs": 3})


def test_separate_encoders_are_weighted_by_validation(ladder):
    right = torch.tensor([[0.0, -2.0], [-2.0, 0.0]])
    labels = torch.tensor([0, 1])
    misled = {"validation": (right.flip(0) * 3, labels), "test": (right.flip(0) * 3, labels)}
    sure = {"validation": (right, labels), "test": (right, labels)}
    assert ladder.accuracy(*ladder.mixed([misled, sure])["test"]) == 1
    assert ladder.accuracy(*ladder.mixed([sure, sure])["validation"]) == 1
