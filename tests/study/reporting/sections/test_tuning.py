from dataclasses import replace

import pytest
from report_reading import cards, drawn, tables

from study.reporting.sections.tuning import TuningCurves
from study.settings import PaperRecipe


@pytest.fixture
def searched(synthetic, settings):
    """A study of joint and D&R with finalists, whose searches end at these levels."""

    def make(**levels):
        study = synthetic()
        for method, values in levels.items():
            for n, value in enumerate(values):
                study.add("search", method, value, config={"lr": 0.001 * (n + 1)})
            for best in sorted(study.records, key=lambda record: -record.value)[:2]:
                if best.method == method:
                    for seed in (3000, 3001, 3002):
                        study.add(
                            "finalists", method, best.value, config={"lr": best.config["lr"]}, seed=seed
                        )
        return settings(methods=list(levels), sensitivity={}, budget={"finalists": 2}), study.records

    return make


def test_a_baseline_whose_curve_still_rises_is_said_to_be_under_tuned(searched):
    (warning,) = cards(TuningCurves(), *searched(joint=[0.2] * 7 + [0.8]))
    assert warning.startswith("Baseline under-tuned: the second half of its 8 trials still brought ")


def test_a_baseline_whose_curve_is_flat_is_not(searched):
    assert cards(TuningCurves(), *searched(joint=[0.6] * 8)) == []


def test_other_methods_are_named_in_one_sentence(searched):
    study = searched(joint=[0.6] * 8, late_fusion=[0.2] * 7 + [0.8], ogm_ge=[0.2] * 7 + [0.8])
    (card,) = cards(TuningCurves(), *study)
    assert card.startswith("More trials may improve: Late fusion (")
    assert "OGM-GE (" in card


def test_a_search_that_decides_nothing_as_a_published_recipe_runs_in_its_place_is_no_limit(searched):
    settings, records = searched(joint=[0.2] * 7 + [0.8], late_fusion=[0.2] * 7 + [0.9])
    recipe = PaperRecipe({}, source="a release")
    by_paper = replace(settings.protocol, name="paper")
    fixed = {method: {} for method in settings.methods}
    of_paper = replace(settings, protocol=by_paper, recipes={"joint": recipe}, fixed=fixed)
    (card,) = cards(TuningCurves(), of_paper, records)
    assert card.startswith("More trials may improve: Late fusion (")


def test_there_is_a_panel_a_method_and_a_row(searched):
    study = searched(joint=[0.6] * 8, late_fusion=[0.5] * 4)
    figure = drawn(TuningCurves(), *study)["tuning_curves"].figure
    assert [axes.get_title() for axes in figure.axes] == ["Joint training", "Late fusion"]
    assert len(figure.axes[1].lines) == 2  # its own curve beside the baseline's
    (table,) = tables(TuningCurves(), *study)
    assert [row[:2] for row in table.rows] == [["Joint training", "8"], ["Late fusion", "4"]]
