import numpy as np
import pytest
from scipy import stats

from study.analysis.statistics import (
    detectable,
    fraction_interval,
    holm,
    mean_interval,
    paired_test,
    power,
    seeds_needed,
)

FIRST = [0.71, 0.68, 0.74, 0.70]
SECOND = [0.65, 0.66, 0.69, 0.61]


def test_interval_equals_scipys_t_interval() -> None:
    found = mean_interval(FIRST)
    low, high = stats.t.interval(0.95, df=3, loc=sum(FIRST) / 4, scale=stats.sem(FIRST))
    assert (found.low, found.high) == pytest.approx((low, high))


def test_one_value_has_a_mean_and_no_interval() -> None:
    found = mean_interval([0.5])
    assert (found.mean, found.low, found.high, found.n) == (0.5, None, None, 1)


def test_no_value_has_no_mean() -> None:
    assert mean_interval([]).mean is None


@pytest.mark.parametrize("values", [[0.4, 0.6], [0.1 + 0.2, 0.3, 0.3]])  # rounding is not spread
def test_two_values_or_equal_ones_have_no_interval(values: list[float]) -> None:
    found = mean_interval(values)
    assert (found.low, found.high, found.n) == (None, None, len(values))


def test_an_interval_of_fractions_is_the_t_interval_where_it_fits() -> None:
    assert fraction_interval(FIRST) == mean_interval(FIRST)


@pytest.mark.parametrize("values", [[0.9, 0.99, 0.995], [0.0, 0.02, 0.01], [0.05, 0.5, 0.98]])
def test_an_interval_of_fractions_never_leaves_the_scale_and_holds_the_mean(values: list[float]) -> None:
    plain, found = mean_interval(values), fraction_interval(values)
    assert plain.low < 0 or plain.high > 1
    assert 0 < found.low < found.mean < found.high < 1


# what 3, 5, 10 and 20 pairs find with a power of .8, in standard deviations
@pytest.mark.parametrize(("n", "effect"), [(3, 3.26), (5, 1.68), (10, 1.0), (20, 0.66)])
def test_detectable_differences_are_those_of_the_tables(n: int, effect: float) -> None:
    assert detectable(n) == pytest.approx(effect, abs=0.01)
    assert seeds_needed(detectable(n) * 1.001) == n


def test_correction_makes_a_difference_harder_to_detect() -> None:
    sizes = [detectable(n, 0.05 / 11) for n in (3, 5, 10, 20)]
    assert sizes == pytest.approx([10.9, 3.2, 1.5, 0.9], abs=0.06)


def test_power_is_what_simulated_tests_find() -> None:
    draw = np.random.default_rng(0).normal(1.0, 1.0, size=(20_000, 5))
    found = (stats.ttest_1samp(draw, 0.0, axis=1).pvalue < 0.05).mean()
    assert power(1.0, 5) == pytest.approx(found, abs=0.01)


def test_a_difference_too_small_for_any_study_says_so() -> None:
    assert seeds_needed(1e-4) is None


def test_paired_test_equals_scipys() -> None:
    assert paired_test(FIRST, SECOND).p == pytest.approx(stats.ttest_rel(FIRST, SECOND).pvalue)


def test_paired_difference_has_scipys_interval() -> None:
    found = paired_test(FIRST, SECOND).difference
    expected = stats.ttest_rel(FIRST, SECOND).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_interval_excludes_zero_exactly_when_p_is_below_five_percent() -> None:
    for shift in (0.01, 0.03, 0.05, 0.07):
        found = paired_test([value + shift for value in SECOND], [0.66, 0.65, 0.68, 0.62])
        assert found.difference.low is not None
        assert found.p is not None
        assert (found.difference.low > 0) == (found.p < 0.05)


@pytest.mark.parametrize("first", [[0.7], [], [0.7, 0.8], [0.6, 0.7, 0.8]])
def test_p_is_undefined_without_spread_between_pairs(first: list[float]) -> None:
    assert paired_test(first, [value - 0.1 for value in first]).p is None


def test_pairs_of_different_number_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        paired_test([0.1, 0.2], [0.1])


def test_holm_multiplies_by_the_number_of_tests_left() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


def test_holm_never_exceeds_one_and_never_decreases_in_rank() -> None:
    assert holm([0.5, 0.6, 0.9]) == [1.0, 1.0, 1.0]


def test_holm_counts_methods_without_a_test_too() -> None:
    assert holm([None, 0.03, 0.01]) == [None, pytest.approx(0.06), pytest.approx(0.03)]
