"""Studies of RAVDESS take both kinds of store: action units, and pictures of the face."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from study.request import StudyRequest, resolved
from study.studies import STUDIES
from trainables.multimodal.assembly import build_model
from trainables.multimodal.config import TrainerConfig
from trainables.multimodal.data.adapters import ravdess
from trainables.multimodal.data.preparing.writer import write_store
from trainables.multimodal.data.source import Source
from trainables.multimodal.data.splits import by_actor, by_actor_number
from trainables.multimodal.data.store.feature_store import Arrays, FeatureStore, Modality
from trainables.multimodal.networks.encoders import MLP, ResNet

ACTORS = np.arange(24 * 8) // 8 + 1
FILES = ravdess.RECIPES["dnr-fbank"].changed({"image_size": "16", "mel_bins": "8", "time_steps": "20"})
TABLE = {
    "face_au": Modality("face_au", (35,), "float32"),
    "logmel": Modality("logmel", (1, 200, 64), "uint8"),
}


def _load(modalities: dict[str, Modality], row: int) -> Arrays:
    return {name: np.full(m.shape, row % 8, m.dtype) for name, m in modalities.items()}


@pytest.fixture(params=[TABLE, FILES.modalities()], ids=["table", "files"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> FeatureStore:
    """A clip of each actor and emotion."""
    actors = ACTORS.tolist()
    groups = [f"{actor:02d}" for actor in actors]
    source = Source(
        name="ravdess",
        root=tmp_path,
        files=[],
        recipe={"name": "made"},
        classes=ravdess.CLASSES,
        modalities=request.param,
        ids=[str(row) for row in range(len(actors))],
        labels=np.arange(len(actors)) % 8,
        groups=groups,
        splits={"made": by_actor_number(actors, train_to=16, validation_to=20), **by_actor(groups)},
        default_split="made",
        load=partial(_load, request.param),
    )
    return write_store(source, tmp_path / "store")


@pytest.mark.parametrize("name", [name for name, study in STUDIES.items() if study.dataset == "ravdess"])
def test_every_study_fits_the_store(store: FeatureStore, name: str) -> None:
    settings = resolved(name, STUDIES[name], store, StudyRequest())
    model = build_model(TrainerConfig(data=str(store.path), epochs=1, **settings.base), [], store)
    kinds = {modality: type(encoder) for modality, encoder in model.encoders.items()}
    assert kinds == {m: MLP if m == "face_au" else ResNet for m in store.modalities}
