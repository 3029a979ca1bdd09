"""Suspicious samples are counted and named in the store, and left out only on request."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trainables.multimodal.data.media.suspicions import notice_film, notice_pictures, notice_sound
from trainables.multimodal.data.preparing import shards, writer
from trainables.multimodal.data.preparing.verify import require_made_from, verify
from trainables.multimodal.data.preparing.writer import write_store
from trainables.multimodal.data.source import Source
from trainables.multimodal.data.store.feature_store import Arrays, FeatureStore
from trainables.multimodal.errors import InputError

Sources = Callable[..., Source]


def load(row: int) -> Arrays:
    """Row 1 is silent, 2 too and of two lengths, 8 flat; row 5 cannot be used."""
    if row == 5:
        raise InputError("its file is broken")
    notice_sound(np.zeros(8000) if row in (1, 2) else np.arange(8000) / 8000, 8000)
    notice_film(61.0 if row == 2 else 1.0)
    notice_pictures(row == 8)
    return {"vector": np.arange(3, dtype=np.float32) + row, "image": np.full((1, 2, 2), row, np.uint8)}


@pytest.fixture
def source(toy_source: Sources, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Source]:
    """Twelve samples in three files, some of them suspicious; kinds are left out."""
    monkeypatch.setattr(shards, "MOST_SHARD_SAMPLES", 5)

    def make(*leave_out: str, **changes: Any) -> Source:
        return toy_source(**{"load": load, "leave_out": frozenset(leave_out), **changes})

    return make


def test_suspicious_samples_are_kept_and_named(source: Sources, tmp_path: Path) -> None:
    store = write_store(source(note="Mind the gap."), tmp_path / "store", skip_up_to=0.1)
    assert store.suspicious == {"silent": ["s1", "s2"], "constant": ["s8"], "lengths": ["s2"]}
    assert store.manifest["suspicious"] == store.suspicious
    assert store.manifest["skipped"] == {"s5": "its file is broken"}
    assert len(store) == 11
    assert store.note == (
        "Mind the gap. suspicious samples are kept, which the store's manifest names: "
        "silent 2, constant 1, lengths 1."
    )
    assert verify(tmp_path / "store").suspicious == store.suspicious


def test_what_is_suspicious_is_no_part_of_the_digest(
    source: Sources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores = [write_store(source(), tmp_path / "a", skip_up_to=0.1)]
    monkeypatch.setattr(writer, "KINDS", {})
    stores.append(write_store(source(), tmp_path / "b", skip_up_to=0.1))
    assert [bool(store.suspicious) for store in stores] == [True, False]
    assert stores[0].digest == stores[1].digest


@pytest.mark.parametrize(
    ("kinds", "left_out", "kept"),
    [
        (["lengths"], {"s2": "lengths"}, {"silent": ["s1"], "constant": ["s8"]}),
        (["constant"], {"s8": "constant"}, {"silent": ["s1", "s2"], "lengths": ["s2"]}),
        (["silent", "lengths"], {"s1": "silent", "s2": "silent and lengths"}, {"constant": ["s8"]}),
        (
            ["silent", "constant", "lengths"],
            {"s1": "silent", "s2": "silent and lengths", "s8": "constant"},
            {},
        ),
    ],
)
def test_what_is_left_out_on_request_takes_nothing_of_the_share(
    source: Sources, tmp_path: Path, kinds: list[str], left_out: dict[str, str], kept: dict[str, list[str]]
) -> None:
    store = write_store(source(*kinds), tmp_path / "store", skip_up_to=0.084)
    skipped = store.manifest["skipped"]
    assert list(skipped) == sorted([*left_out, "s5"])
    assert skipped.pop("s5") == "its file is broken"
    for sample, names in left_out.items():
        assert skipped[sample].startswith(f"left out as {names}: its ")
    assert store.suspicious == kept
    assert store.ids == [f"s{row}" for row in range(12) if f"s{row}" not in {*left_out, "s5"}]
    assert store.read("vector", range(len(store)))[:, 0].tolist() == [float(i[1:]) for i in store.ids]


def test_bad_samples_still_count_when_others_are_left_out(source: Sources, tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"^1 of 12 samples cannot be used:\n  1 x its file is broken\n  s5: its file"
    ):
        write_store(source("silent"), tmp_path / "store", skip_up_to=0.08)


def test_leaving_out_may_not_empty_a_part(source: Sources, tmp_path: Path) -> None:
    parts = ["train"] + ["validation"] * 2 + ["train"] * 5 + ["test"] * 4
    with pytest.raises(InputError, match="split toy: its validation part has no samples"):
        write_store(source("silent", splits={"toy": parts}), tmp_path / "store", skip_up_to=0.1)


def test_another_choice_never_uses_what_an_earlier_start_has_decoded(source: Sources, tmp_path: Path) -> None:
    for before, now in ((["silent"], []), ([], ["silent"]), (["silent"], ["lengths"])):
        out = tmp_path / "-".join(["store", *before, "then", *now])
        with pytest.raises(InputError, match="1 of 12"):
            write_store(source(*before), out)
        store = write_store(source(*now), out, skip_up_to=0.1)
        whole = write_store(source(*now), tmp_path / f"{out.name}-whole", skip_up_to=0.1)
        assert (store.digest, store.ids) == (whole.digest, whole.ids)
        assert store.suspicious == whole.suspicious


def test_what_is_suspicious_is_not_forgotten_by_a_start_that_goes_on(source: Sources, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="1 of 12"):
        write_store(source(), tmp_path / "store")
    found = write_store(source(), tmp_path / "store", skip_up_to=0.1).suspicious
    assert found == {"silent": ["s1", "s2"], "constant": ["s8"], "lengths": ["s2"]}


def test_a_store_holds_what_was_asked_for_only_with_the_same_kinds_left_out(
    source: Sources, tmp_path: Path
) -> None:
    write_store(source("silent", "lengths"), tmp_path / "store", skip_up_to=0.1)
    require_made_from(tmp_path / "store", source("lengths", "silent"))
    for other in ([], ["silent"], ["constant"]):
        with pytest.raises(InputError, match=r"holds another store \(its leave_out differs\)"):
            require_made_from(tmp_path / "store", source(*other))


def test_a_manifest_of_an_earlier_version_names_nothing_suspicious(source: Sources, tmp_path: Path) -> None:
    store = write_store(source(), tmp_path / "store", skip_up_to=0.1)
    manifest = {key: value for key, value in store.manifest.items() if key != "suspicious"}
    (tmp_path / "store/manifest.json").write_text(json.dumps(manifest))
    assert FeatureStore.open(tmp_path / "store").suspicious == {}
    require_made_from(tmp_path / "store", replace(source(), leave_out=frozenset()))


@pytest.mark.parametrize("damage", [5, [1], {"silent": 3}])
def test_damaged_names_are_refused(source: Sources, tmp_path: Path, damage: Any) -> None:
    store = write_store(source(), tmp_path / "store", skip_up_to=0.1)
    manifest = {**store.manifest, "suspicious": damage}
    (tmp_path / "store/manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(InputError, match="is damaged"):
        FeatureStore.open(tmp_path / "store")
