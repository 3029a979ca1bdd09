"""Forecasts: they take seconds however slow the steps are, and say what they rest on."""

from types import SimpleNamespace

import pytest
import torch

from study.running import forecast
from study.settings import Resources
from trainables.multimodal.data.store.feature_store import Modality


class Clock:
    """Time that only training steps take."""

    def __init__(self, per_sample: float) -> None:
        self.now, self.per_sample, self.steps = 0.0, per_sample, []

    def perf_counter(self) -> float:
        return self.now

    def step(self, trainer, store, samples):
        self.steps.append(samples)
        self.now += samples * self.per_sample
        return samples * self.per_sample


def timed(monkeypatch, per_sample, batch):
    clock = Clock(per_sample)
    monkeypatch.setattr(forecast, "time", clock)
    monkeypatch.setattr(forecast, "_step", clock.step)
    runtime = SimpleNamespace(device=SimpleNamespace(type="cpu"))
    trainer = SimpleNamespace(config=SimpleNamespace(batch_size=batch), runtime=runtime)
    return forecast._timed(trainer, None), clock


@pytest.mark.parametrize(
    ("per_sample", "batch", "steps"),
    [
        (0.001, 64, [2, 2, 8, 32, 64, 64, 64, 64]),
        (0.001, 2, [2, 2, 2, 2, 2]),
        (0.05, 64, [2, 2, 8, 32, 64, 64]),
        (0.1, 64, [2, 2, 8, 32]),
        (0.6, 64, [2, 2, 8]),
        (4.0, 64, [2, 2]),
    ],
)
def test_steps_are_as_large_as_ten_seconds_allow(monkeypatch, per_sample, batch, steps):
    measured, clock = timed(monkeypatch, per_sample, batch)
    assert clock.steps == steps
    assert measured.cost == pytest.approx(per_sample)
    assert clock.now <= max(10, 4 * per_sample)


def test_a_forecast_says_what_it_rests_on(monkeypatch):
    assert str(timed(monkeypatch, 0.6, 64)[0]) == (
        "measured on cpu: 1 training steps of joint with 8 of a batch's 64 samples, one thread, 4.80 s"
    )


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(61.4, "61 s"), (253, "4 min"), (5900, "98 min"), (6100, "1.7 h"), (90000, "25.0 h")],
)
def test_a_time_is_told_in_the_unit_that_shows_it(seconds, told):
    assert forecast._time(seconds) == told


def card(monkeypatch, gib: float) -> None:
    """A CUDA device of so many GiB, all of them free."""
    memory = int(gib * 2**30)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: SimpleNamespace(total_memory=memory))
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (memory, memory))


def described_memory(share: float) -> list[str]:
    """Of a trial that trains in 2 GiB, on 12 samples for training and validation of half a GiB each."""
    modality = Modality("image", (2**29,), "uint8")
    split = {"train": range(8), "validation": range(4)}
    store = SimpleNamespace(modalities={"image": modality, "unused": modality}, split=lambda _: split)
    protocol = SimpleNamespace(splits={"clean": "fixed"})
    settings = SimpleNamespace(
        protocol=protocol, modalities=("image",), resources=Resources(gpus_per_trial=share)
    )
    return forecast._memory(settings, store, forecast._Measured(1, 2, 2, 1.0, "cuda", 2 * 2**30))


def test_a_forecast_says_whether_trials_that_share_a_card_fit(monkeypatch):
    """2 GiB for training, half of one for the context, and 6 for the samples."""
    card(monkeypatch, 40)
    assert described_memory(1) == [
        "a trial takes about 8.5 GiB of a card's 40.0 GiB; 1 at once on it take 8.5 GiB"
    ]
    assert described_memory(0.25)[0].endswith("4 at once on it take 34.0 GiB")
    assert described_memory(0.2)[0].endswith("42.5 GiB, which is not enough: raise --gpus-per-trial")


def test_samples_that_stay_in_memory_take_nothing_of_a_card(monkeypatch):
    """A quarter of a card for one part: of 12 GiB not the 4 of training, but the 2 of validation."""
    card(monkeypatch, 12)
    assert described_memory(1)[0].startswith("a trial takes about 4.5 GiB")
