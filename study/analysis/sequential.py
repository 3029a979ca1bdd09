"""When to stop adding seeds: a group-sequential test of a difference that is looked at several times.

Pure functions. A study looks after LOOK_SEEDS seeds of a candidate; the baseline's number grows alike. Tests
at .05 at each look would call one of seven equal methods different, so that looks have stricter levels.
"""

from collections.abc import Sequence
from enum import Enum
from functools import cache
from math import e, log, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from study.analysis.statistics import ALPHA, DifferenceTest

LOOK_SEEDS = (5, 8, 12, 16, 20)
SAFETY = 0.8  # of alpha that is spent: t-tests of few seeds depend less on each other than the bounds assume
HOPE = 0.01  # a chance of a decision below this is given up; of .1 it would cost a tenth of the power
POINTS = 801  # of the grid on which densities are integrated


class Verdict(Enum):
    """What a look says."""

    DECIDED = "decided"
    UNDECIDABLE = "cannot be decided within the budget"
    GO_ON = "go on"


def after_look(
    test: DifferenceTest, seeds: int, looks: Sequence[int] = LOOK_SEEDS, alpha: float = ALPHA
) -> Verdict:
    """What is to be done after a look at `test` of so many seeds, of which some may be lost.

    A family of m candidates shares alpha: alpha / m. A number of seeds that is no look: ValueError. Stopping
    without hope is never needed for the error to hold, so a user may go on: later levels stay the same.
    """
    place = looks.index(seeds)
    if test.p is not None and test.p <= levels(tuple(looks), alpha)[place]:
        return Verdict.DECIDED
    if place == len(looks) - 1:
        return Verdict.UNDECIDABLE
    return Verdict.UNDECIDABLE if hope(test, seeds, looks, alpha) < HOPE else Verdict.GO_ON


def p_of_look(
    p: float | None, seeds: int, looks: Sequence[int] = LOOK_SEEDS, alpha: float = ALPHA
) -> float | None:
    """A p of the look at so many seeds on the scale of one that is looked at once.

    It is below alpha where p is below the look's level of alpha, which is alpha / m in a family of m
    candidates as in `after_look`. Between two looks the later one's level holds.
    """
    if p is None:
        return None
    place = next(place for place, look in enumerate(looks) if look >= min(seeds, looks[-1]))
    return min(1.0, p * alpha / levels(tuple(looks), alpha)[place])


@cache
def levels(looks: tuple[int, ...], alpha: float = ALPHA) -> tuple[float, ...]:
    """The two-sided p that decides at each look.

    Lan and DeMets (1983): by the share s of the last look's seeds, alpha ln(1 + (e - 1) s) of the error has
    been spent, here SAFETY of it. That is close to Pocock's bounds. The bounds are those of a Brownian
    motion, integrated by the recursion of Armitage, McPherson and Rowe (1969). That they are compared with
    the p of a t-test is Pocock's (1977) approximation for few values, checked by tests/benchmarks/trust.py.
    """
    shares = [n / looks[-1] for n in looks]
    spent = [SAFETY * alpha * log(1 + (e - 1) * share) for share in shares]
    place, density, before = np.zeros(1), np.ones(1), 0.0
    bounds = []
    for share, left in zip(shares, np.diff([0.0, *spent]), strict=True):
        step, root = sqrt(share - before), sqrt(share)
        edge = _edge(place / step, density, left)
        grid = np.linspace(-edge * step, edge * step, POINTS)
        weights = np.full(POINTS, grid[1] - grid[0])
        weights[[0, -1]] /= 2
        density = stats.norm.pdf((grid[:, None] - place) / step) @ density / step * weights
        place, before = grid, share
        bounds.append(edge * step / root)
    return tuple(2 * float(stats.norm.sf(bound)) for bound in bounds)


def hope(test: DifferenceTest, seeds: int, looks: Sequence[int] = LOOK_SEEDS, alpha: float = ALPHA) -> float:
    """Probability of a decision at the last look, if the true difference is as estimated (conditional power).

    With B = z sqrt(s) at the share s of the seeds, the last look's z is normal with mean B / s and variance
    1 - s. A difference without a test may be anything: 1.
    """
    if test.above is None:
        return 1.0
    share = seeds / looks[-1]
    last = float(stats.norm.isf(levels(tuple(looks), alpha)[-1] / 2))
    expected, deviation = float(stats.norm.ppf(test.above)) / sqrt(share), sqrt(1 - share)
    return float(
        stats.norm.sf((last - expected) / deviation) + stats.norm.cdf((-last - expected) / deviation)
    )


def _edge(place: NDArray[np.float64], density: NDArray[np.float64], left: float) -> float:
    """What a step of variance 1 from `place` goes beyond, on either side, with probability `left`."""

    def beyond(edge: float) -> float:
        return float((stats.norm.sf(edge - place) + stats.norm.sf(edge + place)) @ density)

    return float(optimize.brentq(lambda edge: beyond(edge) - left, 0.0, 20.0))
