import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score

from trainables.multimodal.errors import Diverged
from trainables.multimodal.metrics import (
    WORST,
    Means,
    accuracy,
    macro_f1,
    require_finite,
    weighted_f1,
    worst_result,
)


def test_accuracy_counts_the_largest_logit():
    logits = torch.tensor([[2.0, 1.0], [0.0, 1.0], [3.0, 0.0]])
    assert accuracy(logits, torch.tensor([0, 1, 1])).item() == 2 / 3  # in double precision, as counts divide


def test_f1_equals_sklearns():
    torch.manual_seed(0)
    logits, labels = torch.randn(50, 5), torch.arange(50) % 5
    for ours, average in ((macro_f1, "macro"), (weighted_f1, "weighted")):
        expected = f1_score(labels, logits.argmax(dim=1), average=average)
        assert ours(logits, labels).item() == pytest.approx(expected)


@pytest.mark.parametrize("missing", [{"predicted": 2}, {"true": 2}, {"predicted": 2, "true": 2}])
def test_macro_f1_of_unequal_classes_equals_sklearns_where_one_is_never_predicted_or_never_true(missing):
    draw = np.random.default_rng(0)
    named = {name: draw.choice(4, size=200, p=[0.7, 0.2, 0.06, 0.04]) for name in ("true", "predicted")}
    for name, label in missing.items():
        named[name][named[name] == label] = 0
    logits = torch.eye(4)[named["predicted"]]
    expected = f1_score(named["true"], named["predicted"], average="macro", labels=range(4), zero_division=0)
    assert macro_f1(logits, torch.tensor(named["true"])).item() == pytest.approx(expected, rel=1e-12)


def test_a_class_never_predicted_counts_zero():
    logits = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    assert macro_f1(logits, torch.tensor([0, 1])).item() == pytest.approx((2 / 3 + 0) / 2)


def test_means_weigh_batches_by_their_size():
    means = Means()
    means.add({"loss": torch.tensor(1.0)}, 3)
    means.add({"loss": torch.tensor(5.0)}, 1)
    assert means.read("train") == {"train/loss": 2.0}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_is_not_finite_is_named(value):
    with pytest.raises(Diverged, match=r"train/loss became .* in epoch 3"):
        require_finite({"lr": 0.1, "train/loss": value}, 3)


def test_the_worst_values_are_finite():
    require_finite(WORST, 1)


def test_a_run_that_diverged_ends_with_the_worst_of_what_is_asked_for():
    assert worst_result(3).keys() == {"epoch", *WORST}
    assert worst_result(3, ["best/accuracy"]) == {"epoch": 3, "best/accuracy": 0.0}
