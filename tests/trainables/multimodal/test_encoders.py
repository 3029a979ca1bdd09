import pytest
import torch
from torchvision.models import resnet18

from trainables.multimodal.encoders import MLP, ResNet18
from trainables.multimodal.model import ModelSpec, MultimodalModel


def test_at_width_1_torchvisions_weights_load_and_give_the_same_features():
    reference = resnet18(weights=None)
    reference.fc = torch.nn.Identity()
    encoder = ResNet18(channels=3)
    encoder.load_state_dict(reference.state_dict())
    images = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(encoder.eval()(images), reference.eval()(images))


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_any_number_of_input_channels(channels):
    assert ResNet18(channels, width=0.05)(torch.randn(2, channels, 16, 16)).shape == (2, 26)


def test_a_quarter_width_has_a_quarter_of_the_features():
    assert ResNet18(1, width=0.25)(torch.randn(2, 1, 16, 16)).shape == (2, 128)


def test_frames_are_averaged_over_time():
    encoder, frames = ResNet18(3, width=0.05).eval(), torch.randn(2, 4, 3, 16, 16)
    alone = torch.stack([encoder(frames[:, number]) for number in range(4)])
    torch.testing.assert_close(encoder(frames), alone.mean(dim=0))


def test_convolutions_start_kaiming_fan_out():
    weight = ResNet18(3).layer4[0].conv1.weight  # 256 channels in, 512 out
    assert weight.std().item() == pytest.approx((2 / (512 * 9)) ** 0.5, rel=0.01)


def test_normalisation_weights_start_around_one():
    weight = ResNet18(3).layer4[1].bn2.weight
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
