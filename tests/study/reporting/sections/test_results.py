import re
from dataclasses import replace

import pytest
from report_reading import drawn, findings, judged, many, said, sentence, shifted, tables, texts

from study.reporting.sections.results import MethodResults


def compared(synthetic, ours, theirs) -> object:
    return judged(synthetic, {"joint": theirs, "diagnose_relearn": ours})


def test_a_clear_gain_is_called_better(synthetic, settings) -> None:
    text = said(settings(), compared(synthetic, [0.70, 0.72, 0.71], [0.60, 0.61, 0.62]))
    line = sentence(text, "is better than joint training")
    assert line.startswith("Diagnose & Re-learn is better")
    assert re.search(
        r": \+10\.0 points \(95 % interval \+\d+\.\d to \+\d+\.\d, p [=<] 0\.\d+, 3 seeds\)", line
    )


def test_a_gain_within_the_noise_is_called_not_distinguishable(synthetic, settings) -> None:
    text = said(settings(), compared(synthetic, [0.70, 0.55, 0.66], [0.60, 0.61, 0.62]))
    assert "Diagnose & Re-learn is not distinguishable from joint training" in text


def test_a_clear_loss_is_called_worse(synthetic, settings) -> None:
    text = said(settings(), compared(synthetic, [0.50, 0.52, 0.51], [0.60, 0.61, 0.62]))
    assert "Diagnose & Re-learn is worse than joint training: -10.0 points" in text


def test_equal_differences_allow_no_test(synthetic, settings) -> None:
    text = said(settings(), compared(synthetic, [0.61, 0.63, 0.65], [0.60, 0.62, 0.64]))
    line = sentence(text, "Diagnose & Re-learn against")
    assert "no test is possible" in line
    assert "p =" not in line


def test_one_seed_allows_no_statement_about_chance(synthetic, settings) -> None:
    text = said(settings(), compared(synthetic, [0.7], [0.6]))
    assert "+10.0 points on 1 seed, which allows no statement about chance" in text
    assert "(no interval, 1 seed)" in text


def test_two_seeds_have_no_interval_and_no_p(synthetic, settings) -> None:
    text = said(settings(), compared(synthetic, [0.7, 0.8], [0.6, 0.61]))
    assert "+14.5 points on 2 seeds, which allows no statement about chance" in text
    assert "p =" not in text


def test_every_method_has_its_verdict_the_best_first(synthetic, settings) -> None:
    records = many(
        synthetic,
        ogm_ge=shifted(0.05),
        late_fusion=shifted(-0.05),
        diagnose_relearn=shifted(0.0, 0.02),
        dr_boosting=shifted(0.002, 0.03),
    )
    verdicts = [line for line in findings(settings(), records) if "adjusted p" in line]
    assert [line.split(":")[0] for line in verdicts] == [
        "OGM-GE is better than joint training",
        "Not distinguishable from joint training are Boosting + D&R and Diagnose & Re-learn",
        "Late fusion is worse than joint training",
    ]
    assert "+5.0 points" in verdicts[0]
    assert verdicts[1].endswith(": differences of +0.4 points to +0.8 points, smallest adjusted p = 1.00.")
    assert "Holm-adjusted within candidates, single modalities and controls" in said(settings(), records)


def test_candidates_come_first_and_are_never_counted_with_single_modalities_or_controls(
    synthetic, settings
) -> None:
    records = many(
        synthetic,
        boosting=shifted(0.001, 0.03),
        ogm_ge=shifted(0.0, 0.02),
        boosting_no_heads=shifted(0.002, 0.02),
        unimodal_voice=shifted(-0.01, 0.02),
        unimodal_face=shifted(-0.012, 0.02),
    )
    told = [line.split(":")[0] for line in findings(settings(), records) if "istinguishable from" in line]
    assert told == [
        "Not distinguishable from joint training are Boosting and OGM-GE",
        "Not distinguishable from joint training are Voice alone and Face alone",
        "Boosting without new heads is not distinguishable from joint training",
    ]


def test_what_the_baseline_reaches_is_said_before_the_verdicts(compared_methods) -> None:
    line = sentence(said(*compared_methods), "Joint training reaches")
    assert line.startswith("Joint training reaches 60.8 % on test (95 % interval 60.3 to 61.3, 5 seeds). ")
    assert line.endswith("by t-tests, Holm-adjusted within candidates, single modalities and controls.")


