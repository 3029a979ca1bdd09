"""The table of recipes, and what results show of runs that held nothing back."""

import pytest
from report_reading import tables

from study.analysis.comparisons import PAIRED, WELCH
from study.analysis.results import analyse
from study.analysis.selection import on_validation
from study.analysis.summary import fold_of
from study.paper_recipes import UNPUBLISHED
from study.reporting.sections.recipes import PaperRecipes
from study.reporting.write_report import write
from trainables.multimodal.data.splits import TRAINED_ON

PARTS = {"name": "both", "splits": {"clean": "actor-disjoint", "paper": "dnr"}}
JOINT = {
    "settings": {"lr": 0.001, "epochs": 90, "frames": 2, "split": "official", "train_on": [*TRAINED_ON][1]},
    "source": "a release",
    "sound": "aug-20s",
}


@pytest.fixture
def study(whole, settings):
    """A study by both protocols: joint training has a published recipe, and D&R has none."""
    records = whole()
    for seed, level in enumerate((0.70, 0.72, 0.71)):
        config = {**records.first("joint"), **JOINT["settings"]}
        records.add("confirm", "joint", level, config=config, seed=1000 + seed, protocol="paper")
        config = {**records.first("diagnose_relearn"), **UNPUBLISHED}
        records.add("confirm", "diagnose_relearn", level, config=config, seed=1000 + seed, protocol="paper")
    recipes = {"joint": JOINT, "diagnose_relearn": {"settings": UNPUBLISHED}}
    fixed = {method: {} for method in recipes}
    return settings(protocol=PARTS, recipes=recipes, fixed=fixed), records.records


def cells(table, method):
    return dict(zip(table.heads, next(row for row in table.rows if row[0] == method), strict=True))


def test_every_recipe_is_told_with_its_source(study):
    (table,) = tables(PaperRecipes(), *study)
    joint, dnr = cells(table, "Joint training"), cells(table, "Diagnose & Re-learn")
    assert joint["Learning rate"] == "0.001, constant"
    assert (joint["Frames"], joint["Trained on"]) == ("2, random", "train and validation of official")
    assert (joint["Sound"], joint["Published"]) == ("aug-20s", "a release")
    assert (dnr["Precision"], dnr["Trained on"]) == ("fp32", "train of dnr")
    assert dnr["Published"].startswith("nowhere for these data")


def test_that_recipes_differ_limits_what_is_said(study, settings):
    (card,) = PaperRecipes().cards(analyse(*study))
    assert card.title == "Recipes differ by method under the paper's protocol"
    assert not [*PaperRecipes().cards(analyse(settings(), study[1]))]
    assert not [table for table in tables(PaperRecipes(), settings(), study[1]) if table.rows]


def test_runs_that_held_nothing_back_have_no_validation_and_go_through_no_folds(study):
    results = analyse(*study)
    joint = results.chosen.confirmed("joint", "paper")
    assert len(joint) == 3
    assert [on_validation(run) for run in joint] == [{}, {}, {}]
    assert fold_of(joint) == {}
    assert results.summary["paper"]["joint"]["validation"]["accuracy"]["mean"] is None
    assert results.summary["paper"]["joint"]["config"]["frames"] == 2
    assert results.summary["paper"]["diagnose_relearn"]["validation"]["accuracy"]["mean"] > 0
    assert results.summary["recipes"]["joint"]["source"] == "a release"


def test_runs_of_different_recipes_are_not_paired(study):
    kinds = {one.protocol: one.kind for one in analyse(*study).comparisons if one.method != "joint"}
    assert kinds == {"clean": PAIRED, "paper": WELCH}


@pytest.mark.usefixtures("sketched")
def test_a_report_by_both_protocols_is_written(study, tmp_path):
    report = write(tmp_path, *study)
    assert "Recipes by method" in report.html.read_text()
    rows = (tmp_path / "tables" / "recipes.csv").read_text().splitlines()
    assert rows[0].startswith("method,source,sound,lr,epochs,frames")
    assert len(rows) == 3
