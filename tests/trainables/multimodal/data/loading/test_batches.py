import threading

import numpy as np
import pytest
import torch

from trainables.multimodal.data.loading.batches import (
    AHEAD,
    Cut,
    Loader,
    MappedReader,
    ResidentReader,
    batch_bounds,
    fits_device,
    segment_choices,
    segment_middles,
    segment_starts,
)
from trainables.multimodal.data.preparing.writer import write_store
from trainables.multimodal.data.source import Source
from trainables.multimodal.data.store.feature_store import FeatureStore, Modality
from trainables.multimodal.errors import InputError

CPU = torch.device("cpu")


STORED = {"near": 10, "far": 10, "other": 6}


@pytest.fixture
def moments(tmp_path):
    """A loader of one frame of each modality; a frame holds its sample's row and its own number."""

    def load(row):
        return {
            name: np.stack([np.full((1, 1, 1), 10 * row + frame, np.uint8) for frame in range(stored)])
            for name, stored in STORED.items()
        }

    source = Source(
        name="moments",
        root=tmp_path,
        files=[],
        recipe={"name": "toy"},
        classes=("a",),
        modalities={name: Modality(name, (n, 1, 1, 1), "uint8") for name, n in STORED.items()},
        ids=[str(row) for row in range(20)],
        labels=np.zeros(20, np.int64),
        groups=None,
        splits={"toy": ["train"] * 18 + ["validation", "test"]},
        default_split="toy",
        load=load,
    )
    store = write_store(source, tmp_path / "store")
    return Loader(store, Cut(store.split("toy")["train"], tuple(STORED)), 8, 1, CPU)


@pytest.fixture
def mapped(monkeypatch):
    """Nothing is copied: batches come from the store's map."""
    monkeypatch.setattr("trainables.multimodal.data.loading.batches.MOST_COPIED_BYTES", 0)


@pytest.fixture
def loader(toy_store):
    store = FeatureStore.open(toy_store(2))
    return Loader(store, Cut(store.split("toy")["train"], tuple(store.modalities)), 8, 2, CPU)


def gathered(batches, name):
    return torch.cat([batch.inputs[name] for batch in batches])


def labelled(batches):
    """Label by vector."""
    pairs = [
        pair for b in batches for pair in zip(b.inputs["vector"].tolist(), b.labels.tolist(), strict=True)
    ]
    return {tuple(vector): label for vector, label in pairs}


def test_batches_cover_every_sample_once():
    assert batch_bounds(20, 8) == [(0, 8), (8, 16), (16, 20)]


def test_a_last_single_sample_joins_the_batch_before_it():
    assert batch_bounds(17, 8) == [(0, 8), (8, 17)]


def test_a_split_of_one_sample_is_one_batch():
    assert batch_bounds(1, 8) == [(0, 1)]


def test_the_middle_of_each_segment():
    assert segment_middles(10, 1).tolist() == [5]
    assert segment_middles(10, 2).tolist() == [2, 7]
    assert segment_middles(4, 4).tolist() == [0, 1, 2, 3]


def test_random_frames_stay_inside_their_segments_and_reach_all_of_them():
    choices = segment_choices(np.random.default_rng(0), samples=400, stored=10, frames=3)
    assert [sorted(set(column)) for column in choices.T.tolist()] == [[0, 1, 2], [3, 4, 5], [6, 7, 8, 9]]


def test_an_epoch_holds_each_sample_once_with_its_label(loader):
    batches = list(loader.shuffled(seed=0, epoch=0))
    ordered = list(loader.ordered())
    seen = {
        tuple(v.tolist()): y
        for b in batches
        for v, y in zip(b.inputs["vector"], b.labels.tolist(), strict=True)
    }
    expected = {
        tuple(v.tolist()): y
        for b in ordered
        for v, y in zip(b.inputs["vector"], b.labels.tolist(), strict=True)
    }
    assert seen == expected
    assert len(seen) == len(loader)


