import torch

from trainables.multimodal.evaluation import Evaluation
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
