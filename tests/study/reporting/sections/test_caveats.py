from report_reading import findings, said


def test_sample_results_say_that_they_mean_nothing(whole, settings) -> None:
    asked = settings(data={"is_sample": True})
    assert said(asked, whole().records).startswith("These are results on generated sample data")


def test_an_unfinished_study_says_so(whole, settings) -> None:
    text = said(settings(), [record for record in whole().records if record.stage == "search"])
    assert "not complete (trials so far come from search)" in text
    assert "no method can be called better" in text


def test_failed_trials_are_why_a_study_is_not_complete(compared_methods) -> None:
    text = said(*compared_methods)
    assert "not complete (trials so far come from search and confirm, 5 of them failed)" in text


def test_a_note_on_the_data_is_told_first(whole, settings) -> None:
    asked = settings(data={"note": "features were fitted on the training part."})
    assert findings(asked, whole().records)[0] == "On the data: features were fitted on the training part."
