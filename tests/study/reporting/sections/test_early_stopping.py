from dataclasses import replace

from report_reading import tables

from study.analysis.results import analyse
from study.records.trial_record import Ending
from study.reporting.sections.early_stopping import EarlyStoppingCost
from study.reporting.wording import NONE, PERCENT


def test_a_row_says_what_rungs_tell_and_how_many_were_stopped_there(synthetic, settings):
    ranks, costs = tables(EarlyStoppingCost(), settings(), synthetic().search("joint", 0.6).records)
    assert ranks.heads == ["Method", "Trials to the end", "Epoch 3", "Epoch 6", "Epoch 9"]
    assert ranks.rows[0][:2] == ["Joint training", "4"]
    assert ranks.rows[0][2].endswith(", 1 stopped")
    assert "stopped" not in ranks.rows[0][3]
    assert costs.rows == [["Joint training", "6", "1", f"12.5{PERCENT}", "0", NONE, NONE]]


def test_spared_trials_show_what_stopping_would_have_lost(synthetic, settings):
    study = synthetic()
    for level in (0.5, 0.6, 0.3):
        study.add("search", "joint", level)
    best, *rest = study.records
    spared = [replace(r, status="pruned", ending=Ending("pruned", 12, "weak", 0.0, 3)) for r in rest]
    spared[0].epochs[12]["best/accuracy"] = best.value + 0.05
    *_, costs = tables(EarlyStoppingCost(), settings(), [best, *spared])
    assert costs.rows == [["Joint training", "3", "2", f"0.0{PERCENT}", "2", "1", "2.5"]]


def test_a_search_that_stopped_nobody_has_no_costs_and_an_empty_study_no_tables(synthetic, settings):
    study = synthetic()
    for level in (0.5, 0.6, 0.3):
        study.add("search", "joint", level)
    assert [t.title for t in tables(EarlyStoppingCost(), settings(), study.records)] == [
        "Do rungs tell the end?"
    ]
    assert tables(EarlyStoppingCost(), settings(), []) == []


def test_the_csv_has_a_row_per_method_and_rung(module_study):
    frame = EarlyStoppingCost().csv(analyse(*module_study))["early_stopping"]
    assert list(frame) == ["method", "epoch", "stopped", "ranked", "correlation"]
    assert list(frame["method"]) == ["joint"] * 3 + ["diagnose_relearn"] * 3
