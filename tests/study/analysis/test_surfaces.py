from dataclasses import replace

import pytest
from synthetic_studies import study_settings, surface_study

from study.analysis.chosen_runs import ChosenRuns
from study.analysis.results import analyse
from study.analysis.surface import LEAST_POINTS
from study.analysis.surfaces import MethodSurface, surfaces
from study.methods import STUDY_METHODS


def mapped(asked, records) -> MethodSurface:
    return surfaces(ChosenRuns(asked, records))["diagnose_relearn"]


@pytest.fixture(scope="module")
def few():
    """A design of too few points to learn from, which costs nothing to analyse."""
    return surface_study(LEAST_POINTS - 4)


def test_every_point_of_the_design_counts_once(few) -> None:
    asked, records = few
    again = [replace(record, seed=4001, number=record.number + 100) for record in records]
    found = mapped(asked, [*records, *again])
    assert found.surface.points.shape == (LEAST_POINTS - 4, 4)
    assert found.seeds == 2


def test_a_point_whose_runs_were_lost_is_told_apart(few) -> None:
    asked, records = few
    found = mapped(asked, [replace(records[0], status="diverged"), *records[1:]])
    assert len(found.surface.values) == LEAST_POINTS - 5
    assert found.lost.shape == (1, 4)


def test_a_hyperparameter_that_is_fixed_is_no_axis(few) -> None:
    asked, records = few
    same = [replace(record, config={**record.config, "lam": 3.0}) for record in records]
    found = mapped(asked, same)
    assert [one.axis.key for one in found.surface.influences] == ["lr", "every", "max_relearnings"]


def test_a_study_without_a_design_has_no_surface(module_study) -> None:
    assert surfaces(ChosenRuns(*module_study)) == {}
    assert surfaces(ChosenRuns(study_settings(), [])) == {}


def test_the_pairs_that_a_space_names_are_hyperparameters_of_it() -> None:
    for method in STUDY_METHODS.values():
        named = {key for pair in method.search.pairs for key in pair}
        assert named <= method.search.notation.keys()


def test_the_summary_holds_every_hyperparameter(few) -> None:
    found = analyse(*few).summary["surface"]["diagnose_relearn"]
    assert found["points"] == LEAST_POINTS - 4
    assert found["r2"] is None
    assert found["hyperparameters"]["lam"]["matters"] == "not decidable"
