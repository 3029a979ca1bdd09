import numpy as np
import pytest
from scipy import special, stats

from study.analysis.statistics import (
    DifferenceTest,
    Spread,
    StandardError,
    collapsed,
    components,
    detectable,
    for_skewed,
    fraction_interval,
    holm,
    mean_interval,
    noise_level,
    overlapping_test,
    paired_test,
    power,
    resampled_interval,
    resampled_test,
    seeds_needed,
    welch_test,
)

FIRST = [0.71, 0.68, 0.74, 0.70]
SECOND = [0.65, 0.66, 0.69, 0.61]


def pairs(n: int) -> StandardError:
    """Of n pairs whose differences have a standard deviation of 1."""
    return StandardError((Spread(1.0, n),))


def agree(found: DifferenceTest, expected) -> None:
    """Our test has the p, degrees of freedom and interval of scipy's."""
    interval = expected.confidence_interval(0.95)
    assert found.p == pytest.approx(expected.pvalue)
    assert found.error is not None
    assert found.error.df == pytest.approx(expected.df)
    assert (found.difference.low, found.difference.high) == pytest.approx((interval.low, interval.high))


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


SYMMETRIC = [0.70, 0.72, 0.74, 0.76]


def test_an_interval_of_symmetric_fractions_is_the_t_interval_on_the_scale_of_the_logit() -> None:
    mean, half = np.mean(SYMMETRIC), stats.t.ppf(0.975, 3) * stats.sem(SYMMETRIC)
    ends = special.logit(mean) + half / (mean * (1 - mean)) * np.array([-1, 1])
    found = fraction_interval(SYMMETRIC)
    assert (found.low, found.high) == pytest.approx(tuple(special.expit(ends)))


def test_an_interval_is_wider_by_the_root_of_the_variance_that_skewness_adds_to_students_t() -> None:
    values = np.random.default_rng(0).gamma(20, size=(50_000, 40))  # skewness 2 / sqrt(20)
    t = (values.mean(axis=1) - 20) / (values.std(axis=1, ddof=1) / np.sqrt(40))
    expected = 1 + 7 * 0.2 / (4 * 40) + 2 / 40
    assert t.var() == pytest.approx(expected, abs=0.015)
    plain, found = mean_interval(FIRST), for_skewed(mean_interval(FIRST), FIRST)
    wider = np.sqrt(1 + 7 * stats.skew(FIRST, bias=False) ** 2 / (4 * 4))
    assert found.high - found.low == pytest.approx((plain.high - plain.low) * wider)


def test_where_many_values_are_skewed_the_interval_covers_the_mean() -> None:
    draws = 0.66 - np.random.default_rng(0).gamma(2, 0.014, size=(2000, 5))
    inside = [found.low <= 0.632 <= found.high for found in map(fraction_interval, draws.tolist())]
    assert 0.925 < np.mean(inside) < 0.95


def test_away_from_the_ends_of_the_scale_it_is_nearly_the_plain_t_interval() -> None:
    values = [0.50, 0.51, 0.49, 0.50]
    plain, found = mean_interval(values), fraction_interval(values)
    assert (found.low, found.high) == pytest.approx((plain.low, plain.high), abs=1e-4)


@pytest.mark.parametrize("values", [[0.9, 0.99, 0.995], [0.0, 0.02, 0.01], [0.05, 0.5, 0.98]])
def test_an_interval_of_fractions_never_leaves_the_scale_and_holds_the_mean(values: list[float]) -> None:
    plain, found = mean_interval(values), fraction_interval(values)
    assert plain.low < 0 or plain.high > 1
    assert 0 < found.low < found.mean < found.high < 1


# what 3, 5, 10 and 20 pairs find with a power of .8, in standard deviations
@pytest.mark.parametrize(("n", "effect"), [(3, 3.26), (5, 1.68), (10, 1.0), (20, 0.66)])
def test_detectable_differences_are_those_of_the_tables(n: int, effect: float) -> None:
    assert detectable(pairs(n)) == pytest.approx(effect, abs=0.01)
    assert seeds_needed(pairs(4), detectable(pairs(n)) * 1.001) == n


