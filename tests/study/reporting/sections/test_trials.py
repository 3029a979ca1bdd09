from dataclasses import replace

from report_reading import cards, tables

from study.analysis.results import analyse
from study.reporting.sections.trials import Trials


def test_equal_reasons_of_early_endings_are_counted_together(compared_methods) -> None:
    table = tables(Trials(), *compared_methods)[1]
    assert ["confirm", "Boosting with frozen heads", "failed", "out of memory", "5"] in table.rows


def test_stages_add_up_to_all_trials(module_study) -> None:
    table = tables(Trials(), *module_study)[0]
    assert sum(int(row[1]) for row in table.rows) == len(module_study[1])


def test_every_trial_epoch_and_modality_is_kept_as_csv(module_study) -> None:
    frames = Trials().csv(analyse(*module_study))
    records = module_study[1]
    assert len(frames["trials"]) == len(records)
    assert len(frames["epochs"]) == sum(len(record.epochs) for record in records)
    assert len(frames["modalities"]) == 2 * len(frames["epochs"])


def test_a_search_that_lost_a_fifth_of_its_trials_is_told(synthetic, settings) -> None:
    study = synthetic().search("joint", 0.6, 4)
    assert cards(Trials(), settings(), study.records) == []
    for seed in range(2):
        study.add("search", "joint", 0.1, status="diverged", seed=seed, config={"lr": 0.5 + seed})
    (card,) = cards(Trials(), settings(), study.records)
    assert card == "Trials diverged or failed: 33.3 % of the search of Joint training."


def test_types_of_machines_are_counted_where_there_were_several(synthetic, settings) -> None:
    study = synthetic().search("joint", 0.6, 2)
    one = [replace(record, machines=("one CPU",)) for record in study.records]
    assert "Types of machines" not in [table.title for table in tables(Trials(), settings(), one)]
    moved = [one[0], replace(one[1], machines=("one CPU", "other CPU"))]
    (table,) = [table for table in tables(Trials(), settings(), moved) if table.title == "Types of machines"]
    assert table.rows == [["one CPU", "2"], ["other CPU", "1"]]
    assert table.note.endswith("from one that stayed. 1 trial moved.")
