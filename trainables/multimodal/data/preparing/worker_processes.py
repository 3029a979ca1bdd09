"""A function over many items in processes of their own: decoding is work for all cores."""

import contextlib
import faulthandler
import gc
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from typing import Any, TypeVar

import torch

from trainables.multimodal.data.limits import MOST_DECODING_SECONDS
from trainables.multimodal.data.media.one_thread import one_thread
from trainables.multimodal.errors import InputError

Item = TypeVar("Item")
Result = TypeVar("Result")


class WorkerDied(InputError):  # noqa: N818  (what happened, not a mistake of the caller)
    """A process died over its item, or ended itself because it took too long: see MOST_DECODING_SECONDS."""


WORTH_SECONDS = 10.0
"""Seconds of work that must lie ahead before processes, which take seconds to start, are started for it."""
START_SECONDS = 5.0
"""Seconds that they take to start, about: one more item that takes longer would let them wait."""
PRELOADED = ("trainables.multimodal.data.datasets",)
"""What processes have in common: imported once, by a process from which all others are forked."""


def each(
    function: Callable[[Any, Item], Result], shared: Any, items: Sequence[Item], workers: int
) -> Iterator[Result]:
    """function(shared, item) of every item, in order; `shared` is sent to each process once.

    This process does the first items. Others are started once the time of an item tells that the rest is
    worth it, and take over when they can begin. Torch has one thread in all of them.

    Raises what the function raised, and WorkerDied if one of the others died, as damaged files make decoders
    do. An item that is done here can end this process, or keep it for ever.
    """
    starting: threading.Thread | None = None
    for done, item in enumerate(items, 1):
        started = time.monotonic()
        with one_thread():
            result = function(shared, item)
        left = len(items) - done
        taken = time.monotonic() - started
        yield result
        if starting is None and workers > 1 and left > 1 and taken * left > WORTH_SECONDS:
            starting = _start_server()
            if taken > START_SECONDS:
                starting.join()
        if starting is not None and left > 1 and not starting.is_alive():
            yield from in_processes(function, shared, items[done:], workers)
            return


def in_processes(
    function: Callable[[Any, Item], Result], shared: Any, items: Sequence[Item], workers: int
) -> Iterator[Result]:
    """As `each`, but other processes do every item, so that this one outlives all of them."""
    pool = ProcessPoolExecutor(
        min(workers, len(items)), _context(), _initialise, (shared, MOST_DECODING_SECONDS)
    )
    try:
        yield from pool.map(partial(_apply, function), items)
    except BrokenProcessPool as error:
        raise WorkerDied(
            "a process died while it decoded, for want of memory, over a damaged file, "
            f"or because it took more than {MOST_DECODING_SECONDS:.0f} s"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _context() -> Any:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(PRELOADED))
    return context


def _start_server() -> threading.Thread:
    """A thread that ends once the server runs from which processes are forked: its imports take seconds."""
    starting = threading.Thread(target=_fork_one, daemon=True)
    starting.start()
    return starting


def _fork_one() -> None:
    with contextlib.suppress(OSError, EOFError):  # the pool meets the same error, and raises it
        first = _context().Process(target=gc.freeze)  # any function that does little
        first.start()
        first.join()


_shared: Any = None
_longest = MOST_DECODING_SECONDS
_devnull = os.open(os.devnull, os.O_WRONLY)


def _initialise(shared: Any, longest: float) -> None:
    """Prepare a process: one thread, Ctrl-C left to the parent, and an end when the parent has ended."""
    global _shared, _longest
    _shared, _longest = shared, longest
    gc.freeze()  # a collection would write to all objects, and so copy memory that processes share
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _apply(function: Callable[[Any, Item], Result], item: Item) -> Result:
    faulthandler.dump_traceback_later(_longest, exit=True, file=_devnull)  # ends even a decoder that hangs
    try:
        return function(_shared, item)
    finally:
        faulthandler.cancel_dump_traceback_later()
