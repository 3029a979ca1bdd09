import shutil

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch._dynamo.utils import counters

from trainables.multimodal import compiling
from trainables.multimodal.compiling import PAYS_FROM, pays
from trainables.multimodal.networks.encoders import MLP, ResNet

CUDA = torch.device("cuda")


@pytest.fixture
def graphs(monkeypatch):
    """How many graphs were captured so far; they run as captured, which takes no compiler."""
    compile_ = nn.Module.compile

    def capture(module: nn.Module, *, dynamic: bool, options: dict) -> None:
        compile_(module, backend="aot_eager", dynamic=dynamic)  # with a backward pass that is captured too

    monkeypatch.setattr(nn.Module, "compile", capture)
    torch._dynamo.reset()
    counters.clear()
    yield lambda: counters["stats"]["unique_graphs"]
    torch._dynamo.reset()


def test_no_batch_of_a_later_epoch_or_trial_is_compiled_anew(make_trainer, graphs) -> None:
    """24 samples in batches of 10 leave one of 4, and 12 of validation one of 2."""
    trainer = make_trainer(2, batch_size=10, compile=True)
    trainer.run_epoch()
    assert graphs() == 2
    trainer.run_epoch()
    trainer.test()
    make_trainer(2, batch_size=10, compile=True).run_epoch()
    assert graphs() == 2


def test_samples_that_lack_a_modality_make_no_more_graphs(make_gappy, graphs) -> None:
    make_gappy(2, compile=True).run_epoch()
    assert graphs() <= 2


def test_a_compiled_run_computes_what_a_run_without_does(make_trainer, graphs) -> None:
    plain, compiled = make_trainer(2), make_trainer(2, compile=True)
    assert compiled.run_epoch()["train/loss"] == plain.run_epoch()["train/loss"]
    assert graphs() == 2


def test_a_compiled_encoder_is_trained_once_it_is_no_longer_frozen(make_trainer, graphs, tmp_path) -> None:
    save_file(make_trainer(2).model.encoders["vector"].state_dict(), tmp_path / "vector.safetensors")
    files = {"vector": str(tmp_path / "vector.safetensors")}
    plain, compiled = (
        make_trainer(1, compile=chosen, initial_weights=files, freeze_epochs=1, epochs=3)
        for chosen in (False, True)
    )
    plain.fit()
    compiled.fit()
    expected = plain.model.state_dict()
    assert all(torch.equal(value, expected[key]) for key, value in compiled.model.state_dict().items())
    assert graphs() == 1


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("g++"), reason="torch.compile needs a C++ compiler on a CPU")
@pytest.mark.filterwarnings("ignore:.*torch.jit.script_method.*:DeprecationWarning")
def test_kernels_that_were_built_compute_what_a_run_without_does(make_trainer) -> None:
    plain, compiled = make_trainer(2), make_trainer(2, compile=True)
    for _ in range(2):
        expected, found = plain.run_epoch(), compiled.run_epoch()
        assert found["train/loss"] == pytest.approx(expected["train/loss"], rel=1e-3)
        assert found["validation/loss"] == pytest.approx(expected["validation/loss"], rel=1e-3)


def test_auto_compiles_long_runs_of_resnets_on_cuda_alone(monkeypatch) -> None:
    monkeypatch.setattr(compiling, "_can_build", lambda: True)
    pair = [ResNet(1, 0.05), ResNet(3, 0.05)]
    assert pays(pair, CUDA, PAYS_FROM)
    assert not pays(pair, CUDA, PAYS_FROM - 1)
    assert not pays([*pair, MLP(2, 2)], CUDA, PAYS_FROM)
    assert not pays(pair, torch.device("cpu"), PAYS_FROM)


def test_auto_compiles_nothing_where_no_compiler_is(monkeypatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert not pays([ResNet(1, 0.05)], CUDA, PAYS_FROM)


@pytest.mark.gpu
@pytest.mark.timeout(600)  # the first graphs of a machine may take more than a minute each
def test_a_compiled_run_that_is_taken_up_again_goes_on_bit_by_bit(make_trainer) -> None:
    settings = {"device": "cuda", "compile": True, "width": 0.25, "encoders": {"clip": "resnet10"}}
    whole, first = make_trainer(2, **settings), make_trainer(2, **settings)
    for _ in range(2):
        whole.run_epoch()
    first.run_epoch()
    second = make_trainer(2, **settings)
    second.load_state_dict(first.state_dict())
    second.run_epoch()
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, second.model.state_dict()[name]), name
