import pytest
import torch

from trainables.multimodal import evaluation
from trainables.multimodal.balancers.mla import Mla
from trainables.multimodal.evaluation import NOISE_LEVELS, Evaluation
from trainables.multimodal.feature_sample import read_features
from trainables.multimodal.tasks import Classification


def test_probes_are_scored_by_modality():
    labels = torch.tensor([0, 1])
    right, wrong = torch.eye(2), 1 - torch.eye(2)
    metrics = Evaluation({}, right, labels).metrics(Classification(("x", "y")), {"a": right, "b": wrong})
    assert (metrics["a/accuracy"], metrics["b/accuracy"]) == (1, 0)


def test_the_test_leaves_the_weights_that_are_being_trained_alone(make_trainer):
    trainer = make_trainer(2, epochs=3)
    trainer.run_epoch()
    before = {name: value.clone() for name, value in trainer.model.state_dict().items()}
    assert trainer.test().keys() >= {"test/accuracy", "test/without_vector/accuracy"}
    assert all(torch.equal(value, before[name]) for name, value in trainer.model.state_dict().items())


def test_a_split_is_evaluated_once_until_the_weights_change(make_trainer):
    trainer = make_trainer(2, epochs=3)
    first = trainer.evaluate("validation")
    assert trainer.evaluate("validation") is first
    trainer.run_epoch()
    assert trainer.evaluate("validation") is not first


def test_it_does_not_matter_how_many_batches_are_evaluated_as_one(make_trainer, monkeypatch):
    single = make_trainer(1).evaluate("train")
    monkeypatch.setitem(evaluation.TOGETHER, "cpu", 3)
    several = make_trainer(1).evaluate("train")
    torch.testing.assert_close(several.fused, single.fused)
    assert torch.equal(several.labels, single.labels)


def test_contributions_of_two_modalities_follow_from_each_alone_and_both(make_trainer):
    trainer = make_trainer(2, epochs=3, lr=0.05)
    trainer.fit()
    scores = trainer.test()
    labels, train = (trainer.evaluate(split).labels for split in ("test", "train"))
    both, guessed = scores["test/accuracy"], float((labels == train.bincount().argmax()).double().mean())
    first, second = trainer.model.encoders
    alone = {
        first: scores[f"test/without_{second}/accuracy"],
        second: scores[f"test/without_{first}/accuracy"],
    }
    expected = {
        first: (alone[first] - guessed + both - alone[second]) / 2,
        second: (alone[second] - guessed + both - alone[first]) / 2,
    }
    assert {name: scores[f"test/{name}/contribution"] for name in alone} == pytest.approx(expected)
    assert scores["test/imbalance"] == pytest.approx(abs(alone[first] - alone[second]))


def test_contributions_are_measured_at_every_epoch_that_is_diagnosed(make_trainer):
    trainer = make_trainer(2, epochs=4, diagnose="every_epoch")
    told = [{name for name in metrics if name.endswith("/contribution")} for metrics in trainer.fit()]
    assert told == [{f"validation/{name}/contribution" for name in trainer.model.encoders}] * 4


def test_one_modality_has_no_contribution_to_tell(make_trainer):
    trainer = make_trainer(1, epochs=1)
    trainer.run_epoch()
    assert not [name for name in trainer.test() if "contribution" in name or "without" in name]


@pytest.mark.parametrize(("modalities", "epochs"), [(1, 60), (4, 8)])
def test_noise_is_the_same_each_time_and_spoils_what_was_learned(make_trainer, modalities, epochs):
    trainer = make_trainer(modalities, epochs=epochs, lr=0.05)
    learned = trainer.fit()[-1]["train/accuracy"]
    noisy = trainer._evaluator.score_noisy("train")
    assert noisy == trainer._evaluator.score_noisy("train")
    names = list(trainer.model.encoders)
    assert noisy.keys() == {f"train/{n}/accuracy_noise_{level:g}" for n in names for level in NOISE_LEVELS}
    assert noisy[f"train/{names[0]}/accuracy_noise_{max(NOISE_LEVELS):g}"] < learned - 0.1


def test_noise_too_small_to_matter_changes_nothing(make_trainer, monkeypatch):
    monkeypatch.setattr("trainables.multimodal.evaluation.NOISE_LEVELS", (1e-7,))
    trainer = make_trainer(4, epochs=1)
    trainer.run_epoch()
    noisy, clean = (trainer._evaluator.of(trainer.best.weights) for _ in range(2))
    accuracy = clean.score("test")["test/accuracy"]
    assert set(noisy.score_noisy("test").values()) == {accuracy}


def test_features_of_validation_lie_beside_exported_weights(make_trainer, tmp_path):
    trainer = make_trainer(2, epochs=1)
    trainer.run_epoch()
    trainer.export(tmp_path)
    classes, samples = read_features(tmp_path)
    assert tuple(classes) == trainer.task.classes
    for name, values in trainer.features("validation").items():
        assert (samples[name].features == values.numpy()).all()
        assert samples[name].targets.tolist() == trainer.evaluate("validation").labels.tolist()


def test_predictions_that_depend_on_their_batch_are_judged_in_those_of_training(make_trainer, monkeypatch):
    def trained(together):
        monkeypatch.setitem(evaluation.TOGETHER, "cpu", together)
        trainer = make_trainer(2, [Mla(combine="per_batch")], epochs=2, lr=0.05)
        trainer.fit()
        return trainer, trainer.test()

    (trainer, alone), (_, several) = trained(1), trained(3)
    assert alone == several
    evaluator, judged = trainer._evaluator, trainer.evaluate("test")
    torch.testing.assert_close(evaluator._fused_from(judged, list(trainer.model.encoders)), judged.fused)
