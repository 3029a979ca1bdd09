"""Checkpoints are written beside training, seldom enough to cost little and often enough to lose little."""

import threading
from itertools import pairwise

import pytest

from study.running.checkpoint_writer import MOST_LOST, MOST_SHARE, CheckpointWriter


class Files:
    """Where a checkpoint takes its time."""

    def __init__(self, clock, cost):
        self.clock, self.cost, self.written = clock, cost, []

    def write(self, epoch, state):
        self.clock.now += self.cost
        self.written.append(epoch)


class Clock:
    """Time that passes when it is told to."""

    now = 0.0

    def __call__(self):
        return self.now


def trained(epoch_seconds, cost, epochs):
    """Epochs that are kept, and the share of the time that writing took."""
    clock = Clock()
    files = Files(clock, cost)
    writer = CheckpointWriter(files, clock)
    for epoch in range(1, epochs + 1):
        clock.now += epoch_seconds
        if writer.is_due(epoch_seconds):
            writer.write(epoch, {})
            writer.wait()
    return files.written, cost * len(files.written) / clock.now


@pytest.mark.parametrize(("epoch_seconds", "cost"), [(2.4, 1.3), (2.4, 0.01), (0.1, 0.05), (30.0, 1.0)])
def test_writing_takes_a_twentieth_of_the_time_at_most(epoch_seconds, cost):
    written, share = trained(epoch_seconds, cost, 400)
    assert written[0] == 1
    assert share <= MOST_SHARE


@pytest.mark.parametrize(("epoch_seconds", "cost"), [(2.4, 20.0), (25.0, 10.0), (100.0, 30.0)])
def test_a_kill_loses_no_more_than_a_minute_or_an_epoch_even_where_writing_is_slow(epoch_seconds, cost):
    written, _ = trained(epoch_seconds, cost, 200)
    apart = [later - earlier for earlier, later in pairwise(written)]
    assert max(apart) * epoch_seconds <= max(MOST_LOST, epoch_seconds)


def test_training_goes_on_while_a_checkpoint_is_written():
    begun, may_end = threading.Event(), threading.Event()

    class Slow:
        def write(self, epoch, state):
            begun.set()
            assert may_end.wait(30)

    writer = CheckpointWriter(Slow())
    writer.write(1, {})
    assert begun.wait(30)  # and this thread is here meanwhile
    may_end.set()
    writer.wait()


def test_what_went_wrong_is_raised_once():
    class Full:
        def write(self, epoch, state):
            raise OSError("disk full")

    writer = CheckpointWriter(Full())
    writer.write(1, {})
    with pytest.raises(OSError, match="disk full"):
        writer.wait()
    writer.wait()
