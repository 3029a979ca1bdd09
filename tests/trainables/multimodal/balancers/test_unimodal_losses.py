import pytest
import torch
from torch.nn import functional

from trainables.multimodal.balancers.unimodal_losses import UnimodalLosses


def first_batch(trainer):
    return next(iter(trainer._loader("train").ordered()))


def gradients(trainer, loss):
    """Of all parameters by name, zero where the loss does not reach."""
    named = dict(trainer.model.named_parameters())
    found = torch.autograd.grad(loss, list(named.values()), allow_unused=True)
    return {
        n: torch.zeros_like(p) if g is None else g for (n, p), g in zip(named.items(), found, strict=True)
    }


def expected(trainer, detach):
    """Gradients of the sum, each loss from a pass of its own."""
    batch = first_batch(trainer)

    def output():
        return trainer.forward(batch)

    def fused():
        features = output().features
        passed = {n: f.detach() for n, f in features.items()} if detach else features
        together = torch.cat(list(passed.values()), dim=1)
        head = trainer.model.fusion.head
        return functional.cross_entropy(functional.linear(together, head.weight, head.bias), batch.labels)

    losses = [fused(), *(functional.cross_entropy(z, batch.labels) for z in output().unimodal.values())]
    parts = [gradients(trainer, loss) for loss in losses]
    return {name: sum(part[name] for part in parts) for name in parts[0]}


@pytest.mark.parametrize("detach", [False, True])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_step_follows_the_gradient_of_all_losses(make_trainer, count, detach):
    settings = {"momentum": 0.0, "weight_decay": 0.0, "lr": 1.0}
    trainer, twin = (make_trainer(count, [UnimodalLosses(detach=detach)], **settings) for _ in range(2))
    before = {name: p.detach().clone() for name, p in trainer.model.named_parameters()}
    trainer.model.train(), twin.model.train()
    trainer.balancers[0].step(trainer, first_batch(trainer))
    wanted = expected(twin, detach)
    for name, parameter in trainer.model.named_parameters():
        torch.testing.assert_close(before[name] - parameter, wanted[name], atol=1e-5, rtol=1e-4)


def test_encoders_learn_nothing_from_a_fused_head_that_is_detached(make_trainer):
    """Whatever the fused head is, encoders move alike."""
    moved = []
    for scale in (1, -3):
        trainer = make_trainer(2, [UnimodalLosses(detach=True)])
        trainer.model.train()
        with torch.no_grad():
            trainer.model.fusion.head.weight *= scale
        trainer.balancers[0].step(trainer, first_batch(trainer))
        moved.append([p.detach().clone() for p in trainer.model.encoders.parameters()])
    assert all(map(torch.equal, *moved))


def test_modalities_have_heads_of_their_own_and_the_fused_logits_are_those_of_a_concatenation(make_trainer):
    trainer = make_trainer(2, [UnimodalLosses()])
    output = trainer.forward(first_batch(trainer))
    fusion = trainer.model.fusion
    together = torch.cat([output.features[name] for name in trainer.model.encoders], dim=1)
    torch.testing.assert_close(output.fused, fusion.head(together))
    for name, logits in output.unimodal.items():
        torch.testing.assert_close(logits, fusion.heads[name](output.features[name]))


def test_a_batch_without_a_modality_trains_the_others(make_gappy):
    trainer = make_gappy(2, [UnimodalLosses()])
    metrics = trainer.run_epoch()
    assert {"train/vector/loss", "train/clip/loss"} <= set(metrics)
