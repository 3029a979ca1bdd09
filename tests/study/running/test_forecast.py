"""Forecasts: they take seconds however slow the steps are, and say what they rest on."""

from types import SimpleNamespace

import pytest

from study.running import forecast


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
