import numpy as np
import pytest
import torch
from torch.nn import functional

from trainables.multimodal.balancers.mla import Mla, projected
from trainables.multimodal.errors import InputError
from trainables.multimodal.model import load_model
from trainables.multimodal.networks.fusion import CERTAINTIES

EYE = torch.eye(512)


def features_and_gradient():
    """16 samples of 512 features, and the gradient of a head of 6 classes."""
    draw = np.random.default_rng(331)
    features = torch.from_numpy(draw.normal(size=(16, 512))).float()
    weight = torch.from_numpy(draw.normal(size=(6, 512)) * 0.05).float().requires_grad_()
    labels = torch.from_numpy(draw.integers(0, 6, 16))
    (gradient,) = torch.autograd.grad(functional.cross_entropy(features @ weight.T, labels), weight)
    return features, gradient


def test_the_projection_of_the_released_code():
    """Batches 3 and 4 of 10, on the same gradient."""
    features, gradient = features_and_gradient()
    assert float(gradient.norm()) == pytest.approx(5.520466, abs=1e-6)
    first = projected(EYE, features.mean(dim=0, keepdim=True), 0.1**1.3, "code")
    assert float((gradient @ first.T).norm()) == pytest.approx(0.21090235, abs=1e-6)
    assert [float(first[0, 0]), float(first[0, 1])] == pytest.approx([7.98e-6, 5.4e-7], rel=0.01)
    second = projected(first, features[:8].mean(dim=0, keepdim=True) * 0.5, 0.1**1.4, "code")
    assert float((gradient @ second.T).norm()) == pytest.approx(0.17724247, abs=1e-6)


def test_the_projection_of_the_paper_takes_away_what_was_seen():
    mean = features_and_gradient()[0].mean(dim=0, keepdim=True)
    found = projected(EYE, mean, 0.05, "paper")
    across = torch.zeros_like(mean)
    across[0, 0], across[0, 1] = mean[0, 1], -mean[0, 0]
    kept = float((found @ across.T).norm() / across.norm())
    assert float(found.norm()) == pytest.approx(1)
    assert kept == pytest.approx(1 / 511**0.5, rel=0.01)  # all other directions alike
    assert float((found @ mean.T).norm() / mean.norm()) < 0.01 * kept


@pytest.mark.parametrize(
    ("combine", "weights"),
    [("per_batch", [0.976499] * 3), ("per_sample", [0.545855, 0.650610, 0.638268])],
)
def test_the_surer_modality_counts_more(combine, weights):
    draw = np.random.default_rng(332)
    logits = {
        name: torch.from_numpy(draw.normal(size=(8, 6)) * scale) for name, scale in (("a", 2), ("v", 1))
    }
    found = CERTAINTIES[combine](logits)
    assert found["a"].expand(8, 1)[:3, 0].tolist() == pytest.approx(weights, abs=1e-6)
    torch.testing.assert_close(found["a"] + found["v"], torch.ones_like(found["a"]))


def first_batch(trainer):
    return next(iter(trainer._loader("train").ordered()))


def test_modalities_take_steps_in_turn_on_the_head_that_the_ones_before_have_moved(make_trainer):
    settings = {"momentum": 0.0, "weight_decay": 0.0, "lr": 0.5}
    trainer, twin = (make_trainer(2, [Mla(project="off")], **settings) for _ in range(2))
    trainer.model.train(), twin.model.train()
    trainer.balancers[0].step(trainer, first_batch(trainer))
    batch, fusion = first_batch(twin), twin.model.fusion
    features = twin.encode(batch)
    for name in features:
        logits = fusion.head(fusion.aligned(name, features[name]))
        twin.update(functional.cross_entropy(logits, batch.labels))
    for first, second in zip(trainer.model.parameters(), twin.model.parameters(), strict=True):
        assert torch.equal(first, second)


@pytest.mark.parametrize("project", ["paper", "code"])
def test_the_very_first_step_is_not_projected_and_later_ones_are(make_trainer, project):
    moved = []
    for how in (project, "off"):
        trainer = make_trainer(1, [Mla(project=how)])
        trainer.model.train()
        for _ in range(2):
            trainer.balancers[0].step(trainer, first_batch(trainer))
            moved.append(trainer.model.fusion.head.weight.detach().clone())
    assert torch.equal(moved[0], moved[2])
    assert not torch.equal(moved[1], moved[3])


def test_features_of_several_sizes_are_brought_to_the_largest(make_trainer):
    fusion = make_trainer(3, [Mla()]).model.fusion
    assert set(fusion.align) == {
        name for name, size in fusion.sizes.items() if size < fusion.head.in_features
    }


@pytest.mark.parametrize("combine", ["fixed", "per_sample", "per_batch"])
def test_an_exported_model_combines_as_it_was_trained(make_trainer, tmp_path, combine):
    trainer = make_trainer(2, [Mla(combine=combine)])
    trainer.run_epoch()
    trainer.export(tmp_path)
    batch = first_batch(trainer)
    trainer.model.eval()
    expected = trainer.model(batch.inputs).fused.softmax(dim=1).detach().numpy()
    arrays = {name: values.numpy() for name, values in batch.inputs.items()}
    np.testing.assert_allclose(load_model(tmp_path).predict(arrays), expected, atol=1e-5)


def test_weights_that_would_not_count_are_refused():
    with pytest.raises(InputError, match="fusion weights count with combine=fixed alone"):
        Mla(fusion_weights={"a": 1.0})
