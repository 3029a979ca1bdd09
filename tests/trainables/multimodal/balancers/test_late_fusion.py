import pytest
import torch
from torch.nn import functional

from trainables.multimodal.balancers.late_fusion import LateFusion


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_fused_logits_are_the_mean_of_a_linear_head_each(make_trainer, count):
    trainer = make_trainer(count, [LateFusion()])
    batch = next(iter(trainer._loader("train").ordered()))
    output = trainer.forward(batch)
    heads = trainer.model.fusion.heads
    logits = [heads[name](output.features[name]) for name in trainer.model.encoders]
    torch.testing.assert_close(output.fused, torch.stack(logits).mean(dim=0))


def test_the_loss_is_the_cross_entropy_of_the_mean(make_trainer):
    trainer, twin = make_trainer(2, [LateFusion()]), make_trainer(2, [LateFusion()])
    batch = next(iter(trainer._loader("train").ordered()))
    expected = functional.cross_entropy(twin.forward(batch).fused, batch.labels)
    torch.testing.assert_close(trainer.balancers[0].step(trainer, batch)["loss"], expected.detach())


def test_weights_shift_the_mean(make_trainer):
    trainer = make_trainer(2, [LateFusion(fusion_weights={"vector": 1, "clip": 0})])
    output = trainer.forward(next(iter(trainer._loader("train").ordered())))
    torch.testing.assert_close(output.fused, output.unimodal["vector"])
