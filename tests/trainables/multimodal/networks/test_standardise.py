import numpy as np
import pytest
import torch
from torchvision.transforms.v2 import functional

from trainables.multimodal.data.store.feature_store import FeatureStore, Modality
from trainables.multimodal.networks.standardise import Standardise, StandardiseSteps, noisy, statistics


@pytest.fixture
def store(toy_store):
    return FeatureStore.open(toy_store(4))


def fitted(store, name, rows, kind=Standardise, frames=4):
    module = kind(store.modalities[name].shape, frames)
    module.load_state_dict(statistics(module, store, name, rows))
    return module


def standardised(store, name, rows, **how):
    return fitted(store, name, rows, **how)(torch.from_numpy(store.read(name, rows)))


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
    train, test = (fitted(store, "vector", store.split()[part]) for part in ("train", "test"))
    assert not torch.equal(train.mean, test.mean)


@pytest.mark.parametrize("shape", [(2, 3, 24, 32), (3, 24, 32)])
def test_pictures_that_are_stored_larger_are_squeezed_to_what_is_shown(shape):
    inputs = Standardise(shape, 2)
    inputs.shown = (12, 12)
    pictures = torch.randint(0, 256, (5, *shape), dtype=torch.uint8)
    expected = functional.resize(pictures.float(), [12, 12], antialias=True)
    torch.testing.assert_close(inputs(pictures), expected)
    assert torch.equal(inputs(expected), expected)  # a crop of that size is left as it is


def test_the_recipes_constants_win(store):
    store.modalities["image"] = Modality("image", (2, 16, 16), "float32", mean=(1.0, 2.0), std=(3.0, 4.0))
    module = fitted(store, "image", np.arange(5))
    assert (module.mean.flatten().tolist(), module.std.flatten().tolist()) == ([1, 2], [3, 4])


def test_a_constant_feature_becomes_zero(store, monkeypatch):
    monkeypatch.setattr(store, "read", lambda name, rows: np.full((len(rows), 6), 5, np.float32))
    assert standardised(store, "vector", np.arange(9)).abs().max() == 0


@pytest.mark.parametrize("value", [0.3, 0.0213, 1e6 / 7, -2 / 3])
def test_what_never_varies_but_for_rounding_is_divided_by_one(store, monkeypatch, value):
    monkeypatch.setattr(store, "read", lambda name, rows: np.full((len(rows), 6), value, np.float32))
    assert fitted(store, "vector", np.arange(50).repeat(30)).std.unique().tolist() == [1]


def test_a_sequence_becomes_an_image_of_one_channel(store):
    assert standardised(store, "sequence", np.arange(3)).shape == (3, 1, 12, 8)


def test_of_more_stored_frames_the_middle_ones_are_taken(store):
    all_frames = standardised(store, "clip", np.arange(3))
    assert torch.equal(standardised(store, "clip", np.arange(3), frames=2), all_frames[:, [1, 3]])


@pytest.fixture
def padded(store, monkeypatch):
    """The store with sequences that end after 1 to 12 steps, and two of no step at all."""
    lengths = np.arange(len(store)) % 13
    steps = np.arange(12)[:, None] < lengths[:, None, None]
    arrays = store.read("sequence", np.arange(len(store))) * steps
    monkeypatch.setattr(store, "read", lambda name, rows: arrays[rows])
    return store


def test_steps_are_standardised_by_feature_over_what_is_not_padding(padded):
    rows = padded.split()["train"]
    real = padded.read("sequence", rows).any(axis=2)
    values = standardised(padded, "sequence", rows, kind=StandardiseSteps)[torch.from_numpy(real)]
    torch.testing.assert_close(values.mean(dim=0), torch.zeros(8), atol=1e-5, rtol=0)
    torch.testing.assert_close(values.std(dim=0, correction=0), torch.ones(8))


def test_padding_stays_zero_and_nothing_else_becomes_zero(padded):
    rows = np.arange(len(padded))
    values = standardised(padded, "sequence", rows, kind=StandardiseSteps)
    assert values.dtype == torch.float32
    assert np.array_equal(values.any(dim=2), padded.read("sequence", rows).any(axis=2))


def test_a_step_at_the_mean_of_every_feature_is_no_padding(store, monkeypatch):
    steps = np.full((9, 12, 8), 5, np.float32)
    steps[:, 6:] = 0
    monkeypatch.setattr(store, "read", lambda name, rows: steps[rows])
    values = standardised(store, "sequence", np.arange(9), kind=StandardiseSteps)
    assert values[:, :6].any(dim=2).all()
    assert values.abs().max() < 1e-5
    assert not values[:, 6:].any()


def test_padding_alone_gives_finite_statistics(store, monkeypatch):
    monkeypatch.setattr(store, "read", lambda name, rows: np.zeros((len(rows), 12, 8), np.float32))
    assert not standardised(store, "sequence", np.arange(9), kind=StandardiseSteps).any()


def noised(module, raw, level):
    with noisy(module, level, torch.Generator().manual_seed(1)):
        return module(raw)


def test_noise_has_the_standard_deviation_that_was_asked_for_and_ends_with_its_block():
    module, raw = Standardise((2, 16, 16), 1), torch.zeros(50, 2, 16, 16)
    assert noised(module, raw, 3.0).std().item() == pytest.approx(3, rel=0.02)
    assert not module(raw).any()


def test_all_levels_scale_the_same_noise():
    module, raw = Standardise((6,), 1), torch.zeros(5, 6)
    torch.testing.assert_close(noised(module, raw, 2.0), 4 * noised(module, raw, 0.5))


def test_padding_stays_padding_under_noise():
    module, raw = StandardiseSteps((3, 2), 1), torch.ones(4, 3, 2)
    raw[:, 2] = 0
    steps = noised(module, raw, 1.0)
    assert steps[:, :2].all()
    assert not steps[:, 2].any()
