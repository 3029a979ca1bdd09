"""Work in processes of their own."""

import ctypes
import operator
import os
import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from trainables.multimodal.data.preparing import worker_processes
from trainables.multimodal.data.preparing.worker_processes import WorkerDied, each, in_processes
from trainables.multimodal.errors import InputError


@pytest.mark.usefixtures("processes_at_once")
def test_results_come_in_the_order_of_the_items() -> None:
    assert list(each(operator.mul, 7, list(range(40)), 2)) == [7 * item for item in range(40)]


def test_a_process_that_dies_is_told() -> None:
    nowhere = 1  # to read nothing at this address is harmless, to read bytes ends the process
    with pytest.raises(InputError, match="a process died while it decoded"):
        list(in_processes(ctypes.string_at, nowhere, [0, 8], 1))


def test_a_process_that_hangs_ends_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_processes, "MOST_DECODING_SECONDS", 0.5)
    with pytest.raises(WorkerDied, match="because it took more than"):
        list(in_processes(operator.call, time.sleep, [0, 1000], 1))


def test_errors_come_as_they_were_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        list(in_processes(operator.floordiv, 1, [1, 0], 1))


def test_short_work_starts_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_processes, "in_processes", None)
    assert list(each(operator.add, 1, [1, 2, 3], 2)) == [2, 3, 4]


@pytest.fixture
def handed(monkeypatch: pytest.MonkeyPatch) -> list[list[Any]]:
    """Items that processes would get."""
    lists: list[list[Any]] = []
    monkeypatch.setattr(
        worker_processes, "in_processes", lambda function, shared, rest, count: lists.append(rest) or []
    )
    return lists


def test_items_that_were_done_before_do_not_hide_the_work_ahead(
    handed: list[list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr(worker_processes, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    monkeypatch.setattr(worker_processes, "_start_server", threading.Thread)

    def work(clock: list[float], seconds: float) -> None:
        clock[0] += seconds

    list(each(work, clock, [0.0] * 50 + [2.0] * 10, 2))
    assert handed == [[2.0] * 9]


def test_work_goes_on_here_until_processes_can_begin(
    handed: list[list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_processes, "WORTH_SECONDS", 0.0)
    for here, there in ((3, [3, 4, 5, 6, 7, 8]), (7, [7, 8]), (8, None), (9, None)):
        starting = SimpleNamespace(is_alive=iter([True] * (here - 1) + [False] * 2).__next__)
        monkeypatch.setattr(worker_processes, "_start_server", lambda starting=starting: starting)
        done = list(each(operator.add, 1, list(range(9)), 2))
        assert handed == ([there] if there else [])
        assert done == list(range(1, here + 1 if there else 10))
        handed.clear()


@pytest.mark.parametrize(("seconds", "waits"), [(2.0, []), (6.0, ["waited"])])
def test_long_items_wait_for_processes(
    handed: list[list[Any]], monkeypatch: pytest.MonkeyPatch, seconds: float, waits: list[str]
) -> None:
    waited: list[str] = []
    clock = iter([0.0, seconds])
    monkeypatch.setattr(worker_processes, "time", SimpleNamespace(monotonic=clock.__next__))
    starting = SimpleNamespace(is_alive=lambda: False, join=lambda: waited.append("waited"))
    monkeypatch.setattr(worker_processes, "_start_server", lambda: starting)
    assert list(each(operator.add, 1, list(range(9)), 2)) == [1]
    assert (waited, handed) == (waits, [[1, 2, 3, 4, 5, 6, 7, 8]])


def test_processes_can_begin_once_a_first_has_run(monkeypatch: pytest.MonkeyPatch) -> None:
    imported, done = threading.Event(), []
    first = SimpleNamespace(start=lambda: imported.wait(60), join=lambda: done.append("run"))
    monkeypatch.setattr(worker_processes, "_context", lambda: SimpleNamespace(Process=lambda target: first))
    starting = worker_processes._start_server()
    assert starting.is_alive()
    imported.set()
    starting.join(60)
    assert (starting.is_alive(), done) == (False, ["run"])


def test_the_process_from_which_others_are_forked_is_started_once() -> None:
    servers: list[int] = []
    for _ in range(2):
        starting = worker_processes._start_server()
        starting.join(300)
        assert not starting.is_alive()
        servers += in_processes(eval, "__import__('os').getppid()", [{}], 1)
    assert servers[0] == servers[1] != os.getpid()


def test_work_here_has_one_thread_as_work_in_processes_has(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = [3]
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads[-1])
    monkeypatch.setattr(torch, "set_num_threads", threads.append)
    for at_work in each(lambda *_: torch.get_num_threads(), None, range(2), 1):
        assert (at_work, torch.get_num_threads()) == (1, 3)
