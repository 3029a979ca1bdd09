"""Working ahead: the same items, in order, and a thread that never outlives the iterator."""

import threading
from contextlib import closing

import pytest

from trainables.multimodal.data.loading.prefetch import ahead


def broken(after):
    yield from range(after)
    raise OSError("the disk is gone")


def threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("prefetch")]


@pytest.mark.parametrize("most", [1, 2, 50])
@pytest.mark.parametrize("items", [[], [None], [0, False, None, 3]])
def test_items_come_in_order_whatever_they_are(items, most):
    assert list(ahead(iter(items), most)) == items


def test_no_more_items_are_made_than_were_asked_for_and_ahead():
    made = []
    items = ahead((made.append(n) or n for n in range(100)), 3)
    assert next(items) == 0
    items.close()
    assert made == list(range(len(made)))
    assert 1 <= len(made) <= 4


def test_an_error_is_raised_in_its_place():
    items = ahead(broken(after=2), 5)
    assert [next(items), next(items)] == [0, 1]
    with pytest.raises(OSError, match="the disk is gone"):
        next(items)
    assert threads() == []


def test_no_thread_is_left_at_the_end():
    assert sum(ahead(iter(range(10)), 2)) == 45
    assert threads() == []


def test_no_thread_is_left_by_a_loop_that_ends_early():
    for item in ahead(iter(range(10)), 2):
        assert threads()
        if item == 3:
            break
    assert threads() == []


def test_no_thread_is_left_by_a_loop_that_fails():
    with pytest.raises(ZeroDivisionError), closing(ahead(iter(range(10)), 2)) as items:
        [1 // item for item in items]
    assert threads() == []


def test_nothing_is_done_before_the_first_item_is_asked_for():
    made = []
    ahead((made.append(n) or n for n in range(3)), 2)
    assert made == []
    assert threads() == []
