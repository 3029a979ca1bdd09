"""Fixtures of all tests."""

from collections.abc import Iterator
from functools import partial

import pytest

from trainables.multimodal import diagnostics


@pytest.fixture(scope="module")
def few_restarts() -> Iterator[None]:
    """k-means starts once and noise floors are means of two, for tests that ask for no good ones."""
    with pytest.MonkeyPatch.context() as patch:
        once = partial(diagnostics.cluster, seed=0)
        patch.setattr(diagnostics, "cluster", lambda *features, **_: once(*features, n_init=1))
        patch.setattr(diagnostics, "PERMUTATIONS", 2)
        yield
