from dataclasses import replace

from report_reading import findings, tables

from study.analysis.results import analyse
from study.reporting.sections.published_values import PublishedValues
from study.reporting.wording import SPACE


def test_published_values_stand_beside_the_tuned_ones(folded):
    (table,) = tables(PublishedValues(), *folded)
    ((label, values, accuracy, *_, tuned),) = table.rows
    assert label == "Diagnose & Re-learn"
    assert values.replace(SPACE, " ") == "λ = 3, H = 3, R = 3"
    assert float(accuracy.split("\n")[0]) > float(tuned.split("\n")[0])


def test_published_values_are_compared_fold_by_fold_as_a_family_of_their_own(folded):
    (one,) = analyse(*folded).published
    assert (one.method, one.baseline, one.kind, one.family) == (
        "diagnose_relearn",
        "joint",
        "corrected t over folds",
        1,
    )


def test_what_is_clear_of_them_is_said(folded):
    (line,) = [line for line in findings(*folded) if "with its published values" in line]
    assert line.startswith("Diagnose & Re-learn with its published values is better than joint training: ")
    assert line.endswith("5 folds).")


def test_older_studies_have_no_such_section(module_study):
    assert tables(PublishedValues(), *module_study) == []


def test_the_size_of_test_and_both_variances_are_said(folded):
    text = " ".join(findings(*folded))
    assert "on test, 7442 samples of 91 groups, in folds (95 % interval" in text
    assert "the standard deviation between folds is " in text


def test_published_values_that_the_search_ended_at_are_not_said_twice(folded):
    settings, records = folded
    searched = [record for record in records if record.stage == "search" and record.number == 0]
    published = {"lr": 0.002, "lam": 3.0, "every": 3, "max_relearnings": 3}
    kept = [r for r in records if r.stage == "confirm" and r.config.get("lam") in (None, 3.0)]
    best = [replace(r, config=r.config | published) if r.method != "joint" else r for r in searched]
    text = " ".join(findings(settings, [*best, *kept]))
    assert "with its published values" not in text
    assert "The search ended at the published values of Diagnose & Re-learn." in text
    (table,) = tables(PublishedValues(), settings, [*best, *kept])
    assert table.rows[0][2] == table.rows[0][-1]
