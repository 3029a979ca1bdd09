from report_reading import cards, drawn, tables

from study.reporting.sections.search import Search
from study.reporting.wording import SPACE


def test_search_has_a_panel_for_every_method_that_was_searched(compared_methods) -> None:
    figure = drawn(Search(), *compared_methods)["search_history"].figure
    assert len(figure.axes) == len(compared_methods[0].methods)


def test_importances_that_cannot_be_trusted_are_named_as_left_out(module_study) -> None:
    (table,) = tables(Search(), *module_study)
    assert table.note.endswith("fewer have Joint training and Diagnose & Re-learn.")
    assert "importance" not in drawn(Search(), *module_study)


def test_importances_of_enough_trials_are_drawn_by_symbol(synthetic, settings) -> None:
    study = synthetic().search("diagnose_relearn", 0.6, 30)
    figure = drawn(Search(), settings(), study.records)["importance"].figure
    assert {text.get_text() for text in figure.axes[0].get_yticklabels()} >= {"λ", "learning rate"}


def test_configurations_are_written_with_their_symbols(module_study) -> None:
    (table,) = tables(Search(), *module_study)
    written = table.rows[1][-1].replace(SPACE, " ")
    assert written == "learning rate = 0.002, epochs = 12, λ = 3, H = 3, R = 3"


def test_a_best_value_at_the_end_of_its_range_is_told(synthetic, settings) -> None:
    study = synthetic().search("joint", 0.5, 1)
    study.add("search", "joint", 0.9, config={"lr": 0.0999})
    (card,) = cards(Search(), settings(), study.records)
    assert "learning rate = 0.0999 (upper end) of Joint training; the range may be too narrow." in card


def test_a_best_value_inside_its_range_is_not(synthetic, settings) -> None:
    study = synthetic()
    study.add("search", "joint", 0.9, config={"lr": 0.01})
    assert cards(Search(), settings(), study.records) == []