def test_twelve_methods_are_told_in_few_short_sentences(compared_methods) -> None:
    told = findings(*compared_methods)
    assert len(told) <= 17
    assert len(set(told)) == len(told)
    assert all(len(one.split()) <= 30 for line in told for one in re.split(r"(?<=[a-z)])\. ", line))


def test_methods_without_a_result_are_told_with_the_reason(compared_methods) -> None:
    text = said(*compared_methods)
    assert "Nothing could be confirmed of late fusion: 5 diverged (loss is not finite), 1 pruned." in text
    line = sentence(text, "Boosting with frozen heads has no result")
    assert "no confirm trial completed" in line
    assert "failed (out of memory)" in line


def test_lost_seeds_are_told_with_the_reason(compared_methods) -> None:
    assert "OGM-GE: seed 1003 diverged (loss is not finite)" in said(*compared_methods)


def test_a_diverged_confirm_run_is_told_with_its_reason(whole, settings) -> None:
    study = whole()
    lost = {"seed": 1009, "status": "diverged", "reason": "loss is not finite"}
    study.add("confirm", "joint", 0.1, config=study.first("joint"), **lost)
    assert "Joint training: seed 1009 diverged (loss is not finite)" in said(settings(), study.records)


def test_paper_results_are_labelled(whole, settings) -> None:
    study = whole()
    study.confirm("joint", 0.7, 3, "paper").confirm("diagnose_relearn", 0.8, 3, "paper")
    text = said(settings(protocol={"name": "both", "splits": {}}), study.records)
    assert "under the paper protocol (best epoch chosen on test)" in text
    assert "Diagnose & Re-learn (paper protocol) is" in text


def test_methods_without_a_result_have_a_row_that_says_so(compared_methods) -> None:
    figure = drawn(MethodResults(), *compared_methods)["comparison_clean"]
    seen = {text.get_text().replace("\n", " ") for text in texts(figure)}
    assert {"Late fusion", "no search trial completed", "no confirm trial completed"} <= seen


def test_the_table_names_every_method_with_what_became_of_it(compared_methods) -> None:
    table = tables(MethodResults(), *compared_methods)[0]
    rows = {row[0]: row for row in table.rows}
    assert "Joint training (baseline)" in rows
    assert rows["Late fusion"][-1].endswith("completed: 5 diverged (loss is not finite), 1 pruned")
    assert rows["OGM-GE"][1] == "4 of 5"
    assert ["", "left out: seed 1003 diverged (loss is not finite)"] in table.rows


@pytest.mark.parametrize(("gpus", "head"), [(0.0, "CPU-hours search"), (1.0, "GPU-hours search")])
def test_cost_is_told_in_hours_of_what_is_scarce(whole, settings, gpus, head) -> None:
    asked = settings(resources={"cpus_per_trial": 2, "gpus_per_trial": gpus})
    assert head in tables(MethodResults(), asked, whole().records)[0].heads


def rests_on(settings, records) -> str:
    """What the table below the methods says of how often test was read."""
    (table,) = [
        t for t in tables(MethodResults(), settings, records) if t.title.startswith("What every number")
    ]
    assert table.heads[-1] == "Test was read"
    return table.rows[0][-1]


def test_how_often_test_was_read_stands_beside_the_numbers(synthetic, settings) -> None:
    records = many(synthetic, ogm_ge=shifted(0.05))
    assert rests_on(settings(), records) == "once by 10 runs"


def test_runs_of_a_configuration_that_was_replaced_have_read_test_too(synthetic, settings) -> None:
    records = many(synthetic, ogm_ge=shifted(0.05))
    before = [
        replace(run, key=f"before {run.key}", config=run.config | {"lr": 0.5})
        for run in records
        if (run.stage, run.method) == ("confirm", "ogm_ge")
    ]
    assert rests_on(settings(), [*records, *before]) == "once by 15 runs, 5 of replaced configurations"


def test_folds_are_explained_where_there_are_any(synthetic, settings, folded) -> None:
    said_of = [tables(MethodResults(), *study)[0].note for study in ((settings(), many(synthetic)), folded)]
    assert ["fold" in note for note in said_of] == [False, True]
