import re
from dataclasses import replace

import pytest

from study.analysis.results import analyse
from study.reporting import wording
from study.reporting.findings import findings


def said(settings, records) -> str:
    return "\n".join(findings(analyse(settings, records))).replace("\N{NO-BREAK SPACE}", " ")


def judged(synthetic, values) -> object:
    """A study whose confirm runs reach exactly these test accuracies, method by method and seed by seed."""
    study = synthetic()
    for method, reached in values.items():
        study.search(method, 0.6, 1).confirm(method, 0.6, len(reached))
        runs = [r for r in study.records if (r.stage, r.method) == ("confirm", method)]
        for run, value in zip(runs, reached, strict=True):
            run.epochs[max(run.epochs)]["test/accuracy"] = value
    return study.records


def compared(synthetic, ours, theirs) -> object:
    return judged(synthetic, {"joint": theirs, "diagnose_relearn": ours})


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
    assert "Joint training, seed 1009 diverged (loss is not finite)" in said(settings(), study.records)


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


BASE = [0.60, 0.61, 0.62, 0.63, 0.64]


def shifted(by, wobble=0.001) -> list[float]:
    return [value + by + wobble * (-1) ** n for n, value in enumerate(BASE)]


def many(synthetic, **methods) -> object:
    return judged(synthetic, {"joint": BASE, **methods})


def sentence(text, start) -> str:
    return next(line for line in text.split("\n") if start in line)


def test_twelve_methods_are_told_in_few_sentences(compared_methods) -> None:
    said = findings(analyse(*compared_methods))
    assert len(said) <= 18
    assert len(set(said)) == len(said)


def test_many_methods_are_sorted_into_better_worse_and_neither(synthetic, settings) -> None:
    records = many(
        synthetic,
        ogm_ge=shifted(0.05),
        late_fusion=shifted(-0.05),
        diagnose_relearn=shifted(0.0, 0.02),
        dr_boosting=shifted(0.002, 0.03),
    )
    text = said(settings(), records)
    clear, alike = sentence(text, "Against Joint training"), sentence(text, "Not distinguishable from Joint")
    assert "distinguishably better: OGM-GE (+5.0 points" in clear
    assert "a negative result: Late fusion (-5.0 points" in clear
    assert "Holm-adjusted over 4 comparisons" in clear
    assert "Diagnose & Re-learn" in alike
    assert "Boosting + D&R" in alike
    assert "the smallest adjusted p = 1.00" in alike


def test_no_gain_of_any_of_many_methods_is_said(synthetic, settings) -> None:
    equal = {m: shifted(0.0, 0.02) for m in ("ogm_ge", "late_fusion", "diagnose_relearn", "dr_boosting")}
    assert "no method is shown to be better" in said(settings(), many(synthetic, **equal))


def test_of_many_methods_the_best_and_the_baseline_are_named(compared_methods) -> None:
    line = sentence(said(*compared_methods), "Accuracy on test")
    assert "is the best, the largest of 10 means" in line
    assert "Joint training 60.8 %" in line
    assert "the baseline, is number 8 of 10" in line


def test_methods_without_a_result_are_told_with_the_reason(compared_methods) -> None:
    line = sentence(said(*compared_methods), "Without a result")
    assert "Late fusion, no search trial completed: 5 diverged (loss is not finite)" in line
    assert "Boosting with frozen heads, no confirm trial completed" in line
    assert "(out of memory)" in line


def test_lost_seeds_are_told_with_the_reason(compared_methods) -> None:
    assert "OGM-GE, seed 1003 diverged (loss is not finite)" in said(*compared_methods)


def test_a_control_that_does_as_well_is_said_to_undo_the_claim(synthetic, settings) -> None:
    records = many(
        synthetic,
        boosting=shifted(0.1, 0.003),
        boosting_no_heads=shifted(0.0),
        boosting_frozen=shifted(0.1, 0.02),
    )
    line = sentence(said(settings(), records), "against its controls")
    assert "Holm-adjusted over 2 comparisons" in line
    assert "distinguishably better than Boosting without new heads (+10.0 points" in line
    assert "not distinguishable from Boosting with frozen heads" in line
    assert line.endswith("is not shown to be what helps: the training of new heads.")


def test_a_control_that_is_better_is_said_to_undo_the_claim(synthetic, settings) -> None:
    records = many(synthetic, boosting=shifted(0.0, 0.003), boosting_tripled=shifted(0.1))
    line = sentence(said(settings(), records), "against its controls")
    assert "distinguishably worse than Boosting with tripled loss" in line
    assert "is not shown to be what helps: heads in place of" in line


