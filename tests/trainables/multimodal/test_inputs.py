import numpy as np
import pytest
import torch

from trainables.multimodal.data.store import FeatureStore, Modality
from trainables.multimodal.inputs import Standardise, statistics


@pytest.fixture
def store(toy_store):
    return FeatureStore.open(toy_store(4))


def standardised(store, name, rows, frames=4):
    module = Standardise(store.modalities[name].shape, frames)
    module.load_state_dict(statistics(store, name, rows))
    return module(torch.from_numpy(store.read(name, rows)))


def test_vectors_are_standardised_by_feature(store):
    values = standardised(store, "vector", store.split()["train"])
    torch.testing.assert_close(values.mean(dim=0), torch.zeros(6), atol=1e-5, rtol=0)
    torch.testing.assert_close(values.std(dim=0, correction=0), torch.ones(6))


@pytest.mark.parametrize(
    ("name", "axes"), [("image", (0, 2, 3)), ("clip", (0, 1, 3, 4)), ("sequence", (0, 1, 2, 3))]
)
def test_everything_else_is_standardised_by_channel(store, name, axes):
    values = standardised(store, name, store.split()["train"])
    assert values.mean(dim=axes).abs().max() < 1e-5
    torch.testing.assert_close(values.std(dim=axes, correction=0), torch.ones_like(values.mean(dim=axes)))


def test_only_the_rows_asked_for_count(store):
    train = statistics(store, "vector", store.split()["train"])
    assert not torch.equal(train["mean"], statistics(store, "vector", store.split()["test"])["mean"])


def test_the_recipes_constants_win(store):
    store.modalities["image"] = Modality("image", (2, 16, 16), "float32", mean=(1.0, 2.0), std=(3.0, 4.0))
    state = statistics(store, "image", np.arange(5))
    assert (state["mean"].flatten().tolist(), state["std"].flatten().tolist()) == ([1, 2], [3, 4])


def test_a_constant_feature_becomes_zero(store, monkeypatch):
    monkeypatch.setattr(store, "read", lambda name, rows: np.full((len(rows), 6), 5, np.float32))
    assert standardised(store, "vector", np.arange(9)).abs().max() == 0


def test_a_sequence_becomes_an_image_of_one_channel(store):
    assert standardised(store, "sequence", np.arange(3)).shape == (3, 1, 12, 8)


def test_of_more_stored_frames_the_middle_ones_are_taken(store):
    all_frames = standardised(store, "clip", np.arange(3))
    assert torch.equal(standardised(store, "clip", np.arange(3), frames=2), all_frames[:, [1, 3]])
