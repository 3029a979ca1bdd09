"""What a running study shows, in a terminal and elsewhere."""

import io

import pytest
from rich.console import Console

from study.records.trial_record import Record
from study.running.progress import Progress
from study.running.stage_run import StagePlan


def plan(stage: str, method: str, count: int) -> StagePlan:
    return StagePlan(stage, method, count, lambda number, draw: None)


def record(number: int, value: float, status: str = "completed", protocol: str = "clean") -> Record:
    epochs = {1: {"best/accuracy": value, "seconds": 2.0}}
    config = {"epochs": 1}
    return Record("confirm", "joint", number, f"key {number}", 0, protocol, config, status, epochs=epochs)


@pytest.fixture
def shown():
    """What a study shows that announces its stages, hears of changes, and ends."""

    def run(stages: list[list[StagePlan]], changes: list[Record], *, terminal: bool) -> str:
        console = Console(file=io.StringIO(), width=120, force_terminal=terminal, color_system=None)
        with Progress(console, "toy") as progress:
            for plans in stages:
                progress.planned(plans, [])
            for changed in changes:
                progress.changed(changed)
        return console.file.getvalue()

    return run


def test_elsewhere_each_stage_and_each_end_is_a_line(shown) -> None:
    running, done = record(0, 0.5, "running"), record(0, 0.75)
    text = shown(
        [[plan("confirm", "joint", 2), plan("confirm", "other", 3)]], [running, done], terminal=False
    )
    assert text.splitlines() == [
        "confirm: joint 2, other 3 trials",
        "confirm joint #0: completed after 1 epochs, best validation accuracy 0.7500, 2 s",
    ]


def test_a_stage_that_asks_for_nothing_says_nothing(shown) -> None:
    stages = [[plan("confirm", "joint", 2)], [plan("sensitivity", "joint", 0)], []]
    assert shown(stages, [], terminal=False) == "confirm: joint 2 trials\n"


def test_the_table_names_the_split_that_a_best_accuracy_was_chosen_on(shown) -> None:
    changes = [record(0, 0.5), record(1, 0.625), record(2, 0.875, protocol="paper")]
    text = shown([[plan("confirm", "joint", 4)]], changes, terminal=True)
    row = [line for line in text.splitlines() if "confirm" in line][-1]
    assert "3/4" in row
    assert "0.6250 validation" in row
    assert "0.8750 test" in text
