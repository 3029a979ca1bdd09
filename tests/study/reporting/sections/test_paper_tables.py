import re

from report_reading import many, shifted

from study.analysis.results import analyse
from study.reporting.sections.paper_tables import PaperTables
from study.reporting.wording import SPACE


def written(settings, records):
    """The table of the clean protocol, with plain spaces in its cells."""
    table = PaperTables().papers(analyse(settings, records))["methods_clean"]
    return table, [[cell.replace(SPACE, " ").replace("\n", " ") for cell in row] for row in table.rows]


def test_a_method_has_mean_deviation_interval_and_seeds(settings, synthetic) -> None:
    table, rows = written(settings(), many(synthetic, diagnose_relearn=shifted(0.1)))
    label, seeds, accuracy, _, difference, p = rows[0]
    assert table.heads[2:5] == ["Accuracy (%)", "Macro-F1 (%)", "Difference (points)"]
    assert "difference to joint training with p of t-tests" in table.title
    assert (label, seeds, p) == ("Diagnose & Re-learn", "5", "< 0.001")
    assert re.fullmatch(r"72\.0 ± 1\.6 \[70\.\d, 7[34]\.\d\]", accuracy)
    assert difference.startswith("+10.0 [")
    assert rows[1][:2] == ["Joint training", "5"]
    assert rows[1][2].startswith("62.0 ± 1.6 [")


def test_one_seed_has_no_deviation(settings, synthetic) -> None:
    study = synthetic().search("joint", 0.6, 1).confirm("joint", 0.6, 1)
    _, rows = written(settings(methods=["joint"]), study.records)
    assert "±" not in rows[0][2]


def test_a_method_without_result_says_why(compared_methods) -> None:
    _, rows = written(*compared_methods)
    (row,) = [row for row in rows if row[0] == "Late fusion"]
    assert row[1:] == ["0", "no search trial completed: 5 diverged (loss is not finite), 1 pruned"]


def test_the_caption_says_what_numbers_rest_on_and_what_they_are_not(settings, whole) -> None:
    complete, _ = written(settings(), whole().records)
    assert complete.note.startswith("Split: actor-disjoint; recipe: dnr-fbank; frames: 1; selection: ")
    sample, _ = written(settings(data={"is_sample": True}), whole().records[:-1])
    assert sample.note.startswith("SAMPLE: generated data, not a result. The study is not complete. Split")