def test_the_order_is_a_function_of_seed_and_epoch(loader):
    orders = {key: gathered(loader.shuffled(*key), "vector") for key in [(0, 0), (0, 1), (1, 0)]}
    assert torch.equal(gathered(loader.shuffled(0, 0), "vector"), orders[0, 0])
    assert not torch.equal(orders[0, 0], orders[0, 1])
    assert not torch.equal(orders[0, 0], orders[1, 0])


def test_the_others_keep_their_order_and_frames_where_samples_are_left_out(loader):
    left_out = np.arange(len(loader)) % 5 == 0
    all_batches, some = list(loader.shuffled(0, 0)), list(loader.shuffled(0, 0, left_out))
    rows = np.concatenate([batch.rows for batch in all_batches])
    clips = torch.cat([batch.inputs["clip"] for batch in all_batches])
    there = ~left_out[rows - rows.min()]
    assert np.concatenate([batch.rows for batch in some]).tolist() == rows[there].tolist()
    assert torch.equal(torch.cat([batch.inputs["clip"] for batch in some]), clips[there])


def test_evaluation_takes_the_rows_in_order_and_their_middle_frames(toy_store, loader):
    store = FeatureStore.open(toy_store(2))
    rows = store.split("toy")["train"]
    assert np.array_equal(gathered(loader.ordered(), "clip"), store.read("clip", rows)[:, [1, 3]])


def test_training_takes_frames_of_the_right_samples(toy_store, loader):
    store = FeatureStore.open(toy_store(2))
    rows = store.split("toy")["train"]
    clips = {
        v.tobytes(): c for v, c in zip(store.read("vector", rows), store.read("clip", rows), strict=True)
    }
    for batch in loader.shuffled(0, 0):
        for vector, frames in zip(batch.inputs["vector"], batch.inputs["clip"], strict=True):
            stored = clips[vector.numpy().tobytes()]
            assert any(np.array_equal(frames[0], stored[n]) for n in (0, 1))
            assert any(np.array_equal(frames[1], stored[n]) for n in (2, 3))


def test_modalities_with_equally_many_frames_show_the_same_moment(moments):
    near, far = (gathered(moments.shuffled(0, 0), name).flatten().tolist() for name in ("near", "far"))
    assert near == far
    assert len({value % 10 for value in near}) > 3


def test_the_frames_of_one_modality_are_drawn_right_after_the_order(toy_store, loader):
    draw = np.random.default_rng([3, 1])
    order = draw.permutation(len(loader))
    choices = segment_choices(draw, len(loader), 4, 2)[order]
    store = FeatureStore.open(toy_store(2))
    clips = store.read("clip", store.split("toy")["train"][order])
    assert np.array_equal(
        gathered(loader.shuffled(3, 1), "clip"), clips[np.arange(len(order))[:, None], choices]
    )


