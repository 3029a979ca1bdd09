from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier

from study.analysis import embedding
from study.analysis.embedding import arranged, embeddings, published
from trainables.multimodal.evaluation import Evaluation
from trainables.multimodal.feature_sample import write_features


def groups(count: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Features in which three groups lie far apart, and the groups."""
    draw, labels = np.random.default_rng(0), np.arange(count) % 3
    return (10 * np.eye(8)[labels] + draw.normal(size=(count, 8))).astype(np.float32), labels


def kept(best: Path, method: str, **more: torch.Tensor) -> Path:
    """The features of a method's published weights."""
    features, labels = groups()
    found = {"audio": torch.from_numpy(features), **more}
    write_features(
        best / method, Evaluation(found, torch.zeros(60, 3), torch.from_numpy(labels)), list("xyz")
    )
    return best / method


def test_groups_that_lie_apart_stay_apart() -> None:
    features, labels = groups()
    places = arranged(features)
    assert places.shape == (60, 2)
    assert KNeighborsClassifier(3).fit(places, labels).score(places, labels) == 1


def test_published_features_are_arranged_once_in_a_process_of_their_own(tmp_path, monkeypatch) -> None:
    kept(tmp_path, "joint")
    kept(tmp_path, "boosting")
    assert published(tmp_path) == ["boosting", "joint"]
    first = embeddings(tmp_path, ["joint"])
    assert not (tmp_path / "boosting" / embedding.FILE).exists()
    monkeypatch.setattr(embedding.subprocess, "run", lambda *_, **__: pytest.fail("computed again"))
    again = embeddings(tmp_path, ["joint"])
    assert list(first) == ["joint"]
    assert first["joint"].classes == ["x", "y", "z"]
    assert (first["joint"].places["audio"] == again["joint"].places["audio"]).all()
    assert first["joint"].targets["audio"].tolist() == groups()[1].tolist()


def test_an_encoder_that_gives_every_sample_the_same_has_no_places(tmp_path) -> None:
    dead = torch.ones(60, 4)
    embedding.write_embedding(kept(tmp_path, "joint", dead=dead, thin=torch.rand(60, 1)))
    assert list(embeddings(tmp_path, ["joint"])["joint"].places) == ["audio"]


def test_weights_of_earlier_versions_have_no_features(tmp_path) -> None:
    (tmp_path / "joint").mkdir()
    assert published(tmp_path) == published(tmp_path / "nowhere") == []
