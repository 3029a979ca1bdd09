import pandas as pd

from study.analysis import trial_tables


def test_trials_have_a_row_each_with_settings_and_test_metrics(whole) -> None:
    records = whole().records
    frame = trial_tables.trials(records)
    assert len(frame) == len(records)
    assert {"config/lr", "config/lam", "test/accuracy"} <= set(frame.columns)


def test_epochs_have_a_row_for_every_trained_epoch(synthetic) -> None:
    study = synthetic()
    study.add("search", "joint", 0.6, ran=3)
    study.add("search", "joint", 0.6, ran=5)
    assert list(trial_tables.epochs(study.records)["epoch"]) == [1, 2, 3, 1, 2, 3, 4, 5]


def test_modalities_are_told_from_metric_names_whatever_their_number(synthetic) -> None:
    study = synthetic(("a", "b", "c", "d"))
    study.add("confirm", "joint", 0.6)
    assert set(trial_tables.modalities(study.records)["modality"]) == {"a", "b", "c", "d"}


def test_the_methods_own_accuracy_is_not_taken_for_a_modality() -> None:
    found = trial_tables.by_modality(
        {"validation/accuracy": 0.5, "purity/face/gap": 0.1, "relearning/count": 2.0}
    )
    assert found == {"face": {"gap": 0.1}}


def test_an_empty_ledger_gives_tables_with_their_columns() -> None:
    assert "value" in trial_tables.trials([]).columns


def test_best_so_far_ignores_pruned_and_diverged_trials(synthetic) -> None:
    study = synthetic()
    study.add("search", "joint", 0.5)
    study.add("search", "joint", 0.9, status="pruned")
    study.add("search", "joint", 0.7)
    best = list(trial_tables.best_so_far(trial_tables.trials(study.records))["best"])
    values = [record.value for record in study.records]
    assert best == [values[0], values[0], values[2]]


def test_best_so_far_is_kept_per_method(synthetic) -> None:
    study = synthetic()
    study.add("search", "joint", 0.9)
    study.add("search", "diagnose_relearn", 0.5)
    best = list(trial_tables.best_so_far(trial_tables.trials(study.records))["best"])
    assert best == [record.value for record in study.records]


def test_mean_by_averages_over_seeds(synthetic) -> None:
    study = synthetic()
    study.add("confirm", "joint", 0.6, seed=1)
    study.add("confirm", "joint", 0.8, seed=2)
    means = trial_tables.mean_by(
        trial_tables.epochs(study.records), ["method", "epoch"], ["validation/accuracy"]
    )
    first = [record.epochs[1]["validation/accuracy"] for record in study.records]
    assert means["validation/accuracy"][0] == sum(first) / 2


def test_heads_of_a_modality_are_told_from_its_probe() -> None:
    found = trial_tables.by_modality(
        {"boosting/face/accuracy": 0.4, "validation/face/accuracy": 0.5, "boosting/gap": 1}
    )
    assert found == {"face": {"accuracy_all": 0.4, "accuracy": 0.5}}


def test_a_mean_over_all_runs_is_left_out_where_one_of_them_has_no_number() -> None:
    frame = pd.DataFrame({"epoch": [1, 1, 2, 2], "x": [1.0, 3.0, 5.0, None], "y": [1.0, 1.0, 1.0, 1.0]})
    means = trial_tables.mean_where_all(frame, ["epoch"], ["x", "y"])
    assert means["x"].tolist()[0] == 2.0
    assert means["x"].isna().tolist() == [False, True]
    assert means["y"].tolist() == [1.0, 1.0]


def test_what_a_method_achieves_without_a_modality_belongs_to_that_modality() -> None:
    found = trial_tables.by_modality({"test/without_face/accuracy": 0.3, "test/face/accuracy": 0.5})
    assert found == {"face": {"test_accuracy_without": 0.3, "test_accuracy": 0.5}}


def test_accuracy_without_a_modality_stands_beside_the_last_epoch(synthetic) -> None:
    study = synthetic(("face", "voice"))
    tested = study.add("confirm", "joint", 0.6).test["test/without_face/accuracy"]
    frame = trial_tables.modalities(study.records)
    told = frame[frame["test_accuracy_without"].notna()]
    assert told[["modality", "epoch"]].values.tolist() == [
        [m, frame["epoch"].max()] for m in ("face", "voice")
    ]
    assert told["test_accuracy_without"].tolist()[0] == tested


def test_epochs_that_only_some_runs_of_a_method_have_measured_are_left_out() -> None:
    epochs = {"a": [1, 1, 2, 3, 3], "b": [1, 2]}
    rows = [{"method": method, "epoch": epoch} for method, each in epochs.items() for epoch in each]
    kept = trial_tables.measured_by_all(pd.DataFrame(rows), ["method"])
    assert kept.values.tolist() == [["a", 1], ["a", 1], ["a", 3], ["a", 3], ["b", 1], ["b", 2]]
