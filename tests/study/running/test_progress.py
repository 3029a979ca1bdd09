"""What a running study shows, in a terminal and elsewhere."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from study.records.trial_record import Record
from study.running.progress import Outlook, Progress, current
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

    def run(
        stages: list[list[StagePlan]],
        changes: list[Record],
        *,
        terminal: bool,
        outlook: Outlook | None = None,
    ) -> str:
        console = Console(file=io.StringIO(), width=80, force_terminal=terminal, color_system=None)
        with Progress(console, "toy", outlook) as progress:
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
        "confirm joint #0: completed after 1 epoch, best validation accuracy 0.7500, 2 s; 1/2 done",
    ]


def test_elsewhere_a_trial_of_a_sweep_is_named_with_its_values(shown) -> None:
    config = {"epochs": 1, "lam": 10.0, "every": 2, "lr": 0.1}
    swept = replace(record(17, 0.5), stage="sensitivity", config=config)
    outlook = Outlook(swept={"joint": ["lam", "every"]})
    text = shown([[plan("sensitivity", "joint", 30)]], [swept], terminal=False, outlook=outlook)
    assert "sensitivity joint #17, lam 10, every 2: completed after 1 epoch" in text
    assert text.endswith("; 1/30 done\n")


def test_a_stage_that_asks_for_nothing_says_nothing(shown) -> None:
    stages = [[plan("confirm", "joint", 2)], [plan("sensitivity", "joint", 0)], []]
    assert shown(stages, [], terminal=False) == "confirm: joint 2 trials\n"


def test_the_table_names_the_split_that_a_best_accuracy_was_chosen_on(shown) -> None:
    changes = [record(0, 0.5), record(1, 0.625), record(2, 0.875, protocol="paper")]
    text = shown([[plan("confirm", "joint", 4)]], changes, terminal=True)
    row = [line for line in text.splitlines() if "  joint" in line][-1]
    assert "3/4" in row
    assert "0.6250 validation" in row
    assert "0.8750 test" in text


LONG = "diagnose_relearn_matched"


def test_eighty_columns_hold_the_longest_method_and_how_its_trials_end(shown) -> None:
    changes = [record(0, 0.5, "pruned"), record(1, 0.625), record(2, 0.5, "running")]
    changes = [replace(one, method=LONG) for one in changes]
    text = shown([[plan("confirm", LONG, 16)]], changes, terminal=True)
    row = [line for line in text.splitlines() if LONG in line][-1]
    assert row.split() == [LONG, "2/16", "0.6250", "validation", "1", "running,", "1", "pruned"]
    assert all(len(line) <= 80 for line in text.splitlines())


def test_the_bar_counts_stages_to_come_and_tells_the_time_that_is_left(shown) -> None:
    outlook = Outlook({"search": 4, "confirm": 6})
    plans = [[plan("search", "joint", 4)]]
    changes = [replace(record(n, 0.5), stage="search") for n in range(3)]
    text = shown(plans, changes[:2], terminal=True, outlook=outlook)
    assert "2 of at most 10 trials" in text
    assert "to come: confirm, report" in text
    assert "left" not in text
    assert " left" in shown(plans, changes, terminal=True, outlook=outlook)


def test_what_is_searched_comes_before_what_is_fixed() -> None:
    config = {"width": 0.25, "lr": 0.0123456, "epochs": 9, "lam": 3.0}
    running = replace(record(7, 0.5, "running"), config=config)
    line = current(running, {"lr", "lam"}, Outlook().judged_by)
    assert line == "  confirm joint #7: epoch 1/9, 0.5000: lr 0.0123, lam 3, width 0.25, seed 0"
