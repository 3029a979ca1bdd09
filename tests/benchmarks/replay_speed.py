"""Seconds for a simulated study of many trials on many workers.

Usage: python tests/benchmarks/replay_speed.py [TRIALS [WORKERS [DRAWS]]]

Random search with the project's ASHA over made-up curves of 90 epochs, each reported (wanted: 10,000 trials
on 1,000 workers in under 60 s), then TPE with ASHA over DRAWS of them on one worker: it gets slower with each
trial that it has seen, so its time per trial is given for each fifth. Seconds are of this process on the CPU:
on a machine that others use too, it waits longer.
"""

import sys
import time

import numpy as np
import optuna
from optuna.distributions import IntDistribution

from study.replaying.curves import Curve, Curves
from study.replaying.searchers import RandomSearch, TPESearch
from study.replaying.simulation import Simulation
from study.running.sampling import STARTUP_TRIALS, asha

EPOCHS = 90


class Timed(TPESearch):
    """Notes when each draw has been made."""

    def __init__(self, *given):
        super().__init__(*given)
        self.times = [time.process_time()]

    def begin(self, number):
        curve = super().begin(number)
        if curve is not None:
            self.times.append(time.process_time())
        return curve


def made_up(count):
    """Curves on a grid of two hyperparameters that cross on their way, at random speeds."""
    rng = np.random.default_rng(0)
    side = int(np.ceil(count**0.5))
    ends = tuple(range(1, EPOCHS + 1))
    curves = []
    for place in range(count):
        a, b = divmod(place, side)
        level = 1 - ((a / side - 0.3) ** 2 + (b / side - 0.6) ** 2)
        climb = level * (1 - np.exp(-np.arange(1, EPOCHS + 1) / rng.uniform(5, 40)))
        seconds = np.cumsum(np.full(EPOCHS, rng.uniform(1, 2)))
        curves.append(Curve({"a": a, "b": b}, ends, tuple(climb.tolist()), tuple(seconds.tolist())))
    space = {"a": IntDistribution(0, side - 1), "b": IntDistribution(0, side - 1)}
    return Curves("made up", EPOCHS, curves, space, sign=1)


def main(trials=10_000, workers=1_000, draws=200):
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    curves = made_up(trials)
    for name, pruner in (("ASHA", asha(EPOCHS, EPOCHS // 4 + 1)), ("no scheduler", None)):
        begun = time.process_time()
        study = Simulation(curves, RandomSearch(curves, 0), pruner, trials).run(workers)
        seconds = time.process_time() - begun
        print(f"random, {name}: {trials} trials on {workers} workers, {study.epochs} epochs, {seconds:.1f} s")
    search = Timed(curves, 0, STARTUP_TRIALS)
    Simulation(curves, search, asha(EPOCHS, EPOCHS // 4 + 1), draws).run(1)
    made = len(search.times) - 1  # fewer than asked for where draws only repeat what was tried
    fifths = [search.times[round(part * made / 5)] for part in range(6)]
    each = ", ".join(f"{1000 * seconds / (made / 5):.0f}" for seconds in np.diff(fifths))
    print(
        f"TPE, ASHA: {made} trials on 1 worker, {fifths[-1] - fifths[0]:.1f} s; ms a trial by fifths: {each}"
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
