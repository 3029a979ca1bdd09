import re

import pytest
from report_reading import BASE, cards, drawn, judged, many, shifted, tables, texts
from synthetic_studies import surface_study

from study.analysis.results import analyse
from study.analysis.surface import LEAST_POINTS
from study.reporting.sections.results import MethodResults
from study.reporting.sections.verdict import Verdict
from study.reporting.verdicts import answer, question, sentences
from study.reporting.wording import SPACE


def rows(settings, records):
    """The lines of the first table by method, with plain spaces."""
    table = tables(Verdict(), settings, records)[0]
    plain = [[cell.replace("\N{NO-BREAK SPACE}", " ") for cell in row] for row in table.rows]
    return {row[0]: dict(zip(table.heads[1:], row[1:], strict=True)) for row in plain}


def asked(settings, records):
    """Question and answer."""
    results = analyse(settings, records)
    return question(results), answer(results)


def test_each_of_the_four_verdicts_has_its_line(synthetic, settings) -> None:
    records = many(
        synthetic,
        ogm_ge=shifted(0.05),
        late_fusion=shifted(-0.05),
        dr_boosting=shifted(0.002, 0.03),
        boosting=[0.7],
    )
    lines = rows(settings(methods=["joint", "ogm_ge", "late_fusion", "dr_boosting", "boosting"]), records)
    assert {method: line["Verdict"] for method, line in lines.items()} == {
        "Joint training": "baseline",
        "Boosting": "not decidable",
        "OGM-GE": "better",
        "Boosting + D&R": "not distinguishable",
        "Late fusion": "worse",
    }
    line = lines["OGM-GE"]
    assert re.fullmatch(r"\+5\.0 \[\+\d\.\d, \+\d\.\d\]", line["Minus joint training (points)"])
    assert re.fullmatch(r"p [<=] 0\.\d+, P\(better\) [> ]*0\.\d+", line["How sure"])
    assert line["Seeds"] == "5 seeds"
    assert float(line["CPU-hours"]) > 0
    assert re.fullmatch(r"p = \d\.\d+, would find \d+\.\d", lines["Boosting + D&R"]["How sure"])
    assert lines["Boosting"]["How sure"] == "too few seeds"


def test_methods_without_a_result_say_why(compared_methods) -> None:
    line = rows(*compared_methods)["Late fusion"]
    assert line["Verdict"] == "no result"
    assert "5 diverged (loss is not finite)" in line["How sure"]


def test_what_must_be_tuned_is_what_a_sweep_or_the_search_shows(module_study) -> None:
    assert rows(*module_study)["Joint training"]["What to tune"] == "not measured"
    assert rows(*module_study)["Diagnose & Re-learn"]["What to tune"] == "no value stands out"


@pytest.mark.parametrize(
    ("reached", "advice"), [(0.3, "λ = {lam:.3g}"), (0.9, "λ = 10 instead of {lam:.3g}")]
)
def test_a_swept_value_that_is_better_is_advised(synthetic, settings, reached, advice) -> None:
    study = synthetic().search("diagnose_relearn", 0.6, 1)
    best = study.first("diagnose_relearn")
    for lam, level in ((best["lam"], 0.6), (10.0, reached)):
        for seed in range(3):
            config = best | {"lam": lam}
            study.add("sensitivity", "diagnose_relearn", level, config=config, seed=2000 + seed)
    told = rows(settings(), study.records)["Diagnose & Re-learn"]["What to tune"]
    assert told == advice.format(lam=best["lam"])


def test_a_surface_tells_near_which_values_a_method_is_best() -> None:
    (row,) = rows(*surface_study(32)).values()
    told = re.fullmatch(r"learning rate near (0\.\d+), λ near \S+, H near \d", row["What to tune"])
    assert 0.008 < float(told[1]) < 0.032  # planted at 0.016