def test_correction_makes_a_difference_harder_to_detect() -> None:
    sizes = [detectable(pairs(n), 0.05 / 11) for n in (3, 5, 10, 20)]
    assert sizes == pytest.approx([10.9, 3.2, 1.5, 0.9], abs=0.06)


def test_power_is_what_simulated_tests_find() -> None:
    draw = np.random.default_rng(0).normal(1.0, 1.0, size=(20_000, 5))
    found = (stats.ttest_1samp(draw, 0.0, axis=1).pvalue < 0.05).mean()
    assert power(1.0 / pairs(5).size, 4) == pytest.approx(found, abs=0.01)


@pytest.mark.parametrize("alpha", [0.05, 0.01])
@pytest.mark.parametrize(("ours", "theirs"), [(5, 5), (5, 10), (8, 16)])
def test_power_of_welchs_test_is_what_simulated_tests_find(ours: int, theirs: int, alpha: float) -> None:
    draw = np.random.default_rng(0)
    first, second = draw.normal(1.5, 1.0, size=(20_000, ours)), draw.normal(size=(20_000, theirs))
    found = (stats.ttest_ind(first, second, axis=1, equal_var=False).pvalue < alpha).mean()
    error = StandardError((Spread(1.0, ours), Spread(1.0, theirs)))
    assert power(1.5 / error.size, error.df, alpha) == pytest.approx(found, abs=0.05)


def test_a_baseline_of_twice_the_seeds_keeps_its_share() -> None:
    error = StandardError((Spread(1.0, 5), Spread(1.0, 10)))
    assert error.with_seeds(10).samples == (Spread(1.0, 10), Spread(1.0, 20))
    assert seeds_needed(error, detectable(error.with_seeds(9)) * 1.001) == 9


def test_a_baseline_of_fewer_seeds_keeps_at_least_two() -> None:
    error = StandardError((Spread(1.0, 10), Spread(1.0, 3)))
    assert error.with_seeds(3).samples == (Spread(1.0, 3), Spread(1.0, 2))
    assert seeds_needed(error, 10.0) == 3


def test_a_difference_too_small_for_any_study_says_so() -> None:
    assert seeds_needed(pairs(5), 1e-4) is None


@pytest.mark.parametrize("second", [SECOND, [*SECOND, 0.64, 0.66, 0.60]])
def test_welchs_test_equals_scipys(second: list[float]) -> None:
    agree(welch_test(FIRST, second), stats.ttest_ind(FIRST, second, equal_var=False))


def test_too_few_values_on_either_side_allow_no_test() -> None:
    for first, second in ((FIRST, SECOND[:2]), (FIRST[:2], SECOND), ([0.7] * 3, [0.6] * 5)):
        found = welch_test(first, second)
        assert found.difference.mean == pytest.approx(np.mean(first) - np.mean(second))
        assert (found.p, found.above, found.error) == (None, None, None)
    assert welch_test(FIRST, []).difference.mean is None


def test_the_probability_of_being_better_is_that_of_the_one_sided_test() -> None:
    for first, second in ((FIRST, SECOND), (SECOND, FIRST)):
        expected = stats.ttest_ind(first, second, equal_var=False, alternative="greater")
        assert welch_test(first, second).above == pytest.approx(1 - expected.pvalue)


def test_over_equal_seeds_an_overlapping_test_is_the_paired_one() -> None:
    first, second = dict(enumerate(FIRST)), dict(enumerate(SECOND))
    assert overlapping_test(first, second) == paired_test(FIRST, SECOND)
    assert overlapping_test(first, second | {9: 0.3}) == paired_test(FIRST, SECOND)


def test_more_seeds_of_the_baseline_enter_by_their_weight() -> None:
    first, second = dict(enumerate(FIRST)), dict(enumerate([*SECOND, 0.64, 0.66, 0.60, 0.62]))
    mixed = [a - 0.75 * b for a, b in zip(FIRST, SECOND, strict=True)]
    more = [0.25 * second[seed] for seed in range(4, 8)]
    agree(overlapping_test(first, second), stats.ttest_ind(mixed, more, equal_var=False))


