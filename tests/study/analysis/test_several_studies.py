from dataclasses import replace

import pytest
from report_reading import judged

from study.analysis.results import analyse
from study.analysis.several_studies import beside
from trainables.multimodal.errors import InputError

METHODS = ("joint", "diagnose_relearn", "ogm_ge")


@pytest.fixture
def study(settings, synthetic):
    """Makes the results of a study on data of its own, whose methods reach these test accuracies."""

    def made(number: int, reached: dict[str, float], **changes):
        data = {"name": f"data{number}", "digest": str(number)} | changes.pop("data", {})
        asked = settings(id=str(number), methods=list(reached), data=data, **changes)
        values = {method: [level - 0.01, level, level + 0.01] for method, level in reached.items()}
        return analyse(asked, judged(synthetic, values))

    return made


def test_a_rank_is_averaged_over_studies_and_ties_share_theirs(study) -> None:
    first = study(1, dict(zip(METHODS, (0.5, 0.7, 0.6), strict=True)))
    second = study(2, dict(zip(METHODS, (0.5, 0.6, 0.6), strict=True)))
    ranks = beside({"a": first, "b": second}).average_ranks("clean")
    assert ranks == {"joint": 3.0, "diagnose_relearn": 1.25, "ogm_ge": 1.75}


def test_only_methods_of_all_studies_are_ranked(study) -> None:
    first = study(1, dict(zip(METHODS, (0.5, 0.7, 0.9), strict=True)))
    second = study(2, dict(zip(METHODS[:2], (0.6, 0.7), strict=True)))
    several = beside({"a": first, "b": second})
    assert several.average_ranks("clean") == {"joint": 2.0, "diagnose_relearn": 1.0}
    assert several.methods == list(METHODS)
    assert several.score("b", "clean", "ogm_ge") is None


def test_there_is_no_rank_over_the_same_data_or_over_other_splits(study) -> None:
    reached = dict(zip(METHODS, (0.5, 0.6, 0.7), strict=True))
    first, again = study(1, reached), study(2, reached, data={"digest": "1"})
    assert beside({"a": first, "b": again}).average_ranks("clean") == {}
    untested = [
        replace(r, epochs={n: {k: v for k, v in m.items() if "test/" not in k} for n, m in r.epochs.items()})
        for r in study(3, reached).chosen.records
    ]
    validated = analyse(study(3, reached).settings, untested)
    assert beside({"a": first, "b": validated}).average_ranks("clean") == {}


def test_the_best_of_a_study_are_all_with_its_best_mean(study) -> None:
    first = study(1, dict(zip(METHODS, (0.5, 0.7, 0.7), strict=True)))
    second = study(2, dict(zip(METHODS, (0.8, 0.7, 0.7), strict=True)))
    several = beside({"a": first, "b": second})
    assert several.best("a", "clean") == ["diagnose_relearn", "ogm_ge"]
    assert several.best("b", "clean") == ["joint"]


def test_what_is_lost_is_better_where_less_is(settings, synthetic, study) -> None:
    asked = settings(id="9", protocol={"task": "sentiment", "objective": "mae"}, data={"digest": "9"})
    records = synthetic().search("joint", 0.6, 1).confirm("joint", 0.6, 1)
    records.search("diagnose_relearn", 0.6, 1).confirm("diagnose_relearn", 0.6, 1)
    for run, lost in zip([r for r in records.records if r.stage == "confirm"], (0.9, 0.8), strict=True):
        run.epochs[max(run.epochs)]["test/mae"] = lost
    first = analyse(asked, records.records)
    second = analyse(replace(asked, id="10", data=replace(asked.data, digest="10")), records.records)
    several = beside({"a": first, "b": second})
    assert several.best("a", "clean") == ["diagnose_relearn"]
    assert several.average_ranks("clean") == {"joint": 2.0, "diagnose_relearn": 1.0}


def test_studies_that_cannot_stand_in_one_table_are_refused(study) -> None:
    reached = dict(zip(METHODS, (0.5, 0.6, 0.7), strict=True))
    first = study(1, reached)
    paper = {"name": "paper", "splits": {"paper": "published"}}
    cases = {
        "needs two studies": {"a": first},
        "a and b are the same study": {"a": first, "b": study(1, reached)},
        "a is judged by accuracy and b by mae": {
            "a": first,
            "b": study(2, reached, protocol={"task": "sentiment", "objective": "mae"}),
        },
        "a compares with joint and b with ogm_ge": {"a": first, "b": study(2, {"ogm_ge": 0.5})},
        "no protocol in common (a: clean, b: paper)": {"a": first, "b": study(2, reached, protocol=paper)},
    }
    for sentence, results in cases.items():
        with pytest.raises(InputError) as raised:
            beside(results)
        assert sentence in str(raised.value)


def test_protocols_of_all_studies_are_shown(study) -> None:
    reached = dict(zip(METHODS, (0.5, 0.6, 0.7), strict=True))
    both = {"name": "both", "splits": {"clean": "actor-disjoint", "paper": "published"}}
    assert beside({"a": study(1, reached, protocol=both), "b": study(2, reached)}).protocols == ["clean"]
