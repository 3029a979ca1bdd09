"""How many trials fit at once."""

import pytest

from study.running.cluster import MOST_SLOTS, slots
from study.settings import Resources


@pytest.mark.parametrize(
    ("resources", "capacity", "fitting"),
    [
        (Resources(1, 0), {"CPU": 4}, 4),
        (Resources(3, 0), {"CPU": 4}, 1),
        (Resources(1, 0.5), {"CPU": 16, "GPU": 2}, 4),
        (Resources(1, 1), {"CPU": 16}, 1),  # Ray waits for what a cluster may still get
        (Resources(1, 0, max_concurrent=2), {"CPU": 4}, 2),
        (Resources(1, 0, max_concurrent=9), {"CPU": 4}, 4),
        (Resources(0, 0), {"CPU": 4}, MOST_SLOTS),
    ],
)
def test_trials_at_once_are_what_fits_and_no_more_than_asked_for(resources, capacity, fitting):
    assert slots(resources, capacity) == fitting
