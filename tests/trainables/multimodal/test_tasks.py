"""Classification and regression: targets, losses, scores and bins."""

import numpy as np
import pytest
import torch
from scipy.stats import pearsonr
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    f1_score,
    hamming_loss,
    log_loss,
    mean_absolute_error,
    mean_squared_error,
)

from trainables.multimodal.config import TrainerConfig
from trainables.multimodal.data.store.feature_store import FeatureStore, Quantity
from trainables.multimodal.errors import InputError
from trainables.multimodal.metrics import correlation
from trainables.multimodal.tasks import (
    Classification,
    Multilabel,
    Objective,
    Regression,
    loss_of,
    objective_of,
    task_on,
)

MOOD = Quantity("mood", -3, 3)
TASK = Regression(MOOD)


@pytest.fixture(scope="module")
def drawn():
    """Predictions [N, 1] beyond the scale too, and values [N] with zeros among them."""
    draw = np.random.default_rng(0)
    values = np.clip(np.round(draw.normal(scale=1.6, size=400), 1), -3, 3).astype(np.float32)
    predicted = (0.6 * values + draw.normal(scale=1.5, size=400)).astype(np.float32)
    return torch.from_numpy(predicted[:, None]), torch.from_numpy(values)


def scores(predicted, values):
    found = TASK.scores(torch.tensor(predicted)[:, None], torch.tensor(values))
    return {name: value.item() for name, value in found.items()}


def test_the_numbers_equal_scipys_and_sklearns(drawn):
    outputs, values = drawn
    found = {name: value.item() for name, value in TASK.scores(outputs, values).items()}
    predicted, true = outputs[:, 0].numpy(), values.numpy()
    polar = true != 0
    whole = [np.round(np.clip(numbers, -3, 3)) for numbers in (true, predicted)]
    assert found == pytest.approx(
        {
            "loss": mean_absolute_error(true, predicted),
            "mae": mean_absolute_error(true, predicted),
            "correlation": pearsonr(true, predicted).statistic,
            "accuracy": accuracy_score(true >= 0, predicted >= 0),
            "macro_f1": f1_score(true >= 0, predicted >= 0, average="macro"),
            "weighted_f1": f1_score(true >= 0, predicted >= 0, average="weighted"),
            "accuracy_nonzero": accuracy_score(true[polar] > 0, predicted[polar] > 0),
            "accuracy_7": accuracy_score(*whole),
        }
    )


def test_the_squared_loss_equals_sklearns(drawn):
    outputs, values = drawn
    expected = mean_squared_error(values.numpy(), outputs[:, 0].numpy())
    assert loss_of("regression", "mse")(outputs, values).item() == pytest.approx(expected)


def test_zero_counts_as_positive_in_prediction_and_value():
    assert scores([0.0, -0.1, 2.0, -2.0], [0.0, 0.0, 0.0, -1.0])["accuracy"] == 0.75


def test_zeros_count_for_nothing_where_they_are_left_out():
    assert scores([0.0, -0.1, 0.0, -2.0], [0.0, 0.0, 1.0, -1.0])["accuracy_nonzero"] == 0.5
    assert scores([1.0, -1.0], [0.0, 0.0])["accuracy_nonzero"] == 0.0


@pytest.mark.parametrize("predicted", [[0.3] * 5, [0.0] * 5, [1e-30] * 5])
def test_constant_predictions_correlate_with_nothing(predicted):
    assert scores(predicted, [-1.0, 0.5, 2.0, 1.0, 0.1])["correlation"] == 0.0


def test_constant_values_correlate_with_nothing():
    assert correlation(torch.tensor([0.0, 1.0]), torch.tensor([0.1, 0.1])).item() == 0.0


def test_predictions_beyond_the_scale_fall_into_its_last_bins():
    assert scores([9.0, -9.0, 2.4], [3.0, -2.6, 2.0])["accuracy_7"] == 1.0


def test_the_scale_says_how_many_bins_there_are():
    found = Regression(Quantity("mood", -1, 2)).scores(torch.zeros(2, 1), torch.zeros(2))
    assert "accuracy_4" in found


def test_bins_are_whole_numbers_counted_from_the_lowest():
    values = np.array([-3.0, -2.5, -0.4, 0.0, 0.5, 1.5, 2.6], np.float32)
    assert TASK.bins(values).tolist() == [0, 1, 3, 3, 3, 5, 6]


def test_purity_has_as_many_clusters_as_bins_with_samples():
    assert TASK.n_clusters(np.array([-3.0, -2.9, 0.1, 3.0], np.float32)) == 3


def test_classes_are_their_own_bins():
    labels = np.array([0, 2, 2])
    assert Classification(("a", "b", "c")).bins(labels) is labels
    assert Classification(("a", "b", "c")).n_clusters(labels) == 3


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"task": "ranking"}, "task must be one of classification, regression, multilabel"),
        ({"loss": "l1"}, "loss must be cross_entropy where task is classification, got 'l1'"),
        ({"task": "regression", "loss": "cross_entropy"}, "loss must be l1 or mse where task is regression"),
    ],
)
def test_a_loss_of_another_task_is_refused(settings, complaint):
    with pytest.raises(InputError, match=complaint):
        TrainerConfig(data="anywhere", epochs=1, **settings)


