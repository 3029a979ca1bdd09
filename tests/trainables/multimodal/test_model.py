import dataclasses
import json

import numpy as np
import pytest
import torch

from trainables.multimodal.errors import InputError
from trainables.multimodal.model import MultimodalModel, export_model, load_model
from trainables.multimodal.networks.model_spec import ModelSpec

SPEC = ModelSpec(
    ("no", "yes"), {"v": (5,), "s": (12, 8), "f": (4, 3, 16, 16)}, width=0.05, hidden=6, frames=2
)


def batch(size=3):
    draw = np.random.default_rng(0)
    return {name: draw.normal(size=(size, *shape)).astype(np.float32) for name, shape in SPEC.shapes.items()}


def test_a_model_gives_features_and_logits_by_name():
    output = MultimodalModel(SPEC)({name: torch.from_numpy(array) for name, array in batch().items()})
    assert {name: tuple(u.shape) for name, u in output.features.items()} == {
        "v": (3, 6),
        "s": (3, 26),
        "f": (3, 26),
    }
    assert output.fused.shape == (3, 2)


def test_an_exported_model_predicts_the_same(tmp_path):
    model = MultimodalModel(SPEC).eval()
    export_model(model, model.state_dict(), tmp_path)
    assert np.array_equal(load_model(tmp_path).predict(batch()), model.predict(batch()))


def test_predictions_are_probabilities():
    assert MultimodalModel(SPEC).eval().predict(batch()).sum(axis=1) == pytest.approx(1)


@pytest.mark.parametrize("name", ["", "a.b", "a/b", "keys", "forward"])
def test_a_name_that_cannot_name_a_module_is_refused(name):
    with pytest.raises(InputError, match="cannot be named"):
        MultimodalModel(ModelSpec(("no", "yes"), {name: (5,)}))


def test_samples_of_too_many_axes_are_refused():
    with pytest.raises(InputError, match="v has samples of shape"):
        MultimodalModel(ModelSpec(("no", "yes"), {"v": (1, 2, 3, 4, 5)}))


@pytest.mark.parametrize("file", ["model.safetensors", "config.json"])
def test_a_damaged_export_is_refused(tmp_path, file):
    model = MultimodalModel(SPEC)
    export_model(model, model.state_dict(), tmp_path)
    (tmp_path / file).write_bytes((tmp_path / file).read_bytes()[:50])
    with pytest.raises(InputError, match="no exported model"):
        load_model(tmp_path)


def test_a_model_of_chosen_encoders_is_loaded_as_it_was_built(tmp_path):
    spec = dataclasses.replace(SPEC, encoders={"s": "transformer"}, d_model=6, layers=1, attention_heads=3)
    model = MultimodalModel(spec).eval()
    export_model(model, model.state_dict(), tmp_path)
    loaded = load_model(tmp_path)
    assert loaded.spec == spec
    assert loaded.encoders["s"].features == 6
    assert np.array_equal(loaded.predict(batch()), model.predict(batch()))


def test_a_model_exported_before_encoders_could_be_chosen_still_loads(tmp_path):
    model = MultimodalModel(SPEC).eval()
    export_model(model, model.state_dict(), tmp_path)
    settings = json.loads((tmp_path / "config.json").read_text())
    for name in ("encoders", "d_model", "layers", "attention_heads"):
        del settings[name]
    (tmp_path / "config.json").write_text(json.dumps(settings))
    assert np.array_equal(load_model(tmp_path).predict(batch()), model.predict(batch()))


def test_an_export_with_an_encoder_that_nobody_knows_is_refused(tmp_path):
    model = MultimodalModel(SPEC)
    export_model(model, model.state_dict(), tmp_path)
    settings = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**settings, "encoders": {"s": "ear"}}))
    with pytest.raises(InputError, match="no exported model"):
        load_model(tmp_path)


def test_an_export_that_fails_over_an_older_one_leaves_no_mixture(tmp_path):
    model = MultimodalModel(SPEC)
    export_model(model, model.state_dict(), tmp_path)
    model.spec = dataclasses.replace(SPEC, fusion_weights={"v": object()})  # which JSON cannot say
    with pytest.raises(TypeError):
        export_model(model, model.state_dict(), tmp_path)
    with pytest.raises(InputError, match="no exported model"):
        load_model(tmp_path)


def test_masks_of_numbers_say_the_same_as_those_of_truths():
    model, arrays = MultimodalModel(SPEC).eval(), batch()
    name, count = next(iter(arrays)), len(next(iter(arrays.values())))
    mask = np.arange(count) % 2
    told = [model.predict(arrays, {name: given}) for given in (mask, mask.astype(bool), mask.astype(float))]
    assert np.array_equal(told[0], told[1])
    assert np.array_equal(told[2], told[1])
    assert not np.array_equal(told[1], model.predict(arrays))
