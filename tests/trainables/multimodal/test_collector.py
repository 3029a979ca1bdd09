import contextlib
import gc

import pytest

from trainables.multimodal.collector import collector_off


@pytest.fixture
def collector():
    """Python's collector, as it was after the test."""
    was_on = gc.isenabled()
    yield
    (gc.enable if was_on else gc.disable)()


@pytest.mark.usefixtures("collector")
@pytest.mark.parametrize("switch", [gc.enable, gc.disable])
def test_the_collector_is_off_meanwhile_and_then_as_it_was(switch):
    switch()
    before = gc.isenabled()
    with contextlib.suppress(ImportError), collector_off():
        assert not gc.isenabled()
        raise ImportError
    assert gc.isenabled() == before
