"""A tally that hears of each change says what a count of all trials would."""

import random
from collections import Counter
from dataclasses import replace

import pytest

from study.records.trial_record import Record
from study.running.tally import Tally

GROUPS = [("search", "joint"), ("search", "other"), ("confirm", "joint")]


def record(number: int, group: tuple[str, str] = GROUPS[0], protocol: str = "clean") -> Record:
    return Record(*group, number, f"key {group} {number}", 0, protocol, {"epochs": 9}, "running")


def reached(one: Record, value: float, status: str = "running") -> Record:
    """As the ledger does it: records of a trial share their epochs."""
    one.epochs[len(one.epochs) + 1] = {"best/accuracy": value}
    return replace(one, status=status)


def test_counts_are_those_of_all_trials_whatever_happens_to_them() -> None:
    chance, tally, records, ends = random.Random(0), Tally(), {}, 0
    for number in range(600):
        group = chance.choice(GROUPS)
        if number % 3 == 0:
            one = record(number, group, chance.choice(["clean", "paper"]))
        else:
            one = chance.choice(list(records.values()))
            status = chance.choice(["running", "completed", "pruned", "failed"])  # it may be opened again
            one = reached(one, (one.value or 0.1) + chance.random(), status)
        ends += tally.update(one)
        records[one.key] = one
    for group in GROUPS:
        mine = [one for one in records.values() if (one.stage, one.method) == group]
        assert +tally.statuses[group] == Counter(one.status for one in mine)
        assert tally.finished(group) == sum(one.finished for one in mine)
        for protocol in ("clean", "paper"):
            values = [one.value for one in mine if one.protocol == protocol and one.value is not None]
            assert tally.best(group, protocol).value == max(values)
    assert tally.finished() == sum(one.finished for one in records.values()) <= ends
    assert tally.running == {key: one for key, one in records.items() if not one.finished}


def test_a_best_trial_that_diverges_leaves_its_place_to_the_next() -> None:
    first, second, tally = reached(record(0), 0.6), reached(record(1), 0.9), Tally()
    tally.update(first)
    tally.update(second)
    tally.update(reached(second, 0.0, "diverged"))
    assert tally.best(GROUPS[0], "clean") is first


@pytest.mark.parametrize("status", ["running", "failed"])
def test_a_trial_without_a_value_is_never_the_best(status: str) -> None:
    tally = Tally()
    tally.update(replace(record(0), status=status))
    assert tally.best(GROUPS[0], "clean") is None
