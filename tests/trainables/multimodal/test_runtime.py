import random

import numpy as np
import pytest
import torch

from trainables.multimodal.config import TrainerConfig
from trainables.multimodal.errors import InputError
from trainables.multimodal.runtime import random_state, resolve, seed_everything, set_random_state, to_cpu

CPU = torch.device("cpu")


def config(**changes):
    return TrainerConfig(data="store", epochs=1, **changes)


def draw():
    return random.gauss(0, 1), np.random.normal(), torch.randn(()).item()


def test_a_cpu_computes_in_fp32():
    assert not resolve(config(device="cpu")).bf16


def test_settings_win_over_the_defaults_of_the_device():
    runtime = resolve(config(device="cpu", precision="bf16", channels_last=False))
    assert runtime.bf16
    assert runtime.memory_format == torch.contiguous_format


@pytest.mark.parametrize(("width", "expected"), [(0.2, torch.contiguous_format), (0.25, torch.channels_last)])
def test_narrow_encoders_are_not_channels_last_on_a_cpu(width, expected):
    assert resolve(config(device="cpu", width=width)).memory_format == expected


def test_channels_last_is_refused_where_it_would_overrun_memory():
    with pytest.raises(InputError, match="needs at least 16 channels"):
        resolve(config(device="cpu", width=0.2, channels_last=True))


def test_bf16_reaches_the_operations_inside_autocast_only():
    runtime = resolve(config(device="cpu", precision="bf16"))
    ones = torch.ones(2, 2)
    with runtime.autocast():
        assert (ones @ ones).dtype == torch.bfloat16
    assert (ones @ ones).dtype == torch.float32


def test_threads_are_honoured():
    before = torch.get_num_threads()
    resolve(config(device="cpu", threads=1))
    assert torch.get_num_threads() == 1
    torch.set_num_threads(before)


@pytest.mark.parametrize("device", ["abacus", "mps", "cuda:99"])
def test_a_device_that_cannot_be_had_is_refused(device):
    with pytest.raises(InputError, match="device"):
        resolve(config(device=device))


def test_one_seed_seeds_all_generators():
    seed_everything(3)
    first = draw()
    seed_everything(3)
    assert draw() == first


def test_the_state_of_all_generators_comes_back():
    seed_everything(3)
    draw()  # leaves a second gaussian cached in python's and numpy's generator
    state = random_state(CPU)
    expected = [draw(), draw()]
    set_random_state(state, CPU)
    assert [draw(), draw()] == expected


def test_copies_share_nothing():
    tensor = torch.zeros(2)
    copied = to_cpu({"a": [tensor, (tensor, 1)]})
    tensor.fill_(1)
    assert copied["a"][0].sum() == copied["a"][1][0].sum() == 0
