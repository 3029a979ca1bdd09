import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from trainables.multimodal import frozen_probes
from trainables.multimodal.data.store.feature_store import Quantity
from trainables.multimodal.frozen_probes import frozen_probe
from trainables.multimodal.tasks import CLASSIFICATION, OBJECTIVES, Classification, Multilabel, Regression

CLASSES = Classification(("a", "b", "c"))
NUMBER = Regression(Quantity("mood", -2, 2))


def blobs(samples, seed, sizes=8):
    """Features whose first three columns tell the class, on scales that differ by a thousand."""
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, 3, samples)
    features = draw.normal(size=(samples, sizes))
    features[:, :3] += 4 * np.eye(3)[labels]
    return torch.from_numpy(features * 10.0 ** (np.arange(sizes) % 4)).float(), torch.from_numpy(labels)


def test_classes_that_are_linear_are_read_on_any_scale():
    probe = frozen_probe(*blobs(300, 0), *blobs(60, 1), CLASSES)
    features, labels = blobs(200, 2)
    assert CLASSES.accuracy(probe(features), labels) > 0.95


def test_several_labels_that_are_linear_are_read_one_by_one():
    def labelled(samples, seed):
        features, labels = blobs(samples, seed)
        return features, torch.stack([labels == 0, labels == 1, labels != 2], dim=1).float()

    task = Multilabel(("x", "y", "z"))
    outputs = frozen_probe(*labelled(300, 0), *labelled(60, 1), task)(blobs(200, 2)[0])
    assert task.accuracy(outputs, labelled(200, 2)[1]) > 0.95


def test_of_few_samples_and_many_features_validation_chooses_a_strong_penalty():
    draw = np.random.default_rng(0)

    def noisy(samples):
        features, labels = blobs(samples, draw.integers(1000), 3)
        noise = torch.from_numpy(draw.normal(size=(samples, 300)) * 3).float()
        return torch.cat([features / 10.0 ** torch.arange(3), noise], dim=1), labels

    train, validation, unseen = noisy(120), noisy(300), noisy(600)
    from sklearn.linear_model import LogisticRegression

    weak = LogisticRegression(C=1e3, max_iter=2000).fit(*train).score(*unseen)
    chosen = CLASSES.accuracy(frozen_probe(*train, *validation, CLASSES)(unseen[0]), unseen[1])
    assert chosen > weak


def test_weaker_penalties_are_tried_until_two_in_a_row_are_not_better(monkeypatch):
    reached = dict(zip(frozen_probes.STRENGTHS, (0.5, 0.4, 0.6, 0.6, 0.3), strict=True))
    fitted = []

    def fit(features, labels, penalty):
        fitted.append(penalty)
        return SimpleNamespace(
            classes_=np.arange(3), predict_proba=lambda x: np.full((len(x), 3), reached[penalty] / 3)
        )

    monkeypatch.setattr(frozen_probes, "_fit_classes", fit)
    monkeypatch.setattr(
        frozen_probes, "_objective", lambda outputs, targets, task: float(outputs.sum(1).mean())
    )
    features, labels = blobs(60, 0)
    probe = frozen_probe(features, labels, features, labels, CLASSES)
    assert fitted == list(frozen_probes.STRENGTHS)
    assert float(probe(features).sum(1).mean()) == pytest.approx(0.6)
    reached |= {1e2: 0.45}
    fitted.clear()
    frozen_probe(features, labels, features, labels, CLASSES)
    assert fitted == [1e4, 1e3, 1e2]


def test_a_class_that_was_never_seen_has_an_output_of_zero():
    features, labels = blobs(60, 0)
    kept = labels != 1
    outputs = frozen_probe(features[kept], labels[kept], features, labels, CLASSES)(features)
    assert outputs.shape == (60, 3)
    assert (outputs[:, 1] == 0).all()


def test_a_number_is_read_by_ridge_regression():
    draw = torch.Generator().manual_seed(0)
    features = torch.randn(200, 5, generator=draw)
    values = features @ torch.tensor([1.0, -0.5, 0.0, 0.2, 0.0])
    probe = frozen_probe(features[:150], values[:150], features[150:], values[150:], NUMBER)
    torch.testing.assert_close(probe(features)[:, 0], values, atol=0.05, rtol=0)


def test_a_constant_feature_is_no_obstacle():
    features, labels = blobs(60, 0)
    features[:, 5] = 7.0
    assert torch.isfinite(frozen_probe(features, labels, features, labels, CLASSES)(features)).all()


@pytest.mark.parametrize("modalities", [1, 2])
def test_a_run_that_is_tested_reports_its_probes_and_trains_on_as_if_it_had_not(make_trainer, modalities):
    tested, plain = (make_trainer(modalities, epochs=4) for _ in range(2))
    for trainer in (tested, plain):
        trainer.run_epoch()
    scores = tested.test()
    for name in list(tested.model.encoders):
        assert {f"{split}/{name}/probe_accuracy" for split in ("validation", "test")} <= scores.keys()
    assert tested.test() == scores
    for one, other in zip(tested.fit(), plain.fit(), strict=True):
        assert {**one, "seconds": 0} == {**other, "seconds": 0}


def test_no_probe_is_fitted_where_probes_are_switched_off(make_trainer):
    trainer = make_trainer(2, epochs=1, probes=False)
    trainer.fit()
    assert not [name for name in trainer.test() if "probe" in name]


FIRST = """
import random
import torch
from trainables.multimodal.frozen_probes import frozen_probe
from trainables.multimodal.tasks import Classification

before = random.getstate()
features, labels = torch.eye(4), torch.tensor([0, 1, 0, 1])
frozen_probe(features, labels, features, labels, Classification(("a", "b")))
assert random.getstate() == before
"""


def test_not_even_the_first_probe_of_a_process_draws_a_random_number():
    subprocess.run([sys.executable, "-c", FIRST], check=True)


def test_where_the_loss_chooses_it_is_that_of_the_probabilities():
    probabilities, labels = torch.tensor([[0.9, 0.1], [0.2, 0.8]]), torch.tensor([0, 0])
    by_loss = Classification(("a", "b"), objective=OBJECTIVES[CLASSIFICATION]["loss"])
    expected = -np.log([0.9, 0.2]).mean()
    assert abs(frozen_probes._objective(probabilities, labels, by_loss)) == pytest.approx(expected)