def test_a_store_without_values_is_no_regression(toy_store):
    with pytest.raises(InputError, match=r"predicts a number per sample, and .* holds none: prepare"):
        task_on(FeatureStore.open(toy_store(1)), "regression", "auto")


@pytest.mark.parametrize(
    ("task", "name", "objective"),
    [
        ("classification", "auto", Objective("accuracy", 1)),
        ("classification", "accuracy", Objective("accuracy", 1)),
        ("classification", "macro_f1", Objective("macro_f1", 1)),
        ("classification", "loss", Objective("loss", -1)),
        ("regression", "auto", Objective("mae", -1)),
        ("regression", "accuracy", Objective("accuracy", 1)),
        ("multilabel", "auto", Objective("mean_average_precision", 1)),
        ("multilabel", "macro_f1", Objective("macro_f1", 1)),
    ],
)
def test_accuracy_and_the_error_of_a_regression_choose_unless_told_otherwise(task, name, objective):
    assert objective_of(task, name) == objective


@pytest.mark.parametrize(("task", "name"), [("regression", "mae"), ("classification", "loss")])
def test_a_smaller_error_is_a_larger_objective_and_is_shown_as_it_is(task, name):
    objective = objective_of(task, name)
    assert objective.of({name: 0.5, "accuracy": 0.1}) > objective.of({name: 0.6, "accuracy": 0.9})
    assert objective.score(objective.of({name: 0.5})) == 0.5


@pytest.mark.parametrize(
    ("task", "name", "offered"),
    [
        ("classification", "mae", "accuracy, macro_f1, loss"),
        ("classification", "f2", "accuracy, macro_f1, loss"),
        ("regression", "macro_f1", "mae, accuracy"),
        ("regression", "loss", "mae, accuracy"),
        ("multilabel", "accuracy", "mean_average_precision, macro_f1, loss"),
    ],
)
def test_an_objective_of_another_task_is_refused(task, name, offered):
    said = f"objective must be one of {offered} where task is {task}, got '{name}'"
    with pytest.raises(InputError, match=said):
        objective_of(task, name)


def test_the_best_guess_of_classes_is_the_most_frequent_and_of_numbers_the_median():
    assert Classification(("x", "y", "z")).guess(torch.tensor([2, 0, 2])).argmax(dim=1).tolist() == [2]
    assert Regression(Quantity("score", -3, 3)).guess(torch.tensor([-3.0, 1.0, 2.0])).tolist() == [[1.0]]


SEVERAL = Multilabel(("x", "y", "z"))


@pytest.mark.parametrize("ties", [False, True])
def test_scores_of_several_labels_are_those_of_scikit_learn(ties):
    draw = np.random.default_rng(0)
    targets = (draw.random((90, 3)) < (0.1, 0.5, 0.9)).astype(np.float32)
    logits = (targets + draw.normal(scale=2, size=targets.shape)).astype(np.float32)
    logits = np.round(logits) if ties else logits
    found = {n: float(v) for n, v in SEVERAL.scores(torch.tensor(logits), torch.tensor(targets)).items()}
    probabilities = 1 / (1 + np.exp(-logits.astype(np.float64)))
    losses = [log_loss(*pair) for pair in zip(targets.T, probabilities.T, strict=True)]
    assert found == {
        "loss": pytest.approx(np.mean(losses)),
        "accuracy": pytest.approx(1 - hamming_loss(targets, logits >= 0)),
        "mean_average_precision": pytest.approx(average_precision_score(targets, logits, average="macro")),
        "macro_f1": pytest.approx(f1_score(targets, logits >= 0, average="macro")),
    }


def test_a_label_that_no_sample_has_is_no_part_of_the_mean_precision():
    logits, targets = torch.tensor([[2.0, 1.0], [1.0, 2.0]]), torch.tensor([[0.0, 0.0], [1.0, 0.0]])
    assert SEVERAL.scores(logits, targets)["mean_average_precision"] == 0.5
    assert SEVERAL.scores(logits, 0 * targets)["mean_average_precision"] == 0


def test_the_best_guess_of_several_labels_is_what_most_samples_have():
    guess = SEVERAL.guess(torch.tensor([[1.0, 0.0, 1.0], [1.0, 0.0, 0.0], [1.0, 1.0, 1.0]]))
    assert (guess >= 0).tolist() == [[True, False, True]]
    assert guess.sigmoid()[0, 1] == pytest.approx(1 / 3)


def test_bins_of_several_labels_are_their_sets_and_clusters_as_many_as_labels_at_most():
    targets = np.array([[1, 0, 0], [0, 1, 1], [1, 0, 0], [0, 0, 0], [1, 1, 1]], np.float32)
    bins = SEVERAL.bins(targets)
    assert bins.shape == (5,)
    assert bins[0] == bins[2]
    assert len(set(bins.tolist())) == 4
    assert SEVERAL.n_clusters(targets) == 3
    assert SEVERAL.n_clusters(targets[:3]) == 2


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_a_store_with_several_labels_is_for_that_task_alone(several_store, task):
    with pytest.raises(InputError, match=f"several labels per sample: set task to multilabel, not {task}"):
        task_on(FeatureStore.open(several_store(1)), task)


def test_a_store_with_one_label_per_sample_is_not_for_several(toy_store):
    with pytest.raises(InputError, match="one label per sample: set task to classification or regression"):
        task_on(FeatureStore.open(toy_store(1)), "multilabel")
