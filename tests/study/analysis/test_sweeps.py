from collections.abc import Sequence

import numpy as np
import pytest

from study.analysis.chosen_runs import ChosenRuns
from study.analysis.statistics import holm, mean_interval
from study.analysis.sweeps import Sweep, SweptValue, sweeps, with_shifts


def swept(asked, records, key="lam") -> Sweep:
    return sweeps(ChosenRuns(asked, records))["diagnose_relearn"][key]


def test_the_incumbents_own_runs_belong_to_every_sweep(whole, settings) -> None:
    for key in ("lam", "every"):
        around = swept(settings(), whole().records, key)
        assert around.chosen in [one.value for one in around.values]


def test_swept_values_come_in_order_with_all_their_seeds(whole, settings) -> None:
    values = swept(settings(), whole(seeds=3).records).values
    assert [(one.value, len(one.seeds)) for one in values] == [(0.0, 3), (1.0, 3), (3.0, 3), (10.0, 3)]


def test_a_trial_that_differs_in_a_second_setting_is_left_out(whole, settings) -> None:
    study = whole()
    config = {**study.first("diagnose_relearn"), "lam": 5.0, "lr": 1}
    study.add("sensitivity", "diagnose_relearn", 0.9, config=config)
    assert 5.0 not in [one.value for one in swept(settings(), study.records).values]


def test_a_diverged_seed_is_named_and_not_averaged(whole, settings) -> None:
    study = whole(seeds=2)
    config = {**study.first("diagnose_relearn"), "lam": 10.0}
    study.add("sensitivity", "diagnose_relearn", 0.1, config=config, seed=2009, status="diverged")
    last = swept(settings(), study.records).values[-1]
    assert (len(last.seeds), last.lost) == (2, (2009,))


def test_shifts_are_paired_with_the_incumbent_on_shared_seeds(whole, settings) -> None:
    around = swept(settings(), whole().records)
    moved = {shift.value: shift.test.difference.mean for shift in around.shifts}
    seeds = {one.value: one.seeds for one in around.values}
    expected = np.mean([seeds[0.0][seed] - seeds[3.0][seed] for seed in seeds[3.0]])
    assert moved[0.0] == pytest.approx(expected)


def test_shifts_need_the_incumbents_own_runs(whole, settings) -> None:
    records = [r for r in whole().records if r.stage != "sensitivity" or r.config["lam"] != 3.0]
    assert swept(settings(), records).shifts == ()


def around_zero(key: str, scores: Sequence[Sequence[float]]) -> Sweep:
    """A sweep of boosting whose first value, the incumbent's, is 0; a row of scores over seeds per value."""
    values = [SweptValue(n, mean_interval(each), dict(enumerate(each)), ()) for n, each in enumerate(scores)]
    return Sweep("boosting", key, 0, values)


def test_p_values_are_adjusted_over_all_sweeps_of_a_method() -> None:
    rng = np.random.default_rng(0)
    alone = around_zero("sigma", [[0.60, 0.61, 0.59, 0.60, 0.62], [0.62, 0.632, 0.616, 0.615, 0.645]])
    others = [around_zero(key, rng.normal(0.6, 0.02, (4, 5)).tolist()) for key in ("tau", "smoothing")]
    (before,) = with_shifts([alone])[0].shifts
    shifts = [shift for one in with_shifts([alone, *others]) for shift in one.shifts]
    assert [shift.adjusted for shift in shifts] == holm([shift.test.p for shift in shifts])
    assert len(shifts) == 7
    assert shifts[0].adjusted == pytest.approx(7 * before.adjusted)


def test_of_sweeps_without_any_effect_5_in_100_name_a_value() -> None:
    rng = np.random.default_rng(0)
    keys = {"smoothing": 4, "sigma": 4, "tau": 3, "max_heads": 5}  # values of a study of boosting
    named = 0
    for _ in range(400):
        base, *rest = rng.normal(0.6, 0.02, (1 + sum(keys.values()), 5)).tolist()
        asked = [around_zero(key, [base, *(rest.pop() for _ in range(n - 1))]) for key, n in keys.items()]
        named += any(one.clear for one in with_shifts(asked))
    assert named <= 0.08 * 400


def test_only_values_whose_adjusted_p_is_small_are_clear(whole, settings) -> None:
    study = whole()
    for record in study.records:
        if record.stage == "sensitivity" and record.config["lam"] == 10.0:
            record.epochs[max(record.epochs)]["best/accuracy"] -= 0.3
    assert [shift.value for shift in swept(settings(), study.records).clear] == [10.0]


def test_methods_without_a_sweep_are_there_and_empty(whole, settings) -> None:
    found = sweeps(ChosenRuns(settings(), whole().records))
    assert {method: list(keys) for method, keys in found.items()} == {
        "joint": [],
        "diagnose_relearn": ["lam", "every"],
    }
