import pytest
import torch
from safetensors.torch import save_file

from trainables.multimodal.optimization import cut_gradients


@pytest.mark.parametrize(("longest", "expected"), [(1.0, [0.6, 0.8]), (10.0, [3.0, 4.0])])
def test_gradients_are_cut_to_a_common_length_and_only_if_longer(longest, expected):
    parameters = [torch.nn.Parameter(torch.zeros(1)) for _ in range(3)]
    optimizer = torch.optim.SGD(parameters, lr=1.0)
    cut_gradients(optimizer, longest)
    parameters[0].grad, parameters[1].grad = torch.tensor([-3.0]), torch.tensor([-4.0])
    optimizer.step()
    assert [float(p.detach()) for p in parameters[:2]] == pytest.approx(expected, rel=1e-5)
    assert not parameters[2].any()


def test_encoders_have_a_learning_rate_of_their_own(make_trainer):
    def moved(**changes):
        trainer = make_trainer(2, batch_size=24, epochs=1, momentum=0, weight_decay=0, **changes)
        before = {name: value.detach().clone() for name, value in trainer.model.named_parameters()}
        trainer.run_epoch()
        return {name: value.detach() - before[name] for name, value in trainer.model.named_parameters()}

    plain = moved()
    for name, slower in moved(encoder_lr=0.25).items():
        factor = 0.25 if name.startswith("encoders.") else 1.0
        torch.testing.assert_close(slower, factor * plain[name], rtol=1e-3, atol=1e-6)


def test_frozen_encoders_are_those_with_initial_weights(make_trainer, tmp_path):
    file = tmp_path / "clip.safetensors"
    save_file(make_trainer(2).model.encoders["clip"].state_dict(), file)
    trainer = make_trainer(2, initial_weights={"clip": str(file)}, freeze_epochs=1)
    trainer.run_epoch()
    assert trainer.model.frozen == {"clip"}
    assert not any(p.requires_grad for p in trainer.model.encoders["clip"].parameters())
    assert all(p.requires_grad for p in trainer.model.encoders["vector"].parameters())
    trainer.run_epoch()
    assert all(p.requires_grad for p in trainer.model.parameters())


def test_a_frozen_encoder_keeps_its_statistics_where_batches_hold_few_of_its_samples(make_gappy, tmp_path):
    weights = make_gappy(2).model.encoders["clip"].state_dict()
    save_file(weights, tmp_path / "clip.safetensors")
    settings = {"initial_weights": {"clip": str(tmp_path / "clip.safetensors")}, "freeze_epochs": 1}
    trainer = make_gappy(2, **settings)
    trainer.run_epoch()
    after = trainer.model.encoders["clip"].state_dict()
    assert all(torch.equal(after[key], value) for key, value in weights.items())
