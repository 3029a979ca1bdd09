import csv
import gzip
import json
import os
from pathlib import Path

import numpy as np
import pytest

from study.analysis.importance import MINIMUM_TRIALS, importance
from study.analysis.selection import completed
from study.records.trial_record import Record


def searched(values: list[float], configs: list[dict[str, float]]) -> list[Record]:
    """Completed search trials of a method called `m`."""
    pairs = enumerate(zip(values, configs, strict=True))
    return [
        Record("search", "m", n, str(n), 0, "clean", c, "completed", epochs={1: {"best/accuracy": v}})
        for n, (v, c) in pairs
    ]


def test_importance_finds_the_parameter_that_matters_above_its_noise() -> None:
    rng = np.random.default_rng(0)
    configs = [{"lr": float(10 ** rng.uniform(-4, -1)), "lam": float(rng.uniform(0, 6))} for _ in range(60)]
    values = [0.7 - 0.1 * abs(np.log10(c["lr"]) + 2.5) + 0.005 * rng.normal() for c in configs]
    first, second = importance(searched(values, configs))
    assert first.key == "lr"
    assert first.stands_out
    assert not second.stands_out


def drawn(rng: np.random.Generator) -> dict[str, float]:
    """A configuration with two real and two whole numbers."""
    lr, lam = float(10 ** rng.uniform(-3, -1)), float(rng.uniform(0, 10))
    return {"lr": lr, "lam": lam, "every": int(rng.integers(1, 8)), "restarts": int(rng.integers(1, 6))}


def test_of_searches_of_noise_hardly_one_names_a_parameter() -> None:
    rng = np.random.default_rng(0)
    named = 0
    for _ in range(8):
        found = importance(searched(rng.normal(size=24).tolist(), [drawn(rng) for _ in range(24)]))
        named += any(one.stands_out for one in found)
    assert named <= 1


def test_trials_that_are_equally_good_tell_of_no_parameter() -> None:
    rng = np.random.default_rng(2)
    assert importance(searched([0.5] * 24, [drawn(rng) for _ in range(24)])) == []


def test_importance_is_left_out_below_the_least_number_of_trials() -> None:
    configs = [{"lr": 0.1 * n, "lam": float(n % 3)} for n in range(1, MINIMUM_TRIALS)]
    assert importance(searched([0.1] * len(configs), configs)) == []


def test_importance_ignores_pruned_and_diverged_trials(synthetic) -> None:
    study = synthetic()
    for n in range(MINIMUM_TRIALS + 5):
        status = ("completed", "pruned", "diverged")[n % 3]
        study.add(
            "search", "m", 0.5 + 0.01 * n, ran=1, status=status, config={"lr": 0.1 + n, "lam": float(n % 4)}
        )
    assert importance(completed(study.records, "search", "m")) == []


def test_importance_of_categories_and_switches_is_computed() -> None:
    rng = np.random.default_rng(2)
    configs = [{"schedule": ["constant", "step"][n % 2], "flag": bool(n % 3), "k": n % 5} for n in range(40)]
    values = [0.6 + 0.1 * (c["schedule"] == "step") + 0.01 * rng.normal() for c in configs]
    assert importance(searched(values, configs))[0].key == "schedule"


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
    found = importance(searched([1 - float(row["valid_error"]) for row in drawn], configs))
    above = [one.key for one in found if one.stands_out]
    assert above
    assert all(fractions[key] > 0.1 for key in above)