def test_more_seeds_of_the_baseline_make_the_paired_difference_sharper() -> None:
    draw = np.random.default_rng(0)
    found = {"shared": [], "all": []}
    for _ in range(1500):
        base = draw.normal(size=10)
        ours = dict(enumerate(1.5 + 0.5 * base[:5] + 0.75**0.5 * draw.normal(size=5)))
        found["shared"].append(overlapping_test(ours, dict(enumerate(base[:5]))).p < 0.05)
        found["all"].append(overlapping_test(ours, dict(enumerate(base))).p < 0.05)
    assert np.mean(found["shared"]) == pytest.approx(0.71, abs=0.04)
    assert np.mean(found["all"]) == pytest.approx(0.79, abs=0.04)


def test_the_corrected_resampled_test_has_the_variance_of_nadeau_and_bengio() -> None:
    found = resampled_test(FIRST, held_out=0.25)
    error = np.sqrt((1 / 4 + 0.25) * np.var(FIRST, ddof=1))
    assert found.error.size == pytest.approx(error)
    assert found.p == pytest.approx(2 * stats.t.sf(np.mean(FIRST) / error, 3))
    assert found.difference.low == pytest.approx(np.mean(FIRST) - stats.t.ppf(0.975, 3) * error)
    assert resampled_test([0.1, 0.1, 0.1], 0.25).p is None


def test_a_seed_that_lost_half_of_its_gain_over_guessing_collapsed() -> None:
    assert collapsed({1: 0.80, 2: 0.78, 3: 0.20, 4: 0.48, 5: 0.8}, guessing=0.2) == {3, 4}
    assert collapsed({1: 0.80, 2: 0.55}, guessing=0.2) == set()


def test_one_outstanding_seed_does_not_make_the_others_collapse() -> None:
    plain = {1: 0.30, 2: 0.38, 3: 0.40, 4: 0.36, 5: 0.37}
    assert collapsed(plain, guessing=0.125) == collapsed({**plain, 6: 0.49}, guessing=0.125) == set()


def test_where_half_of_the_seeds_are_far_below_the_others_none_collapsed() -> None:
    assert collapsed({1: 0.20, 2: 0.80, 3: 0.79, 4: 0.21}, guessing=0.2) == set()
    assert collapsed({1: 0.20, 2: 0.21, 3: 0.80}, guessing=0.2) == set()
    assert collapsed({1: 0.20, 2: 0.80}, guessing=0.2) == set()


def test_near_guessing_no_seed_is_said_to_have_collapsed() -> None:
    assert collapsed({1: 0.56, 2: 0.48, 3: 0.51}, guessing=0.5) == set()
    assert collapsed({}, guessing=0.5) == set()


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


def test_variance_between_folds_and_between_seeds_are_told_apart() -> None:
    draw = np.random.default_rng(0)
    people = draw.normal(0.0, 0.04, size=2000)
    folds = [list(effect + draw.normal(0.0, 0.02, size=2)) for effect in people]
    between, within = components(folds) or (0.0, 0.0)
    assert between == pytest.approx(0.04, rel=0.05)
    assert within == pytest.approx(0.02, rel=0.05)
    assert components([[0.1], [0.2], [0.3]]) is None


def test_the_interval_over_folds_agrees_with_the_test_over_folds() -> None:
    assert resampled_interval(FIRST) == resampled_test(FIRST).difference


@pytest.mark.parametrize("count", [19, 39, 119])
def test_5_in_100_values_of_noise_pass_the_level_of_others(count) -> None:
    values = np.random.default_rng(1).normal(size=(4000, count + 1))
    assert np.mean([first > noise_level(rest) for first, *rest in values]) == pytest.approx(0.05, abs=0.01)


def test_too_little_noise_has_no_level_to_pass() -> None:
    assert noise_level([0.1] * 18) == float("inf")
