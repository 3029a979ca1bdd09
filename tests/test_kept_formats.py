"""What earlier versions wrote stays readable: a store, a checkpoint and an exported model of version 0.1."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from trainables.multimodal.checkpoint import read_checkpoint
from trainables.multimodal.data.preparing.verify import verify
from trainables.multimodal.data.store.feature_store import FeatureStore
from trainables.multimodal.methods import METHODS
from trainables.multimodal.model import load_model

KEPT = Path(__file__).parent / "kept_formats"
SETTINGS = {
    "epochs": 4,
    "hidden": 8,
    "period": 1,
    "every": 1,
    "max_heads": 2,
    "sigma": 0.0,
    "tau": 0.0,
    "threads": 1,
    "batch_size": 16,
    "device": "cpu",
}
"""Of the run of dr_boosting that was interrupted after two of its epochs."""
EXACT = {"rel": 1e-5, "abs": 1e-6}
"""Equal on the machine that wrote them; other CPUs add float32 numbers in another order."""


@pytest.fixture
def store(tmp_path):
    """The kept store with the times that its manifest names, which no version control keeps."""
    folder = tmp_path / "store"
    shutil.copytree(KEPT / "store", folder)
    for entry in json.loads((folder / "manifest.json").read_text())["files"]:
        os.utime(folder / entry["name"], ns=(entry["mtime_ns"], entry["mtime_ns"]))
    return folder


def test_a_store_is_opened_and_is_what_it_was(store):
    manifest = json.loads((KEPT / "store/manifest.json").read_text())
    assert FeatureStore.open(store).digest == manifest["digest"]
    assert verify(store).manifest == manifest


def test_a_run_goes_on_from_its_checkpoint(store):
    trainer = METHODS["dr_boosting"].build({**SETTINGS, "data": str(store)})
    trainer.load_constants(read_checkpoint(KEPT / "constants.ckpt"))
    trainer.load_state_dict(read_checkpoint(KEPT / "state.ckpt"))
    expected = json.loads((KEPT / "rest.json").read_text())
    known = {name for metrics in expected for name in metrics}  # a later version may report more
    history = [{n: value for n, value in metrics.items() if n in known} for metrics in trainer.fit()]
    assert [list(metrics) for metrics in history] == [list(metrics) for metrics in expected]
    assert history == [pytest.approx(metrics, **EXACT) for metrics in expected]


def test_an_exported_model_predicts_what_it_did():
    arrays = {"strong": np.ones((2, 4), np.float32), "weak": np.zeros((2, 4), np.float32)}
    predicted = load_model(KEPT / "model").predict(arrays)
    assert predicted == pytest.approx(np.array(json.loads((KEPT / "predicted.json").read_text())), **EXACT)
