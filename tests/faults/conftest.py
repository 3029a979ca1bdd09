"""A study left alone, and studies to be disturbed."""

import pytest
from disturbed import SHORT, Disturbed
from toy_study import write_toy_store


@pytest.fixture(scope="session")
def store(tmp_path_factory):
    """What all of them run on."""
    return write_toy_store(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="session")
def calm(store, tmp_path_factory):
    """What a study comes to, one trial at a time, when nobody disturbs it."""
    study = Disturbed(store, tmp_path_factory.mktemp("calm") / "results", SHORT)
    code, said, complained = study.run()
    assert code == 0, said + complained
    return study.outcome()


@pytest.fixture
def study(store, tmp_path):
    """A study to be disturbed."""
    with Disturbed(store, tmp_path / "results", SHORT) as study:
        yield study
