"""What runs are called in MLflow, and what the parent holds."""

import pytest
from synthetic_studies import study_settings

from study.records.mlflow_runs import (
    LONGEST,
    StudyResults,
    choices,
    description,
    epoch_metrics,
    result_metrics,
    rounded,
    run_name,
)
from study.records.trial_record import Record

METHODS = ("joint", "diagnose_relearn", "boosting")
SETTINGS = study_settings(methods=METHODS, fixed={method: {} for method in METHODS})


def test_a_name_carries_the_values_in_letters_of_any_terminal():
    config = {"lr": 0.0123456, "lam": 3.0, "every": 4, "epochs": 12, "optimizer": "sgd"}
    record = Record("search", "diagnose_relearn", 0, "key", 2, "clean", config, "completed")
    assert run_name(record, SETTINGS) == "lam=3 H=4 lr=0.0123 seed=2 diagnose_relearn"


def test_symbols_of_several_words_give_way_to_the_setting():
    config = {"lr": 1e-5, "smoothing": 0.5, "max_heads": 4, "weight_audio": 0.3}
    assert choices("boosting", config, SETTINGS) == "smoothing=0.5 max_heads=4 weight_audio=0.3 lr=1e-05"


def test_an_epoch_begins_with_the_best_accuracy_and_has_its_number_as_step_alone():
    epochs = {1: {"epoch": 1, "seconds": 2.0, "aaa": 1.0, "best/accuracy": 0.5}}
    record = Record("search", "joint", 0, "key", 0, "clean", {}, "running", epochs=epochs)
    assert list(epoch_metrics(record, 1, SETTINGS)) == ["best/accuracy", "aaa", "seconds"]


def test_an_epoch_begins_with_what_chose_the_best_one():
    settings = study_settings(protocol={"objective": "loss"})
    epochs = {1: {"aaa": 1.0, "best/accuracy": 0.5, "best/loss": 0.7, "best/objective": -0.7}}
    record = Record("search", "joint", 0, "key", 0, "clean", {}, "running", epochs=epochs)
    assert next(iter(epoch_metrics(record, 1, settings))) == "best/loss"


@pytest.mark.parametrize(
    ("value", "shown"), [(0.8999999761581421, 0.9), (2 / 3, 0.6666667), (1e-7, 1e-7), (-1e9, -1e9), (12, 12)]
)
def test_numbers_have_the_digits_of_single_precision(value, shown):
    assert rounded(value) == shown


def measure(*values):
    seeds = [{"seed": seed, "value": value} for seed, value in enumerate(values)]
    return {"mean": values[0] if values else None, "low": None, "high": None, "seeds": seeds}


def test_each_method_has_its_mean_and_spread_and_its_difference_by_the_main_protocol():
    compared = {"method": "boosting", "baseline": "joint", "difference_low": None, "difference_high": 0.3}
    summary = {
        "methods": {
            "joint": {"validation": {"accuracy": measure()}, "test": {"accuracy": measure(0.5, 0.7)}}
        },
        "comparisons": [
            {**compared, "protocol": "clean", "difference": 0.1},
            {**compared, "protocol": "paper", "difference": 0.2},
        ],
    }
    assert result_metrics(summary, SETTINGS) == {
        "test/accuracy/joint": 0.5,
        "test/accuracy_sd/joint": 0.1414214,
        "test/accuracy_seeds/joint": 2,
        "difference/boosting-joint": 0.1,
        "difference_high/boosting-joint": 0.3,
    }


def test_a_description_ends_before_mlflow_cuts_it(tmp_path):
    findings = [f"{number} {'x' * 90}" for number in range(200)]
    said = description(StudyResults(tmp_path, {}, findings), "#trials", "#methods")
    assert len(said) < LONGEST + 100
    assert "- 70 x" in said
    assert said.endswith("- The rest is in report.html, among the artifacts.")
