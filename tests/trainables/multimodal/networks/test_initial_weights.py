import zipfile

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torchvision.models import resnet18

from trainables.multimodal.errors import InputError
from trainables.multimodal.networks.encoders import ResNet
from trainables.multimodal.networks.initial_weights import load_initial_weights


class Payload:
    """Runs when it is unpickled."""

    def __reduce__(self):
        return print, ("unpickled",)


@pytest.fixture
def encoder():
    return ResNet(3, width=0.05)


def write_torch(weights, path):
    torch.save(weights, path)


def write_old_torch(weights, path):
    torch.save(weights, path, _use_new_zipfile_serialization=False)


WRITERS = {"w.safetensors": save_file, "w.pt": write_torch, "w.pth": write_old_torch}


@pytest.mark.parametrize("name", WRITERS)
def test_the_weights_of_a_file_replace_the_drawn_ones(encoder, tmp_path, name):
    weights = ResNet(3, width=0.05).state_dict()
    WRITERS[name](weights, tmp_path / name)
    load_initial_weights(encoder, tmp_path / name)
    assert all(torch.equal(value, weights[key]) for key, value in encoder.state_dict().items())


def test_torchvisions_file_loads_at_width_1_without_its_classifier(tmp_path):
    weights = resnet18(weights=None).state_dict()
    torch.save(weights, tmp_path / "resnet18.pth")
    encoder = ResNet(3)
    load_initial_weights(encoder, tmp_path / "resnet18.pth")
    assert all(torch.equal(value, weights[key]) for key, value in encoder.state_dict().items())


def test_a_file_without_counts_of_batches_loads(encoder, tmp_path):
    weights = {key: value for key, value in encoder.state_dict().items() if "num_batches" not in key}
    save_file(weights, tmp_path / "w.safetensors")
    load_initial_weights(encoder, tmp_path / "w.safetensors")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bn1.weight": None}, r"bn1\.weight is missing there and \[3\] in the encoder"),
        ({"ear": torch.ones(2)}, r"ear is \[2\] there and missing in the encoder"),
        (
            {"conv1.weight": torch.ones(3, 1, 7, 7)},
            r"conv1\.weight is \[3, 1, 7, 7\] there and \[3, 3, 7, 7\] in the encoder",
        ),
    ],
)
def test_what_does_not_fit_is_named_with_both_shapes(encoder, tmp_path, change, message):
    weights = {**encoder.state_dict(), **change}
    path = tmp_path / "w.safetensors"
    save_file({key: value for key, value in weights.items() if value is not None}, path)
    before = {key: value.clone() for key, value in encoder.state_dict().items()}
    with pytest.raises(InputError, match=f"^initial weights {path} do not fit: {message}$"):
        load_initial_weights(encoder, path)
    assert all(torch.equal(value, before[key]) for key, value in encoder.state_dict().items())


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("content", [b"", b"noise", bytes(range(256)), np.arange(9).tobytes()])
def test_a_file_that_holds_something_else_is_refused_in_one_sentence(encoder, tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=r"are damaged, or no state dict of plain tensors$"):
        load_initial_weights(encoder, tmp_path / name)


@pytest.mark.parametrize("name", WRITERS)
def test_half_a_file_is_refused(encoder, tmp_path, name):
    WRITERS[name](encoder.state_dict(), tmp_path / name)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="are damaged"):
        load_initial_weights(encoder, tmp_path / name)


def test_a_file_that_unpacks_to_more_than_it_holds_is_refused(encoder, tmp_path):
    torch.save(encoder.state_dict(), tmp_path / "plain.pt")
    with zipfile.ZipFile(tmp_path / "plain.pt") as plain:
        names = plain.namelist()
    with zipfile.ZipFile(tmp_path / "w.pt", "w", zipfile.ZIP_DEFLATED) as packed:
        for name in names:
            packed.writestr(name, bytes(10**5))
    with pytest.raises(InputError, match="are damaged") as caught:
        load_initial_weights(encoder, tmp_path / "w.pt")
    assert "are packed into" in str(caught.value.__cause__)


def test_more_weights_than_an_encoder_has_are_refused_unread(encoder, tmp_path):
    with (tmp_path / "w.pt").open("wb") as stream:
        stream.truncate(2**32 + 1)
    with pytest.raises(InputError, match="have more than 4294967296 bytes"):
        load_initial_weights(encoder, tmp_path / "w.pt")


def test_nothing_in_a_file_is_executed(encoder, tmp_path, capsys):
    torch.save({"conv1.weight": Payload()}, tmp_path / "w.pt")
    with pytest.raises(InputError, match="are damaged, or no state dict"):
        load_initial_weights(encoder, tmp_path / "w.pt")
    assert not capsys.readouterr().out


@pytest.mark.parametrize(
    "content", [[1, 2], {"epoch": 3}, {"model": {"w": torch.ones(1)}}, {1: torch.ones(1)}]
)
def test_a_file_of_other_plain_data_is_refused(encoder, tmp_path, content):
    torch.save(content, tmp_path / "w.pt")
    with pytest.raises(InputError, match=r"are no state dict, which names tensors and nothing else$"):
        load_initial_weights(encoder, tmp_path / "w.pt")


def test_a_file_that_is_not_there_is_named(encoder, tmp_path):
    for path in (tmp_path / "w.pt", tmp_path):
        with pytest.raises(InputError, match=f"initial weights {path} cannot be read: "):
            load_initial_weights(encoder, path)
