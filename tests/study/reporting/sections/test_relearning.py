from dataclasses import replace

from report_reading import chosen_at, drawn, tables

from study.analysis.results import analyse
from study.reporting.drawing.epoch_curves import MOST_CURVES
from study.reporting.section import a_few
from study.reporting.sections.relearning import Relearning
from study.reporting.wording import NONE


def test_noise_floor_stands_beside_the_gap(module_study) -> None:
    (table,) = tables(Relearning(), *module_study)
    assert ["Joint training", "audio", "0.29", "0.08", "0.14", "0.03", "0", NONE] in table.rows


def test_strength_and_number_of_relearnings_are_told(module_study) -> None:
    (table,) = tables(Relearning(), *module_study)
    assert ["Diagnose & Re-learn", "audio", "0.12", "0.08", "0.06", "0.03", "3", "47"] in table.rows


def without_matched(records):
    """Records of a version that measured the published gap only."""
    epochs = [
        {n: {k: v for k, v in metrics.items() if "size_matched" not in k} for n, metrics in r.epochs.items()}
        for r in records
    ]
    return [replace(record, epochs=kept) for record, kept in zip(records, epochs, strict=True)]


def test_both_gaps_are_drawn_and_only_the_published_one_of_an_old_ledger(module_study) -> None:
    settings, records = module_study
    assert [*drawn(Relearning(), settings, records)] == ["purity_gap", "purity_gap_size_matched"]
    assert [*drawn(Relearning(), settings, without_matched(records))] == ["purity_gap"]
    (table,) = tables(Relearning(), settings, without_matched(records))
    assert ["Joint training", "audio", "0.29", "0.08", NONE, NONE, "0", NONE] in table.rows


def test_of_many_methods_the_baseline_and_those_that_relearn_are_drawn_first(compared_methods) -> None:
    results = analyse(*compared_methods)
    assert a_few(results, results.methods)[:3] == ["joint", "diagnose_relearn", "dr_boosting"]
    assert len(a_few(results, results.methods)) == MOST_CURVES


def test_a_choice_of_methods_is_stated(compared_methods, boosted) -> None:
    assert "shows 4 of 10 methods" in drawn(Relearning(), *compared_methods)["purity_gap"].caption
    assert "shows" not in drawn(Relearning(), *boosted)["purity_gap"].caption


def test_one_modality_more_gives_one_panel_more(three_modalities) -> None:
    figure = drawn(Relearning(), *three_modalities)["purity_gap"].figure
    assert [axes.get_title() for axes in figure.axes] == ["voice", "face", "text"]


def test_weights_chosen_before_the_first_relearning_are_counted(synthetic, settings) -> None:
    every = synthetic().search("diagnose_relearn", 0.6, 1).first("diagnose_relearn")["every"]
    text = chosen_at(synthetic, settings, "diagnose_relearn", [every, every + 1, every + 2])
    # weights are pulled back after an epoch was judged
    assert (
        "The chosen epoch comes before the first re-learning: in 2 of 3 runs of Diagnose & Re-learn: " in text
    )


def test_nothing_is_said_where_the_method_had_its_turn(synthetic, settings) -> None:
    assert "chosen epoch" not in chosen_at(synthetic, settings, "diagnose_relearn", [9, 9])
