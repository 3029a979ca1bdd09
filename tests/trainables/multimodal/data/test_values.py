"""A number to predict for every sample, kept beside its label."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from trainables.multimodal.data.preparing import shards, verify
from trainables.multimodal.data.preparing.writer import write_store
from trainables.multimodal.data.source import Source
from trainables.multimodal.data.store.feature_store import FeatureStore, Quantity
from trainables.multimodal.errors import InputError

Sources = Callable[..., Source]
VALUES = (np.arange(12) / 4 - 1.3).astype(np.float32)
MOOD = Quantity("mood", -2, 2)
WITHOUT = "1a97943761410d44e8151e346167619b6cacbddec06782b1fbdfbe6dc9fd120e"
"""Digest of the toy source as it was before stores could hold values."""


@pytest.fixture
def moody(toy_source: Sources) -> Sources:
    """The toy source with a mood per sample."""
    return lambda **changes: toy_source(**{"values": VALUES, "quantity": MOOD, **changes})


def test_values_are_read_as_they_were_written(
    moody: Sources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "MOST_SHARD_SAMPLES", 5)
    store = write_store(moody(), tmp_path / "store")
    assert store.values is not None
    assert store.values.dtype == np.float32
    assert store.values.tolist() == VALUES.tolist()
    assert store.quantity == MOOD


def test_a_store_without_values_has_none_and_its_digest_is_what_it_was(
    toy_source: Sources, tmp_path: Path
) -> None:
    store = write_store(toy_source(), tmp_path / "store")
    assert (store.values, store.quantity, store.digest) == (None, None, WITHOUT)
    assert "value" not in store.manifest


@pytest.mark.parametrize(
    "change",
    [{"values": -VALUES}, {"quantity": Quantity("temper", -2, 2)}, {"quantity": Quantity("mood", -2, 3)}],
    ids=["values", "name", "scale"],
)
def test_the_digest_covers(change: dict[str, object], moody: Sources, tmp_path: Path) -> None:
    one, other = write_store(moody(), tmp_path / "one"), write_store(moody(**change), tmp_path / "other")
    assert len({one.digest, other.digest, WITHOUT}) == 3


def test_a_store_with_values_is_whole_when_it_is_checked(moody: Sources, tmp_path: Path) -> None:
    store = write_store(moody(), tmp_path / "store")
    assert verify.verify(store.path).digest == store.digest


def test_checking_finds_a_changed_scale(moody: Sources, tmp_path: Path) -> None:
    store = write_store(moody(), tmp_path / "store")
    file = store.path / "manifest.json"
    file.write_text(json.dumps({**store.manifest, "value": {"name": "mood", "lowest": -9, "highest": 9}}))
    with pytest.raises(InputError, match="was changed"):
        verify.verify(store.path)


@pytest.mark.parametrize("value", [{"name": "mood"}, {"name": "mood", "lowest": 1, "highest": 2}])
def test_a_manifest_whose_scale_makes_no_sense_is_refused(
    moody: Sources, tmp_path: Path, value: dict[str, object]
) -> None:
    store = write_store(moody(), tmp_path / "store")
    (store.path / "manifest.json").write_text(json.dumps({**store.manifest, "value": value}))
    with pytest.raises(InputError, match=r"damaged|mood is in 1\.\.2"):
        FeatureStore.open(store.path)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"values": VALUES + 2}, r"mood of s\d+ is 2\..*does not lie in -2\.\.2"),
        ({"values": np.full(12, np.nan, np.float32)}, "mood of s0 is nan"),
        ({"values": VALUES[:-1]}, "12 samples need as many values"),
        ({"quantity": None}, "the name and the ends of their scale"),
        ({"values": None}, "12 samples need as many values"),
    ],
)
def test_values_that_make_no_sense_are_refused(
    moody: Sources, change: dict[str, object], complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint):
        moody(**change)


def test_zero_must_lie_inside_the_scale() -> None:
    with pytest.raises(InputError, match=r"age is in 0\.\.99"):
        Quantity("age", 0, 99)
