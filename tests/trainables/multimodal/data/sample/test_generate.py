"""The generated sample: always the same, complete, and marked as what it is."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from trainables.multimodal.data.adapters import cremad
from trainables.multimodal.data.preparing.writer import write_store
from trainables.multimodal.data.recipes import Recipe
from trainables.multimodal.data.sample import generate
from trainables.multimodal.data.store.feature_store import FeatureStore


def test_the_same_seed_gives_the_same_data(raw: Path, tiny_recipe: Recipe, tmp_path: Path) -> None:
    generate.generate(tmp_path / "again", actors=generate.ACTORS[:3])
    digests = [
        write_store(cremad.read(root, tiny_recipe), tmp_path / f"store {root.name}").digest
        for root in (raw, tmp_path / "again")
    ]
    assert digests[0] == digests[1]


def test_another_seed_gives_other_clips(raw: Path, tmp_path: Path) -> None:
    generate.generate(tmp_path / "other", seed=1, actors=generate.ACTORS[:1])
    name = "AudioWAV/9001_DFA_ANG_XX.wav"
    assert (tmp_path / "other" / name).read_bytes() != (raw / name).read_bytes()


def test_every_actor_shows_every_emotion_about_as_often(raw: Path) -> None:
    for number in generate.ACTORS[:3]:
        clips = [file.stem for file in (raw / "AudioWAV").glob(f"{number}_*")]
        counts = np.unique([cremad.emotion(clip) for clip in clips], return_counts=True)[1]
        assert (len(clips), len(counts), counts.min()) == (20, 6, 3)


def test_every_published_split_is_complete(raw: Path, tiny_recipe: Recipe) -> None:
    source = cremad.read(raw, tiny_recipe)
    for policy in ("actor-disjoint", "official", "dnr"):
        source.require_split(policy)


def test_a_voice_is_loud_when_angry_and_soft_when_sad(raw: Path) -> None:
    recipe = generate.RECIPE.parts["audio"]
    loudness = [
        recipe(raw / "AudioWAV" / f"9002_DFA_{emotion}_XX.wav")[0, :98].mean() for emotion in ("ANG", "SAD")
    ]
    assert loudness[0] > loudness[1] + 2


def test_faces_move_while_they_speak(raw: Path) -> None:
    frames = generate.RECIPE.parts["visual"](raw / "VideoFlash" / "9001_DFA_ANG_XX.flv").astype(float)
    assert min(np.abs(later - earlier).mean() for earlier, later in pairwise(frames)) > 0.5


@pytest.mark.slow
def test_the_sample_is_made_once(tmp_path: Path) -> None:
    path = generate.sample_store(tmp_path / "data")
    written = {file: file.stat().st_mtime_ns for file in path.iterdir()}
    assert generate.sample_store(tmp_path / "data") == path
    assert {file: file.stat().st_mtime_ns for file in path.iterdir()} == written
    assert [child.name for child in (tmp_path / "data").iterdir()] == [path.name]


@pytest.mark.slow
def test_the_sample_is_small_and_labelled(tmp_path: Path) -> None:
    store = FeatureStore.open(generate.sample_store(tmp_path))
    assert store.is_sample
    assert [len(rows) for rows in store.split().values()] == [160, 40, 40]
    assert {name: m.shape for name, m in store.modalities.items()} == {
        "audio": (1, 96, 64), "visual": (10, 3, 64, 64)
    }  # fmt: skip