def test_a_surface_of_too_few_points_decides_nothing() -> None:
    (row,) = rows(*surface_study(LEAST_POINTS - 4)).values()
    assert row["What to tune"] == "not decidable"


def test_a_study_that_did_not_measure_what_to_tune_says_so_once(compared_methods) -> None:
    assert "What to tune" not in tables(Verdict(), *compared_methods)[0].heads
    (card,) = cards(Verdict(), *compared_methods)
    assert card.startswith("What to tune is not measured: ")


def test_nothing_is_said_of_methods_where_selection_is_saturated(whole, settings) -> None:
    study = whole()
    for run in study.records:
        run.epochs[max(run.epochs)]["best/epoch"] = 1.0
    line = rows(settings(), study.records)["Diagnose & Re-learn"]
    assert (line["Verdict"], line["How sure"]) == ("not decidable", "selection is saturated")
    assert "not decidable here" in asked(settings(), study.records)[1]


def test_a_study_asks_of_its_candidates_and_answers(synthetic, settings) -> None:
    records = many(synthetic, ogm_ge=shifted(0.05), unimodal_voice=shifted(-0.1))
    methods = settings(methods=["joint", "ogm_ge", "unimodal_voice"])
    assert asked(methods, records) == (
        "Does OGM-GE improve on joint training on cremad?",
        "Yes: OGM-GE (+5.0 points) is better than joint training.",
    )


def test_what_is_not_shown_is_not_called_a_no(synthetic, settings) -> None:
    records = many(synthetic, diagnose_relearn=shifted(0.0, 0.02), ogm_ge=shifted(-0.05))
    told = asked(settings(methods=["joint", "diagnose_relearn", "ogm_ge"]), records)[1]
    assert told.startswith("No improvement shown: Diagnose & Re-learn (")
    assert told.endswith("; OGM-GE (-5.0 points) is worse than joint training.")
    worse = many(synthetic, ogm_ge=shifted(-0.05))
    assert asked(settings(methods=["joint", "ogm_ge"]), worse)[1].startswith("No: OGM-GE (-5.0 points) is")


def test_a_study_of_single_modalities_asks_how_far_they_are(synthetic, settings) -> None:
    records = many(synthetic, unimodal_voice=shifted(-0.1), unimodal_face=shifted(-0.2))
    methods = settings(methods=["joint", "unimodal_voice", "unimodal_face"])
    assert asked(methods, records) == (
        "How far from joint training are voice alone and face alone on cremad?",
        "Voice alone (-10.0 points) and Face alone (-20.0 points) are worse than joint training.",
    )


def test_before_anything_is_confirmed_there_is_no_answer(synthetic, settings) -> None:
    told = asked(settings(), synthetic().search("joint", 0.5, 1).records)
    assert told[0] == "Does Diagnose & Re-learn improve on joint training on cremad?"
    assert told[1].startswith("No configuration has been confirmed")


def test_a_study_without_confirm_says_that_it_compares_nothing(synthetic, settings) -> None:
    told = asked(settings(stages=["search"]), synthetic().search("joint", 0.5, 1).records)
    assert told[1] == "The stage confirm was not asked for, so no method is compared."


def test_a_baseline_that_lost_all_runs_is_what_the_others_lack(synthetic, settings) -> None:
    study = synthetic().search("joint", 0.6, 1).search("diagnose_relearn", 0.6, 1)
    study.confirm("diagnose_relearn", 0.6)
    study.add("confirm", "joint", 0.2, status="diverged", reason="loss is not finite", seed=1000)
    told = "Joint training has no result, so no method can be compared with it."
    assert asked(settings(), study.records)[1] == told
    assert told in sentences(analyse(settings(), study.records))


def test_a_baseline_with_runs_by_another_protocol_alone_is_not_called_lost(synthetic, settings) -> None:
    study = synthetic().search("joint", 0.6, 1).search("diagnose_relearn", 0.6, 1)
    for method in ("joint", "diagnose_relearn"):
        study.confirm(method, 0.6, protocol="paper")
    both = settings(protocol={"name": "both", "splits": {"clean": "actor-disjoint", "paper": "dnr"}})
    assert asked(both, study.records)[1].startswith("No configuration has been confirmed")


