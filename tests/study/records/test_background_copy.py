"""A copy in the background: nothing is lost, whatever the receiver does, and the study never waits."""

import threading
import time

import pytest

from study.records import background_copy
from study.records.background_copy import BackgroundCopy


@pytest.fixture(autouse=True)
def _impatience(monkeypatch):
    monkeypatch.setattr(background_copy, "HEAD_START", 0.0)
    monkeypatch.setattr(background_copy, "PAUSE", 0.01)
    monkeypatch.setattr(background_copy, "BACKOFF", (0.01,))


def copy_of(attempt, keys, **more):
    """A copy that nothing is expected to break."""
    calls = {"prepare": lambda: None, "broke": lambda error: None, **more}
    return BackgroundCopy("test", attempt=attempt, keys=keys, **calls)


class Receiver:
    """Takes every trial that is pending, after it was away for some tries."""

    def __init__(self, away=0, keys=()):
        self.away = away
        self.taken = []
        self.copying = copy_of(self.take, keys)

    def take(self):
        self.away -= 1
        if self.away >= 0:
            return False
        for key in self.copying.pending():
            self.taken.append(key)
            self.copying.settle(key, lambda key: True)
        return True


def test_what_an_earlier_start_left_and_what_changes_is_copied_once():
    receiver = Receiver(keys=["left"])
    receiver.copying.start()
    receiver.copying.note("new", trained=True)
    assert receiver.copying.finish(10) == 0
    assert sorted(receiver.taken) == ["left", "new"]


def test_a_receiver_that_comes_back_gets_everything():
    receiver = Receiver(away=3, keys=["a", "b"])
    receiver.copying.start()
    assert receiver.copying.finish(10) == 0
    assert sorted(receiver.taken) == ["a", "b"]


def test_a_receiver_that_stays_away_is_given_up_and_what_it_lacks_is_counted():
    receiver = Receiver(away=10**9, keys=["a", "b"])
    receiver.copying.start()
    assert receiver.copying.finish(0.1) == 2


def test_a_receiver_that_hangs_does_not_hold_the_study():
    hanging = threading.Event()
    copying = copy_of(lambda: hanging.wait(60), ["a"])
    copying.start()
    copying.note("b", trained=True)
    assert copying.finish(0.1) == 2
    hanging.set()


def test_what_changes_while_it_is_copied_is_copied_again():
    copying = copy_of(lambda: True, ["a"])
    copying.settle("a", lambda key: False)
    assert copying.pending() == ["a"]
    copying.settle("a", lambda key: True)
    assert copying.pending() == []


@pytest.mark.parametrize("where", ["prepare", "attempt"])
def test_an_error_that_nobody_expects_ends_the_copy_and_is_handed_over(where):
    def fails():
        raise KeyError("x")

    broken = []
    calls = {"attempt": lambda: True, "broke": broken.append, where: fails}
    copying = copy_of(keys=["a"], **calls)
    copying.start()
    began = time.monotonic()
    assert copying.finish(10) == 1
    assert time.monotonic() - began < 5
    assert [repr(error) for error in broken] == ["KeyError('x')"]


def test_a_copy_that_was_given_up_says_nothing_of_what_the_end_of_the_process_takes_from_it():
    hanging = threading.Event()

    def loses_its_connection():
        hanging.wait(60)
        raise ConnectionError

    broken = []
    copying = copy_of(loses_its_connection, ["a"], broke=broken.append)
    copying.start()
    assert copying.finish(0.1) == 1
    hanging.set()
    copying._thread.join(10)
    assert not copying._thread.is_alive()
    assert broken == []