def test_modalities_with_other_numbers_of_frames_have_a_choice_of_their_own(moments):
    near, other = (gathered(moments.shuffled(0, 0), name).flatten() for name in ("near", "other"))
    assert torch.equal(near // 10, other // 10)
    assert (near != other).any()


def test_more_frames_than_are_stored_are_refused(toy_store):
    store = FeatureStore.open(toy_store(2))
    with pytest.raises(InputError, match="frames is 5, but modality clip stores 4"):
        Loader(store, Cut(store.split("toy")["train"], tuple(store.modalities)), 8, 5, CPU)


def test_batches_that_are_copied_are_those_of_the_map(toy_store, loader, request):
    request.getfixturevalue("mapped")
    store = FeatureStore.open(toy_store(2))
    mapped = Loader(store, Cut(store.split("toy")["train"], tuple(store.modalities)), 8, 2, CPU)
    assert isinstance(loader._sources["clip"], ResidentReader)
    assert isinstance(mapped._sources["clip"], MappedReader)
    for copied, read in zip(loader.shuffled(0, 0), mapped.shuffled(0, 0), strict=True):
        assert all(torch.equal(copied.inputs[name], read.inputs[name]) for name in copied.inputs)
        assert all(copied.inputs[name].dtype == read.inputs[name].dtype for name in copied.inputs)


@pytest.mark.parametrize(("samples", "fits"), [(64, True), (65, False)])
def test_a_part_of_64_mib_is_copied_and_a_larger_one_is_not(samples, fits):
    modality = Modality("m", (2**18,), "float32")
    assert fits_device({"image": modality}, samples, CPU) is fits


@pytest.mark.parametrize("count", [1, 2, 100])
def test_batches_gathered_ahead_are_the_same(toy_store, loader, mapped, monkeypatch, count):
    monkeypatch.setitem(AHEAD, "cpu", count)
    store = FeatureStore.open(toy_store(2))
    eager = Loader(store, Cut(store.split("toy")["train"], tuple(store.modalities)), 8, 2, CPU)
    for plain, early in zip(loader.shuffled(3, 4), eager.shuffled(3, 4), strict=True):
        assert all(torch.equal(plain.inputs[name], early.inputs[name]) for name in plain.inputs)
        assert torch.equal(plain.labels, early.labels)
        assert np.array_equal(plain.rows, early.rows)


def test_masks_follow_their_samples(gappy_store):
    store = FeatureStore.open(gappy_store(2))
    rows = store.split("toy")["train"]
    for batch in Loader(store, Cut(rows, tuple(store.modalities)), 8, 2, CPU).shuffled(0, 0):
        assert batch.present.keys() == {"vector", "clip"}
        for name, mask in batch.present.items():
            assert mask.tolist() == store.present[name][batch.rows].tolist()


def test_without_gaps_there_are_no_masks(loader):
    assert next(loader.ordered()).present == {}


@pytest.mark.gpu
def test_batches_that_do_not_fit_a_gpu_are_those_that_do(toy_store, monkeypatch):
    store = FeatureStore.open(toy_store(2))
    cut, device = Cut(store.split("toy")["train"], tuple(store.modalities)), torch.device("cuda")
    resident = Loader(store, cut, 8, 2, device)
    monkeypatch.setattr("trainables.multimodal.data.loading.batches.MOST_RESIDENT_SHARE", 0.0)
    for one, other in zip(
        resident.shuffled(0, 0), Loader(store, cut, 8, 2, device).shuffled(0, 0), strict=True
    ):
        assert all(torch.equal(one.inputs[name], other.inputs[name]) for name in one.inputs)


def test_evaluation_batches_may_hold_several_training_batches(loader):
    single, double = list(loader.ordered()), list(loader.ordered(2))
    sizes = [len(batch.labels) for batch in double]
    assert sizes[0] == 16
    assert sum(sizes) == len(loader)
    for name in single[0].inputs:
        parts = [torch.cat([batch.inputs[name] for batch in batches]) for batches in (single, double)]
        assert torch.equal(*parts)


def test_closing_the_batches_ends_the_thread_that_gathers_them(toy_store, mapped, monkeypatch):
    monkeypatch.setitem(AHEAD, "cpu", 2)
    store = FeatureStore.open(toy_store(2))
    batches = Loader(store, Cut(store.split("toy")["train"], tuple(store.modalities)), 4, 2, CPU).ordered()
    next(batches)
    running = [thread.name for thread in threading.enumerate()]
    batches.close()
    assert any(name.startswith("prefetch") for name in running)
    assert not any(thread.name.startswith("prefetch") for thread in threading.enumerate())


def test_a_fixed_frame_is_taken_in_training_and_evaluation(moments):
    for choose, frames in ((segment_starts, (0, 0)), (segment_middles, (5, 3))):
        moments._of_stretch = choose
        for batches in map(list, (moments.shuffled(0, 0), moments.shuffled(0, 1), moments.ordered())):
            shown = (gathered(batches, name).flatten() % 10 for name in ("near", "other"))
            assert tuple(set(frame.tolist()) for frame in shown) == tuple({frame} for frame in frames)


def test_the_first_frames_of_segments_lie_where_segments_begin():
    assert segment_starts(10, 3).tolist() == [0, 3, 6]
