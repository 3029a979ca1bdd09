"""SIGTERM, SIGINT and SIGHUP: the first ends a study in order and soon, a second one at once.

So does SIGUSR1, which Slurm can send some time before a job's limit.

Where a signal arrives an exception ends the study, and the ledger says how to go on. That takes some seconds,
or for ever where the main thread waits inside a library that no handler of Python's interrupts. So a thread
sees every signal, too, and ends the process when its time is up.
"""

import contextlib
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import Final, NoReturn

import psutil

from trainables.multimodal.command_line import INTERRUPTED

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)
GRACE: Final = 8.0
"""Seconds that a study has to end in order."""
ECHO: Final = 0.5
"""Seconds in which a second signal is the first one again: a terminal and a launcher may both send it."""
CONTINUE: Final = "run the same command again to continue"

_causes: list[str] = []  # why the process is to stop: a signal, or what it found itself


class Interrupted(KeyboardInterrupt):
    """A signal arrived; a BaseException, so that nothing takes it for a failed trial."""


def catch_signals() -> None:
    """Turn a signal into Interrupted; the study is safe at every moment. What nohup asked for stays so."""
    for number in SIGNALS:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _interrupt)


def ignore_signals() -> None:
    """Let nothing disturb the last steps of a study that is ending already, but the thread of `bounded`."""
    for number in SIGNALS:
        signal.signal(number, lambda number, frame: None)


def stop(cause: str) -> None:
    """Ask this process to end as if a signal had come; `cause` is said in place of the signal's name."""
    _causes.append(cause)
    os.kill(os.getpid(), signal.SIGTERM)


def end_while_starting(command: str) -> None:
    """Let a signal end the process with one sentence while it still imports, when nothing is begun yet."""

    def end(number: int, frame: FrameType | None) -> None:
        _leave(f"{command}: stopped by {signal.Signals(number).name} before it began; {CONTINUE}.")

    for number in SIGNALS:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, end)


@contextlib.contextmanager
def bounded(command: str) -> Iterator[None]:
    """Meanwhile the process lives on for GRACE seconds at most after a first signal, and ends at a second.

    Its children end with it, and its exit code is 3. Once a signal has come it ends with this block: a
    library that was interrupted does not always survive the interpreter's own end.
    """
    here, there = socket.socketpair()
    there.setblocking(False)
    before = signal.set_wakeup_fd(there.fileno(), warn_on_full_buffer=False)
    came: list[str] = []
    thread = threading.Thread(target=_watch, args=(here, command, came), daemon=True, name="signals")
    thread.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        there.close()  # which ends the thread
        thread.join()
        here.close()
        _causes.clear()
    if came:
        sys.stdout.flush()
        _leave()


def why(name: str) -> str:
    """Why the process is to end: what it found itself, or the signal of this name."""
    return _causes[-1] if _causes else name


def _interrupt(number: int, frame: FrameType | None) -> None:
    cause = why(signal.Signals(number).name)
    _causes.append(cause)  # where Ray waits, it raises an exception of its own that has no text
    raise Interrupted(cause)


def _watch(signals: socket.socket, command: str, came: list[str]) -> None:
    """Read the numbers of signals as they come; the name of the first is what has come."""
    first = None
    while True:
        left = None if first is None else max(0.0, first + GRACE - time.monotonic())
        signals.settimeout(left)
        try:
            numbers = signals.recv(16)
        except TimeoutError:
            _leave(f"{command}: stopped by {why(came[0])}, but not at rest after {GRACE:.0f} s; {CONTINUE}.")
        if not numbers:
            return
        for number in SIGNALS:
            if number not in numbers:
                continue
            if first is None:
                first = time.monotonic()
                came.append(number.name)
            elif time.monotonic() > first + ECHO:
                _leave(f"{command}: ended at once by a second signal, {number.name}; {CONTINUE}.")


def _leave(sentence: str = "") -> NoReturn:
    """End this process and its children, whatever they are at."""
    if sentence:
        print(sentence, file=sys.stderr, flush=True)
    children = psutil.Process().children(recursive=True)
    for child in children:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
    psutil.wait_procs(children, timeout=1)
    os._exit(INTERRUPTED)
