from report_reading import tables

from study.reporting.sections.regression import RegressionScores


def test_a_classification_has_no_scores_of_a_regression(module_study) -> None:
    assert tables(RegressionScores(), *module_study) == []


def test_scores_of_a_regression_are_in_percent_or_plain(synthetic, settings) -> None:
    study = synthetic().search("joint", 0.6, 1).confirm("joint", 0.6, 2)
    for run in study.records:
        run.epochs[max(run.epochs)] |= {"test/mae": 1.0 + run.seed / 10_000, "test/accuracy_5": 0.25}
    (table,) = tables(
        RegressionScores(), settings(methods=["joint"], protocol={"task": "mood"}), study.records
    )
    assert table.heads == ["Method", "Mean absolute error", "5-class accuracy"]
    ((_, error, accuracy),) = table.rows
    assert (error.split("\n")[0], accuracy.split("\n")[0]) == ("1.100", "25.0")
