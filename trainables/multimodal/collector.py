"""Python's collector of garbage, where it has to rest."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_off() -> Iterator[None]:
    """Meanwhile no thread collects garbage on its own.

    Imports are quicker for it: what they make stays, and looking at it again and again takes a quarter of the
    time that torch and Ray need.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
