import pytest
from report_reading import findings, said


def test_sample_results_say_that_they_mean_nothing(whole, settings) -> None:
    asked = settings(data={"is_sample": True})
    assert said(asked, whole().records).startswith("These are results on generated sample data")


def test_an_unfinished_study_says_so(whole, settings) -> None:
    text = said(settings(), [record for record in whole().records if record.stage == "search"])
    assert "not complete: trials so far come from search;" in text
    assert "no method can be called better" in text


def test_failed_trials_are_why_a_study_is_not_complete(compared_methods) -> None:
    text = said(*compared_methods)
    assert "not complete: trials so far come from search and confirm, 5 of them failed;" in text


def test_a_method_of_which_nothing_could_be_confirmed_is_told_first(whole, settings) -> None:
    study = whole()
    for seed in range(6):
        study.add("search", "ogm_ge", 0.1, seed=seed, status="diverged", reason="loss is not finite")
    asked = settings(methods=["joint", "diagnose_relearn", "ogm_ge"])
    told = findings(asked, study.records)
    assert told[0] == (
        "Nothing could be confirmed of OGM-GE: 6 diverged (loss is not finite). None of its search trials "
        "completed: search other values with --space or --set."
    )
    assert not [line for line in told if "may still change" in line]


def test_a_note_on_the_data_is_told_first(whole, settings) -> None:
    asked = settings(data={"note": "features were fitted on the training part."})
    assert findings(asked, whole().records)[0] == "On the data: features were fitted on the training part."


def saturated(study, epoch, accuracy, runs):
    """The first `runs` confirm runs chose this epoch, at this accuracy on the split that selects."""
    confirmed = [record for record in study.records if record.stage == "confirm"]
    for record in confirmed[:runs]:
        record.epochs[max(record.epochs)] |= {"best/epoch": epoch, "best/accuracy": accuracy}
    return study.records


@pytest.mark.parametrize(("epoch", "accuracy"), [(1.0, 0.6), (9.0, 0.995)])
def test_a_saturated_split_is_told_first_and_nothing_of_methods(whole, settings, epoch, accuracy) -> None:
    told = findings(settings(), saturated(whole(), epoch, accuracy, 4))
    assert told[0].startswith("The split that selects is saturated: in 4 of 6 runs the chosen epoch lies")
    assert not [
        line for line in told for word in ("better", "worse", "distinguish", "true dif") if word in line
    ]


@pytest.mark.parametrize(("epoch", "accuracy", "runs"), [(1.0, 0.6, 3), (2.0, 0.6, 6), (9.0, 0.99, 6)])
def test_a_split_that_tells_most_runs_apart_is_not_called_saturated(
    whole, settings, epoch, accuracy, runs
) -> None:
    assert "saturated" not in said(settings(), saturated(whole(), epoch, accuracy, runs))