def test_figures_say_which_protocol_they_show(synthetic, settings) -> None:
    study = synthetic().search("joint", 0.6, 1).search("ogm_ge", 0.6, 1)
    for protocol in ("clean", "paper"):
        study.confirm("joint", 0.6, protocol=protocol).confirm("ogm_ge", 0.7, protocol=protocol)
    both = settings(
        methods=["joint", "ogm_ge"],
        protocol={"name": "both", "splits": {"clean": "actor-disjoint", "paper": "dnr"}},
    )
    for section, name in ((Verdict(), "differences"), (MethodResults(), "comparison")):
        shown = drawn(section, both, study.records)
        said = ["(paper protocol)" in shown[f"{name}_{protocol}"].caption for protocol in both.protocols]
        assert said == [False, True]


def test_a_candidate_without_result_is_not_answered_by_other_methods(synthetic, settings) -> None:
    records = many(synthetic, unimodal_voice=shifted(-0.1))
    records += synthetic().search("diagnose_relearn", 0.6, 1).records
    told = asked(settings(methods=["joint", "unimodal_voice", "diagnose_relearn"]), records)
    assert told[0] == "Does Diagnose & Re-learn improve on joint training on cremad?"
    assert told[1].startswith("Joint training reaches ")
    assert told[1].endswith(" Diagnose & Re-learn has no result to compare with it.")


def test_a_sample_is_not_called_by_the_name_of_the_data_it_stands_for(synthetic, settings) -> None:
    sample = settings(methods=["joint"], data={"is_sample": True})
    told = asked(sample, judged(synthetic, {"joint": BASE}))
    assert told[0] == "What does joint training reach on a generated sample in place of cremad?"


def test_runs_that_score_like_joint_training_are_said_to(synthetic, settings) -> None:
    records = judged(synthetic, {"joint": BASE, "diagnose_relearn": BASE})
    methods = settings(methods=["joint", "diagnose_relearn"])
    (told,) = tables(Verdict(), methods, records)
    assert [row[1] for row in told.rows] == ["baseline", "not decidable"]
    assert told.rows[1][3] == "the same scores"
    same = f"Diagnose & Re-learn scores as joint training does on each of {len(BASE)} seeds"
    assert f"{same}, so nothing can be said of it." in sentences(analyse(methods, records))


def test_a_study_of_joint_training_alone_answers_what_it_reaches(synthetic, settings) -> None:
    told = asked(settings(methods=["joint"]), judged(synthetic, {"joint": BASE}))
    assert told[0] == "What does joint training reach on cremad?"
    assert told[1].startswith(f"Joint training reaches 62.0{SPACE}% on test")


def test_the_figure_has_the_rows_of_the_table_and_says_what_is_seen(synthetic, settings) -> None:
    records = judged(synthetic, {"joint": [0.60, 0.61, 0.62], "diagnose_relearn": [0.70, 0.72, 0.71]})
    one = drawn(Verdict(), settings(), records)["differences_clean"]
    assert "Diagnose & Re-learn" in {text.get_text() for text in texts(one)}
    assert one.finding.startswith("Diagnose & Re-learn: better, +10.0 [")


def test_seeds_of_one_split_are_said_to_tell_nothing_of_other_samples(whole, settings, folded) -> None:
    one_split = settings(protocol={"tested": {"clean": {"samples": 568, "groups": 0}}})
    (told,) = tables(Verdict(), one_split, whole().records)
    same = "the same for all seeds: intervals and p tell of other seeds, not of other samples."
    assert told.note == f"Test: 568 samples, {same}"
    (told, *_) = tables(Verdict(), *folded)
    assert told.note == "Test: 7442 samples of 91 groups, in folds."
