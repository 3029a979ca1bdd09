"""Work that is done ahead of an iterator, in a thread that ends with it."""

from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")


def ahead(items: Iterator[Item], most: int) -> Generator[Item, None, None]:
    """The items in their order, `most` (>= 1) of which a thread makes before they are asked for.

    What making one raises is raised in its place. The thread has ended when the iterator is exhausted, has
    raised or is closed, which leaving a loop over it early does.
    """
    pool = ThreadPoolExecutor(1, "prefetch")
    try:
        made = deque(pool.submit(_next, items) for _ in range(most))
        while item := made.popleft().result():
            made.append(pool.submit(_next, items))
            yield item[0]
    finally:
        pool.shutdown(cancel_futures=True)


def _next(items: Iterator[Item]) -> tuple[Item] | None:
    """The next item, which may be any value, or None at the end: no future may hold a StopIteration."""
    for item in items:
        return (item,)
    return None
