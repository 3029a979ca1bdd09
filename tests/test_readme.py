"""The examples of the README run as they stand."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from trainables.multimodal.data.datasets import read_source
from trainables.multimodal.data.preparing.writer import write_store
from trainables.multimodal.data.store.feature_store import FeatureStore

README = Path(__file__).parents[1] / "README.md"
SAMPLES = 48


def example(name):
    """The code block after a mark."""
    found = re.search(rf"<!-- {name} -->\n```\w+\n(.*?)```", README.read_text(), re.DOTALL)
    assert found, f"the README has no example named {name}"
    return found.group(1)


@pytest.fixture
def prepared(tmp_path, monkeypatch):
    """A working folder with a small data/ravdess; gives its arrays."""
    draw = np.random.default_rng(0)
    arrays = {
        "face_au": draw.normal(size=(SAMPLES, 35)).astype(np.float32),
        "logmel": draw.integers(0, 256, size=(SAMPLES, 1, 40, 32), dtype=np.uint8),
    }
    raw = tmp_path / "raw"
    raw.mkdir()
    modalities = {f"modality:{name}": array for name, array in arrays.items()}
    np.savez(raw / "toy.npz", label=np.arange(SAMPLES) % 4, **modalities)
    write_store(read_source("features", raw), tmp_path / "data" / "ravdess")
    monkeypatch.chdir(tmp_path)
    return arrays


def test_the_plain_loop_trains_and_its_export_is_used_for_inference(prepared):
    exec(example("loop"), {})
    names = dict(prepared)
    exec(example("inference").replace("results/my_study/best/diagnose_relearn", "exported"), names)
    assert names["probabilities"].shape == (SAMPLES, 4)


def test_data_of_ones_own_become_stores(prepared, tmp_path):
    rows = np.arange(SAMPLES)
    names = {
        "face": prepared["face_au"],
        "voice": prepared["logmel"],
        "emotion": rows // 6 % 2,
        "part": np.array(["train", "val", "test"])[rows % 3],
        "speaker": rows // 4,
    }
    names["samples"] = [{name: column[row] for name, column in names.items()} for row in rows]
    exec(example("own data"), names)
    for name in ("mine", "streamed"):
        store = FeatureStore.open(tmp_path / "data" / name)
        assert store.default_split == "given"
        np.testing.assert_array_equal(store.split()["test"], rows[rows % 3 == 2])


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_tuner_finds_a_configuration(prepared, tmp_path, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "local")  # whatever cluster this machine was last part of
    below = f"run_config=tune.RunConfig(storage_path={str(tmp_path)!r})"
    code = example("tuner").replace("param_space=space", f"param_space=space, {below}")
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert "'lam'" in ended.stdout.splitlines()[-1]


@pytest.mark.parametrize("name", ["main job", "tests"])
def test_each_set_up_is_one_command(name):
    assert len(example(name).strip().splitlines()) == 1


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_study_from_python_runs_and_is_reported(prepared, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "local")  # whatever cluster this machine was last part of
    command = [sys.executable, "-c", example("api")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-1].endswith("results/my_study/report.html")
    names = dict(prepared)
    exec(example("inference"), names)
    assert names["probabilities"].shape == (SAMPLES, 4)
