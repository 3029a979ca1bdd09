"""python -m study.prepare on recordings that are whole but suspicious: what it says and leaves out."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from study.prepare import main
from trainables.multimodal.data.sample import generate
from trainables.multimodal.data.store.feature_store import FeatureStore

SMALL = [
    *("--recipe-set", "time_steps=96"),
    *("--recipe-set", "mel_bins=16"),
    *("--image-size", "8", "--frames", "1"),
]


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Clips of three actors in CREMA-D's layout."""
    generate.generate(tmp_path / "raw", actors=generate.ACTORS[:3])
    return tmp_path / "raw"


def silence(raw: Path, count: int) -> list[str]:
    """Clips that have no sound any more."""
    files = sorted((raw / "AudioWAV").iterdir())[:count]
    for file in files:
        soundfile.write(file, np.zeros(16_000), 16_000)
    return [file.stem for file in files]


def prepare(raw: Path, *options: str) -> int:
    return main(["cremad", "--source", str(raw), "--out", str(raw.parent / "store"), *SMALL, *options])


def test_clean_recordings_are_not_suspicious(raw: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert prepare(raw) == 0
    assert "suspicious" not in capsys.readouterr().out
    store = FeatureStore.open(raw.parent / "store")
    assert (store.suspicious, store.note) == ({}, "")


def test_suspicious_clips_are_counted_and_at_most_twenty_named(
    raw: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clips = silence(raw, 23)
    soundfile.write(raw / f"AudioWAV/{clips[0]}.wav", np.zeros(4 * 16_000), 16_000)
    assert prepare(raw) == 0
    told = capsys.readouterr().out
    assert "suspicious: 23 silent (its sound has no signal)\nsuspicious: 1 lengths (its sound and" in told
    assert f"suspicious {clips[0]}: silent, lengths\nsuspicious {clips[1]}: silent\n" in told
    assert sum(clip in told for clip in clips) == 20
    assert "and 3 more, all named in" in told
    assert "these are kept; --leave-out silent,lengths would leave them out" in told
    store = FeatureStore.open(raw.parent / "store")
    assert store.suspicious == {"silent": clips, "lengths": clips[:1]}
    assert "silent 23, lengths 1" in store.note


@pytest.mark.parametrize(
    "options", [["silent,lengths"], ["lengths,silent,silent"], ["lengths", "--leave-out", "silent"]]
)
def test_suspicious_clips_are_left_out_on_request(
    raw: Path, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    clips = silence(raw, 2)
    assert prepare(raw, "--leave-out", *options) == 0
    told = capsys.readouterr().out
    assert f"{clips[1]}: left out as silent: its sound has no signal\n" in told
    assert "144 found, 142 prepared, 2 skipped" in told
    store = FeatureStore.open(raw.parent / "store")
    assert list(store.manifest["skipped"]) == clips
    assert (store.suspicious, store.note, len(store)) == ({}, "", 142)
    assert prepare(raw, "--leave-out", "lengths,silent") == 0
    assert "holds this data set already" in capsys.readouterr().out
    assert prepare(raw) == 2
    assert "holds another store (its leave_out differs)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("kinds", "complaint"),
    [
        ("loud", "unknown kind 'loud': known are silent, constant, lengths"),
        ("silent,loud", "unknown kind 'loud': known are silent, constant, lengths"),
        ("Silent", "unknown kind 'Silent'"),
        ("silent, lengths", "unknown kind ' lengths'"),
        ("all", "unknown kind 'all'"),
        ("", "must be names with a comma between them"),
        ("silent,", "must be names with a comma between them"),
    ],
)
def test_unknown_kinds_are_refused_before_any_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kinds: str, complaint: str
) -> None:
    out = tmp_path / "store"
    assert main(["cremad", "--source", str(tmp_path), "--out", str(out), f"--leave-out={kinds}"]) == 2
    error = capsys.readouterr().err
    assert complaint in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
