import pytest
import torch
from torchvision.models import ResNet as TorchvisionResNet
from torchvision.models import resnet18
from torchvision.models.resnet import BasicBlock

from trainables.multimodal.errors import InputError
from trainables.multimodal.model import MultimodalModel
from trainables.multimodal.networks.encoders import MLP, ResNet, Transformer, encoder_kind, positions
from trainables.multimodal.networks.model_spec import ModelSpec


def test_at_width_1_torchvisions_weights_load_and_give_the_same_features():
    reference = resnet18(weights=None)
    reference.fc = torch.nn.Identity()
    encoder = ResNet(channels=3)
    encoder.load_state_dict(reference.state_dict())
    images = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(encoder.eval()(images), reference.eval()(images))


def test_with_one_block_a_stage_it_is_torchvisions_of_one_block_a_stage():
    reference = TorchvisionResNet(BasicBlock, [1, 1, 1, 1])
    reference.fc = torch.nn.Identity()
    encoder = ResNet(channels=3, blocks=1)
    encoder.load_state_dict(reference.state_dict())
    images = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(encoder.eval()(images), reference.eval()(images))


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_any_number_of_input_channels(channels):
    assert ResNet(channels, width=0.05)(torch.randn(2, channels, 16, 16)).shape == (2, 26)


def test_a_quarter_width_has_a_quarter_of_the_features():
    assert ResNet(1, width=0.25)(torch.randn(2, 1, 16, 16)).shape == (2, 128)


def test_frames_are_averaged_over_time():
    encoder, frames = ResNet(3, width=0.05).eval(), torch.randn(2, 4, 3, 16, 16)
    alone = torch.stack([encoder(frames[:, number]) for number in range(4)])
    torch.testing.assert_close(encoder(frames), alone.mean(dim=0))


def test_convolutions_start_kaiming_fan_out():
    weight = ResNet(3).layer4[0].conv1.weight  # 256 channels in, 512 out
    assert weight.std().item() == pytest.approx((2 / (512 * 9)) ** 0.5, rel=0.01)


def test_normalisation_weights_start_around_one():
    weight = ResNet(3).layer4[1].bn2.weight
    assert (weight.mean().item(), weight.std().item()) == (
        pytest.approx(1, abs=0.005),
        pytest.approx(0.02, rel=0.2),
    )


def test_the_published_model_has_its_published_size():
    with torch.device("meta"):
        model = MultimodalModel(ModelSpec(tuple("abcdef"), {"a": (1, 1024, 128), "b": (10, 3, 224, 224)}))
    assert sum(p.numel() for p in model.parameters()) / 1e6 == pytest.approx(22.35, abs=0.01)


def test_vectors_go_through_two_hidden_layers():
    assert MLP(5, hidden=7)(torch.randn(3, 5)).shape == (3, 7)


def sequences(*lengths, steps=12, features=5):
    """Random sequences [B, T, D], each followed by padding from its length on."""
    batch = torch.randn(len(lengths), steps, features)
    for sample, length in zip(batch, lengths, strict=True):
        sample[length:] = 0
    return batch


def transformer(**changes):
    torch.manual_seed(0)
    return Transformer(**{"inputs": 5, "d_model": 8, "layers": 2, "heads": 2, **changes})


@pytest.mark.parametrize("size", [8, 9])
def test_a_transformer_gives_d_model_features(size):
    encoder = transformer(d_model=size, heads=1)
    assert encoder(sequences(12, 3)).shape == (2, encoder.features) == (2, size)


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("bf16", [False, True])
def test_appended_padding_does_not_change_the_features(mode, bf16):
    encoder, batch = getattr(transformer(), mode)(), sequences(12, 7, 1)
    with torch.set_grad_enabled(mode == "train"), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        features, longer = encoder(batch), encoder(torch.cat([batch, torch.zeros(3, 9, 5)], dim=1))
    assert features.dtype == torch.float32
    torch.testing.assert_close(longer, features, atol=2e-2 if bf16 else 1e-6, rtol=0)


def test_a_transformer_gives_the_same_features_with_and_without_gradients():
    encoder, batch = transformer(), sequences(12, 7, 0)
    with torch.inference_mode():
        unwatched = encoder.eval()(batch)
    torch.testing.assert_close(unwatched, encoder.train()(batch).detach())


def test_padding_within_a_sequence_influences_nothing():
    batch = sequences(12)
    batch[:, 4] = 0
    (transformer()(batch.requires_grad_()) * torch.arange(8)).sum().backward()
    assert batch.grad.any(dim=2).flatten().tolist() == [step != 4 for step in range(12)]


def test_a_sample_of_padding_alone_has_zero_features_and_finite_gradients():
    encoder = transformer()
    features = encoder(sequences(0, 7))
    (features * torch.arange(8)).sum().backward()
    assert not features[0].any()
    assert features[1].any()
    assert all(torch.isfinite(parameter.grad).all() for parameter in encoder.parameters())


def test_a_transformer_knows_the_order_of_the_steps():
    encoder, batch = transformer(), sequences(12)
    assert not torch.allclose(encoder(batch.flip(1)), encoder(batch), atol=1e-3)


def test_the_layers_of_a_transformer_start_differently():
    first, second = transformer().layers
    assert not torch.equal(first.linear1.weight, second.linear1.weight)


def test_positions_are_sines_and_cosines_of_falling_frequency():
    steps = torch.arange(3.0)
    slow = steps / 100  # 10000^(-1 / 2)
    expected = torch.stack([steps.sin(), slow.sin(), steps.cos(), slow.cos()], dim=1)
    torch.testing.assert_close(positions(3, 4, torch.device("cpu")), expected)
    torch.testing.assert_close(positions(3, 3, torch.device("cpu")), expected[:, :3])


@pytest.mark.parametrize(
    ("shape", "chosen", "message"),
    [
        ((5,), "transformer", r"transformer takes sequences \[T, D\], and modality m has .* \[5\]"),
        ((1, 8, 8), "transformer", r"transformer takes sequences \[T, D\]"),
        ((12, 5), "mlp", r"mlp takes vectors \[D\]"),
        ((5,), "resnet18", "resnet18 takes sequences"),
        ((1, 2, 3, 4, 5), None, "takes 1 to 4 axes"),
    ],
)
def test_an_encoder_that_does_not_take_the_samples_is_refused(shape, chosen, message):
    with pytest.raises(InputError, match=message):
        encoder_kind("m", shape, chosen)
