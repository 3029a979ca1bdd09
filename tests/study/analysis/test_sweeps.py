import csv
import gzip
import json
import os
from pathlib import Path

import numpy as np
import pytest

from study.analysis.selection import incumbent
from study.analysis.sweeps import MINIMUM_TRIALS, importance, shifts, sweep
from study.records.ledger import Record


def searched(values: list[float], configs: list[dict[str, float]]) -> list[Record]:
    """Completed search trials of a method called `m`."""
    pairs = enumerate(zip(values, configs, strict=True))
    return [
        Record("search", "m", n, str(n), 0, "clean", c, "completed", epochs={1: {"best/accuracy": v}})
        for n, (v, c) in pairs
    ]


def test_incumbent_is_the_completed_trial_with_the_best_value(synthetic) -> None:
    study = synthetic()
    study.add("search", "joint", 0.5)
    best = study.add("search", "joint", 0.7)
    study.add("search", "joint", 0.9, status="pruned")
    study.add("search", "joint", 0.95, status="diverged")
    assert incumbent(study.records, "joint") is best


def test_ties_go_to_the_trial_proposed_first() -> None:
    best = incumbent(searched([0.5, 0.7, 0.7], [{}, {}, {}]), "m")
    assert best is not None
    assert best.number == 1


def test_without_a_completed_trial_there_is_no_incumbent(synthetic) -> None:
    study = synthetic()
    study.add("search", "joint", 0.5, status="pruned")
    assert incumbent(study.records, "joint") is None


def test_confirm_and_sensitivity_trials_are_never_the_incumbent(synthetic) -> None:
    study = synthetic().search("joint", 0.5, 1)
    study.add("confirm", "joint", 0.9)
    best = incumbent(study.records, "joint")
    assert best is not None
    assert best.stage == "search"


def test_the_incumbents_own_runs_belong_to_every_sweep(whole) -> None:
    records = whole().records
    best = incumbent(records, "diagnose_relearn")
    assert best is not None
    for key in ("lam", "every"):
        values = [point.value for point in sweep(records, "diagnose_relearn", key)]
        assert best.config[key] in values


def test_swept_values_come_in_order_with_all_their_seeds(whole) -> None:
    points = sweep(whole(seeds=3).records, "diagnose_relearn", "lam")
    assert [(point.value, len(point.seeds)) for point in points] == [(0.0, 3), (1.0, 3), (3.0, 3), (10.0, 3)]


def test_a_trial_that_differs_in_a_second_setting_is_left_out(whole) -> None:
    study = whole()
    study.add(
        "sensitivity",
        "diagnose_relearn",
        0.9,
        config={**study.first("diagnose_relearn"), "lam": 5.0, "lr": 1},
    )
    assert 5.0 not in [point.value for point in sweep(study.records, "diagnose_relearn", "lam")]


def test_a_diverged_seed_is_named_and_not_averaged(whole) -> None:
    study = whole(seeds=2)
    config = {**study.first("diagnose_relearn"), "lam": 10.0}
    study.add("sensitivity", "diagnose_relearn", 0.1, config=config, seed=2009, status="diverged")
    point = sweep(study.records, "diagnose_relearn", "lam")[-1]
    assert (len(point.seeds), point.lost) == (2, (2009,))


def test_shifts_are_paired_with_the_incumbent_on_shared_seeds(whole) -> None:
    points = sweep(whole().records, "diagnose_relearn", "lam")
    found = {shift.value: shift.test.difference.mean for shift in shifts(points, 3.0)}
    by_value = {point.value: point for point in points}
    expected = np.mean(
        [by_value[0.0].seeds[seed] - by_value[3.0].seeds[seed] for seed in by_value[3.0].seeds]
    )
    assert found[0.0] == pytest.approx(expected)


def test_shifts_need_the_incumbents_own_runs(whole) -> None:
    points = [point for point in sweep(whole().records, "diagnose_relearn", "lam") if point.value != 3.0]
    assert shifts(points, 3.0) == []


def test_importance_finds_the_parameter_that_matters_above_its_noise() -> None:
    rng = np.random.default_rng(0)
    configs = [{"lr": float(10 ** rng.uniform(-4, -1)), "lam": float(rng.uniform(0, 6))} for _ in range(60)]
    values = [0.7 - 0.1 * abs(np.log10(c["lr"]) + 2.5) + 0.005 * rng.normal() for c in configs]
    first, second = importance(searched(values, configs), "m")
    assert first.key == "lr"
    assert first.share > first.floor_high
    assert second.share < second.floor_high


def test_importance_of_noise_stays_below_its_floor() -> None:
    rng = np.random.default_rng(1)
    configs = [{"lr": float(rng.uniform(0, 1)), "lam": float(rng.uniform(0, 6))} for _ in range(40)]
    found = importance(searched([float(rng.uniform()) for _ in configs], configs), "m")
    assert all(one.share <= one.floor_high for one in found)


def test_importance_is_left_out_below_the_least_number_of_trials() -> None:
    configs = [{"lr": 0.1 * n, "lam": float(n % 3)} for n in range(1, MINIMUM_TRIALS)]
    assert importance(searched([0.1] * len(configs), configs), "m") == []


def test_importance_ignores_pruned_and_diverged_trials(synthetic) -> None:
    study = synthetic()
    for n in range(MINIMUM_TRIALS + 5):
        status = ("completed", "pruned", "diverged")[n % 3]
        study.add(
            "search", "m", 0.5 + 0.01 * n, ran=1, status=status, config={"lr": 0.1 + n, "lam": float(n % 4)}
        )
    assert importance(study.records, "m") == []


def test_importance_of_categories_and_switches_is_computed() -> None:
    rng = np.random.default_rng(2)
    configs = [{"schedule": ["constant", "step"][n % 2], "flag": bool(n % 3), "k": n % 5} for n in range(40)]
    values = [0.6 + 0.1 * (c["schedule"] == "step") + 0.01 * rng.normal() for c in configs]
    assert importance(searched(values, configs), "m")[0].key == "schedule"


@pytest.mark.skipif("STUDY_TEST_DATA" not in os.environ, reason="STUDY_TEST_DATA names no real data")
@pytest.mark.parametrize("trials", [40, 300])
def test_on_a_real_grid_only_truly_important_parameters_stand_out(trials: int) -> None:
    folder = Path(os.environ["STUDY_TEST_DATA"], "hpo_tables")
    fractions = json.loads((folder / "anova_truth_logreg.json").read_text())["logreg"]["fractions"]
    with gzip.open(folder / "logreg_grid.csv.gz", "rt") as file:
        rows = list(csv.DictReader(file))
    drawn = [rows[n] for n in np.random.default_rng(0).choice(len(rows), trials, replace=False)]
    configs = [
        {key: float(row[key]) for key in ("lrate", "l2_reg", "batchsize", "n_epochs")} for row in drawn
    ]
    found = importance(searched([1 - float(row["valid_error"]) for row in drawn], configs), "m")
    above = [one.key for one in found if one.share > one.floor_high]
    assert above
    assert all(fractions[key] > 0.1 for key in above)
