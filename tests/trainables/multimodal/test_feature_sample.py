import numpy as np
import torch

from trainables.multimodal.evaluation import Evaluation
from trainables.multimodal.feature_sample import MOST_SAMPLES, read_features, write_features


def evaluation(count, present=None):
    features = {"a": torch.arange(2.0 * count).view(count, 2), "b": torch.ones(count, 3)}
    return Evaluation(features, torch.zeros(count, 2), torch.arange(count) % 2, present or {})


def test_all_of_a_few_samples_come_back(tmp_path):
    write_features(tmp_path, evaluation(5), ("x", "y"))
    classes, samples = read_features(tmp_path)
    assert classes == ["x", "y"]
    assert samples["a"].features.tolist() == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]]
    assert samples["a"].targets.tolist() == [0, 1, 0, 1, 0]


def test_of_many_samples_the_same_are_drawn_each_time(tmp_path):
    for name in ("one", "two"):
        write_features(tmp_path / name, evaluation(MOST_SAMPLES + 500), ("x", "y"))
    (_, first), (_, second) = (read_features(tmp_path / name) for name in ("one", "two"))
    assert len(np.unique(first["a"].features[:, 0])) == MOST_SAMPLES
    assert (first["a"].features == second["a"].features).all()


def test_a_modality_has_those_samples_that_have_it(tmp_path):
    write_features(tmp_path, evaluation(4, {"a": torch.tensor([True, False, True, False])}), ())
    classes, samples = read_features(tmp_path)
    assert (classes, len(samples["b"].targets)) == ([], 4)
    assert samples["a"].features.tolist() == [[0, 1], [4, 5]]
    assert samples["a"].targets.tolist() == [0, 0]
