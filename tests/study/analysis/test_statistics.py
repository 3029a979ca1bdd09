import pytest
from scipy import stats

from study.analysis.statistics import holm, mean_interval, paired_test

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


def test_equal_values_have_an_interval_of_width_zero() -> None:
    found = mean_interval([0.1 + 0.2, 0.3, 0.3])  # rounding is not spread
    assert found.low == found.mean == found.high


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


@pytest.mark.parametrize("first", [[0.7], [], [0.7, 0.8]])
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
