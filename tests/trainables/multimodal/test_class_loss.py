"""Smoothed and weighted cross-entropy, and where it is used."""

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight

from trainables.multimodal.assembly import require_fitting, training_task
from trainables.multimodal.balancers.boosting_math import boosting_terms
from trainables.multimodal.class_loss import CrossEntropy, class_weights
from trainables.multimodal.config import TrainerConfig
from trainables.multimodal.data.store.feature_store import FeatureStore
from trainables.multimodal.errors import InputError

WEIGHTS = torch.tensor([0.5, 2.0, 1.0])
each_loss = pytest.mark.parametrize(
    ("weights", "smoothing"), [(None, 0.0), (None, 0.2), (WEIGHTS, 0.0), (WEIGHTS, 0.2)]
)


@pytest.fixture
def batch():
    draw = torch.Generator().manual_seed(0)
    return torch.randn(20, 3, generator=draw), torch.randint(0, 3, (20,), generator=draw)


@each_loss
def test_the_loss_is_torchs(batch, weights, smoothing):
    expected = torch.nn.CrossEntropyLoss(weight=weights, label_smoothing=smoothing)(*batch)
    loss = CrossEntropy(weights, smoothing)
    assert torch.equal(loss(*batch), expected)
    torch.testing.assert_close(loss.each(*batch).mean(), expected)


def test_balanced_weights_are_scikit_learns():
    labels = np.repeat([0, 1, 2], [5, 2, 9])
    expected = compute_class_weight("balanced", classes=np.arange(3), y=labels)
    assert class_weights("balanced", "abc", labels).numpy() == pytest.approx(expected)


def test_classes_that_a_mapping_does_not_name_count_once():
    assert class_weights({"c": 3}, "abc", np.arange(3)).tolist() == [1, 1, 3]


def test_equal_weights_are_none():
    assert class_weights("equal", "abc", np.arange(3)) is None


@pytest.mark.parametrize(
    ("chosen", "wrong"),
    [
        ({"d": 2.0}, "class_weights names d, and the classes are a, b, c"),
        ("balanced", "class_weights=balanced needs training samples of every class; none is b"),
    ],
)
def test_weights_that_do_not_fit_the_classes_are_refused(chosen, wrong):
    with pytest.raises(InputError, match=wrong):
        class_weights(chosen, "abc", np.array([0, 2]))


def test_an_unknown_class_is_refused_before_anything_is_trained(settings):
    config = TrainerConfig(**settings(1, class_weights={"joy": 2.0}))
    with pytest.raises(InputError, match="class_weights names joy"):
        require_fitting(config, [], FeatureStore.open(config.data))


@pytest.mark.parametrize("changes", [{"label_smoothing": 0.1}, {"class_weights": "balanced"}])
def test_a_regression_refuses_both(settings, changes):
    with pytest.raises(InputError, match="are about classes: leave them out where task is regression"):
        TrainerConfig(**settings(1, task="regression", **changes))


def test_weights_come_from_the_training_split_alone(make_trainer):
    trainer = make_trainer(1, class_weights="balanced")
    rows = trainer.store.split("default")["train"]
    labels = trainer.store.labels
    labels[:], labels[rows[:6]] = 2, 0
    labels[rows[6:13]] = 1
    expected = compute_class_weight("balanced", classes=np.arange(3), y=labels[rows])
    found = training_task(trainer.config, trainer.store, trainer.task, rows).loss.weights
    assert found.numpy() == pytest.approx(expected)


def test_scores_and_probes_are_plain_whatever_is_trained(make_trainer):
    trainer = make_trainer(1, epochs=1, lr=1e-12, label_smoothing=0.5, class_weights={"a": 9.0})
    plain = make_trainer(1, epochs=1, lr=1e-12)
    found, expected = trainer.run_epoch(), plain.run_epoch()
    assert found["validation/loss"] == pytest.approx(expected["validation/loss"], rel=1e-4)
    assert found["train/loss"] != pytest.approx(expected["train/loss"], rel=1e-4)
    for key, value in plain.probes.state_dict().items():
        torch.testing.assert_close(trainer.probes.state_dict()[key], value)


@each_loss
def test_newest_and_residual_of_boosting_are_one_weighted_mean(batch, weights, smoothing):
    logits, labels = batch
    heads, loss = [logits.flip(0), logits], CrossEntropy(weights, smoothing)
    terms = boosting_terms(heads, labels, smoothing=0.3, loss=loss)
    known = heads[0].softmax(dim=1)[range(len(labels)), labels]
    share = torch.ones(20) if weights is None else weights[labels]
    each = torch.nn.functional.cross_entropy(
        logits, labels, weight=weights, label_smoothing=smoothing, reduction="none"
    )
    expected = ((1 - 0.3 * known) * each).sum() / share.sum()
    torch.testing.assert_close(terms["newest"] + terms["residual"], expected)
    torch.testing.assert_close(terms["all"], loss(sum(heads), labels))
