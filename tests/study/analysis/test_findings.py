import re

import pytest

from study.analysis.findings import findings
from study.analysis.summary import analyse


def said(settings, records) -> str:
    return "\n".join(findings(analyse(settings, records))).replace("\N{NO-BREAK SPACE}", " ")


def compared(synthetic, ours, theirs) -> object:
    """A study whose confirm runs reach exactly these test accuracies, seed by seed."""
    study = synthetic()
    for method, values in (("joint", theirs), ("diagnose_relearn", ours)):
        study.search(method, 0.6, 1).confirm(method, 0.6, len(values))
        runs = [r for r in study.records if (r.stage, r.method) == ("confirm", method)]
        for run, value in zip(runs, values, strict=True):
            run.epochs[max(run.epochs)]["test/accuracy"] = value
    return study.records


def test_a_clear_gain_is_called_distinguishable(synthetic, settings) -> None:
    text = said(settings(), compared(synthetic, [0.70, 0.72, 0.71], [0.60, 0.61, 0.62]))
    assert "10.0 percentage points better" in text
    assert "; distinguishable from" in text


def test_a_gain_within_the_noise_is_called_not_distinguishable(synthetic, settings) -> None:
    text = said(settings(), compared(synthetic, [0.70, 0.55, 0.66], [0.60, 0.61, 0.62]))
    assert "not distinguishable from the variation between seeds" in text
    assert re.search(r"only a difference of more than about \d+\.\d percentage points would be", text)


def test_a_clear_loss_is_a_negative_result(synthetic, settings) -> None:
    text = said(settings(), compared(synthetic, [0.50, 0.52, 0.51], [0.60, 0.61, 0.62]))
    assert "10.0 percentage points worse" in text
    assert "A negative result" in text


def test_equal_differences_allow_no_test(synthetic, settings) -> None:
    text = said(settings(), compared(synthetic, [0.61, 0.63], [0.60, 0.62]))
    assert "no test can be computed" in text
    assert "p =" not in text.split("against")[1].split("\n")[0]


def test_one_seed_allows_no_statement_about_chance(synthetic, settings) -> None:
    text = said(settings(), compared(synthetic, [0.7], [0.6]))
    assert "one seed allows no statement about chance" in text
    assert "no interval from one seed" in text


def test_sample_results_say_that_they_mean_nothing(whole, settings) -> None:
    asked = settings()
    asked["data"]["is_sample"] = True
    assert said(asked, whole().records).startswith("These are results on generated sample data")


def test_an_unfinished_study_says_so(whole, settings) -> None:
    records = [record for record in whole().records if record.stage == "search"]
    text = said(settings(), records)
    assert "not complete (trials so far come from search)" in text
    assert "no method can be called better" in text


def test_noise_floor_stands_beside_the_gap(whole, settings) -> None:
    text = said(settings(), whole().records)
    assert "audio 0.29 (noise floor 0.08)" in text
    assert "not above its noise floor" in text


def test_switching_relearning_off_is_compared_on_the_same_seeds(whole, settings) -> None:
    assert re.search(
        r"Switching re-learning off .* against λ = 3 on the same 3 seeds", said(settings(), whole().records)
    )


def test_a_diverged_confirm_run_is_told_with_its_reason(whole, settings) -> None:
    study = whole()
    config = study.first("joint")
    study.add(
        "confirm", "joint", 0.1, config=config, seed=1009, status="diverged", reason="loss is not finite"
    )
    assert "seed 1009: the confirm run diverged (loss is not finite)" in said(settings(), study.records)


def test_paper_results_are_labelled(whole, settings) -> None:
    study = whole()
    study.confirm("joint", 0.7, 3, "paper").confirm("diagnose_relearn", 0.8, 3, "paper")
    text = said(settings(protocol={"name": "both", "splits": {}}), study.records)
    assert "paper protocol: published split, best epoch chosen on test" in text


def test_importances_that_cannot_be_trusted_are_named_as_left_out(whole, settings) -> None:
    assert "need 20 completed search trials of a method" in said(settings(), whole().records)


@pytest.mark.parametrize("key", ["λ", "H"])
def test_every_swept_hyperparameter_has_a_sentence(whole, settings, key) -> None:
    assert f"Sensitivity of Diagnose & Re-learn to {key}" in said(settings(), whole().records)