def test_controls_that_all_fall_short_are_said_to(synthetic, settings) -> None:
    controls = ("boosting_no_heads", "boosting_frozen", "boosting_random", "boosting_tripled")
    records = many(
        synthetic,
        boosting=shifted(0.1, 0.003),
        **{name: shifted(0.01 * n) for n, name in enumerate(controls)},
    )
    line = sentence(said(settings(), records), "against its controls")
    assert line.endswith("Every control falls short of it.")


def test_heads_are_told_by_modality_with_what_the_newest_added(boosted) -> None:
    line = sentence(said(*boosted), "Boosting ended with")
    assert "audio 1 and visual 4; new ones went to visual in 3 of 3 runs" in line
    assert re.search(
        r"visual \+\d\.\d points \(95 % interval .* 3 runs; (not )?distinguishable from 0\)", line
    )


def test_what_all_heads_reach_stands_beside_one_head(synthetic, settings) -> None:
    study = synthetic()
    for method in ("boosting", "boosting_no_heads"):
        study.search(method, 0.6, 1)
        if method == "boosting_no_heads":
            study.records[-1] = replace(study.records[-1], config=study.first("boosting") | {"max_heads": 1})
        study.confirm(method, 0.6)
    text = said(settings(methods=["boosting", "boosting_no_heads"]), study.records)
    line = sentence(text, "Boosting ended with")
    assert re.search(
        r"There, visual \d\d\.\d % with all heads and \d\d\.\d % with one \(Boosting without", line
    )


def test_a_modality_that_never_got_a_head_is_said(synthetic, settings) -> None:
    study = synthetic().search("boosting", 0.6, 1)
    single = study.first("boosting") | {"max_heads": 1}
    study.records[0] = replace(study.records[0], config=single)
    text = said(settings(methods=["boosting"]), study.confirm("boosting", 0.6).records)
    assert "no modality was given a second one in 3 runs" in text
    assert "newest head" not in text


def chosen_at(synthetic, settings, method, epochs) -> str:
    """What is said of confirm runs whose best epochs are these."""
    study = synthetic().search(method, 0.6, 1).confirm(method, 0.6, len(epochs))
    runs = [run for run in study.records if run.stage == "confirm"]
    for run, epoch in zip(runs, epochs, strict=True):
        run.epochs[max(run.epochs)]["best/epoch"] = float(epoch)
    return said(settings(methods=[method]), study.records)


def test_weights_chosen_before_the_first_relearning_are_counted(synthetic, settings) -> None:
    every = synthetic().search("diagnose_relearn", 0.6, 1).first("diagnose_relearn")["every"]
    text = chosen_at(synthetic, settings, "diagnose_relearn", [every, every + 1, every + 2])
    assert "before the first re-learning" in text  # weights are pulled back after an epoch was judged
    assert "Diagnose & Re-learn in 2 of 3 runs" in text


def test_weights_chosen_before_the_first_added_head_are_counted(synthetic, settings) -> None:
    period = synthetic().search("boosting", 0.6, 1).first("boosting")["period"]
    text = chosen_at(synthetic, settings, "boosting", [1, period, period + 1])
    assert "before the first added head" in text
    assert "Boosting in 2 of 3 runs" in text


def test_nothing_is_said_where_the_method_had_its_turn(synthetic, settings) -> None:
    assert "The chosen epoch comes before" not in chosen_at(synthetic, settings, "boosting", [9, 9])


def test_sweeps_that_show_nothing_share_a_sentence(boosted) -> None:
    line = sentence(said(*boosted), "Sweeps in which no value")
    assert "Boosting λ of the residual" in line
    assert all(f"{wording.key(key)} (" in line for key in ("sigma", "tau", "max_heads"))


def test_only_relearning_is_said_to_be_switched_off_at_zero(boosted) -> None:
    found = [line for line in said(*boosted).split("\n") if "Switching" in line]
    assert len(found) == 1
    assert "λ = 0, boosting with these settings" in found[0]


def test_failed_trials_are_why_a_study_is_not_complete(compared_methods) -> None:
    assert "not complete (trials so far come from search and confirm, 5 of them failed)" in said(
        *compared_methods
    )


def test_a_control_that_cannot_be_tested_is_not_called_equal(synthetic, settings) -> None:
    records = many(synthetic, boosting=shifted(0.1), boosting_random=shifted(0.05))
    line = sentence(said(settings(), records), "against its controls")
    assert "not testable against Boosting with heads at random (+5.0 points)" in line


def test_a_note_on_the_data_is_told_first(whole, settings) -> None:
    data = {**settings()["data"], "note": "features were fitted on the training part."}
    first, *_ = findings(analyse(settings(data=data), whole().records))
    assert first == "On the data: features were fitted on the training part."
