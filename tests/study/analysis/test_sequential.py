from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from study.analysis.sequential import LOOK_SEEDS, SAFETY, Verdict, after_look, hope, levels, p_of_look
from study.analysis.statistics import holm, paired_test, welch_test


def after(n: int, points: float, seed: int = 0):
    """Welch's test of n seeds, `points` standard deviations better, against twice as many."""
    draw = np.random.default_rng(seed)
    return welch_test(list(draw.normal(size=n) + points), list(draw.normal(size=2 * n)))


def test_levels_spend_the_error_that_a_random_walk_shows() -> None:
    draw = np.random.default_rng(0)
    steps = draw.normal(size=(100_000, LOOK_SEEDS[-1])).cumsum(axis=1)
    walks = [np.abs(steps[:, n - 1]) / np.sqrt(n) for n in LOOK_SEEDS]
    crossed = np.zeros(100_000, dtype=bool)
    for n, walk, level in zip(LOOK_SEEDS, walks, levels(LOOK_SEEDS), strict=True):
        crossed |= walk > stats.norm.isf(level / 2)
        spent = 0.05 * SAFETY * np.log(1 + (np.e - 1) * n / LOOK_SEEDS[-1])
        assert crossed.mean() == pytest.approx(spent, abs=0.002)


def test_one_look_has_the_level_of_a_single_test() -> None:
    assert levels((20,), 0.05) == pytest.approx([0.05 * SAFETY])


def test_a_large_difference_is_decided_at_once() -> None:
    assert after_look(after(5, 5.0), 5) is Verdict.DECIDED


def test_no_difference_is_given_up_early_and_one_that_may_be_there_is_not() -> None:
    even = paired_test([0.7, 0.71, 0.69, 0.7, 0.7], [0.701, 0.7, 0.7, 0.7, 0.699])
    assert after_look(even, 5) is Verdict.UNDECIDABLE
    likely = paired_test([0.72, 0.71, 0.69, 0.73, 0.70], [0.70, 0.70, 0.70, 0.70, 0.70])
    assert after_look(likely, 5) is Verdict.GO_ON


def test_the_last_look_never_goes_on() -> None:
    ends = {after_look(after(LOOK_SEEDS[-1], 0.5, seed), LOOK_SEEDS[-1]) for seed in range(20)}
    assert ends == {Verdict.DECIDED, Verdict.UNDECIDABLE}


def test_a_difference_without_a_test_goes_on_until_the_last_look() -> None:
    equal = paired_test([0.5] * 5, [0.5] * 5)
    assert after_look(equal, 5) is Verdict.GO_ON
    assert after_look(paired_test([0.5] * 20, [0.5] * 20), 20) is Verdict.UNDECIDABLE


def test_hope_is_how_often_the_last_look_decides_if_the_trend_goes_on() -> None:
    draw, share = np.random.default_rng(0), 8 / 20
    seen = paired_test(list(draw.normal(size=8) + 0.5), [0.0] * 8)
    z = stats.norm.ppf(seen.above)
    ends = z * share**0.5 + (z / share**0.5) * (1 - share) + (1 - share) ** 0.5 * draw.normal(size=200_000)
    expected = (np.abs(ends) > stats.norm.isf(levels(LOOK_SEEDS)[-1] / 2)).mean()
    assert hope(seen, 8) == pytest.approx(expected, abs=0.005)


def test_a_number_of_seeds_that_is_no_look_is_refused() -> None:
    with pytest.raises(ValueError, match="not in tuple"):
        after_look(after(6, 1.0), 6)


@pytest.mark.parametrize("seeds", LOOK_SEEDS)
def test_a_p_is_below_alpha_where_it_is_below_the_level_of_its_look(seeds) -> None:
    level = levels(LOOK_SEEDS)[LOOK_SEEDS.index(seeds)]
    assert p_of_look(level, seeds) == pytest.approx(0.05)
    assert p_of_look(None, seeds) is None
    assert p_of_look(0.9, seeds) == 1.0


@pytest.mark.parametrize("seeds", LOOK_SEEDS)
@pytest.mark.parametrize("family", [2, 5, 10])
def test_the_smallest_p_of_a_family_passes_holm_where_its_look_decides(seeds, family) -> None:
    level = levels(LOOK_SEEDS, 0.05 / family)[LOOK_SEEDS.index(seeds)]
    for p in (0.999 * level, 1.001 * level):
        scaled = p_of_look(p, seeds, alpha=0.05 / family)
        test = replace(after(seeds, 0.0), p=p)
        decided = after_look(test, seeds, alpha=0.05 / family) is Verdict.DECIDED
        assert (holm([scaled] + [1.0] * (family - 1))[0] <= 0.05) == decided == (p <= level)


def test_between_two_looks_the_later_level_holds() -> None:
    assert p_of_look(0.01, 6) == p_of_look(0.01, 8)
    assert p_of_look(0.01, 3) == p_of_look(0.01, 5)
