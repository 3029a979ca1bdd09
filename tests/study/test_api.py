"""Studies from Python: one of your own, continued, reported again, and its trials as a table."""

from dataclasses import replace

import pytest
import ray

import search_spaces
from search_spaces.space import SearchSpace
from study import api
from study.methods import STUDY_METHODS, StudyMethod
from study.request import StudyRequest
from study.settings import Budget, Resources
from study.studies import Study
from trainables.multimodal.balancers.base import Balancer
from trainables.multimodal.data.store.feature_store import FeatureStore
from trainables.multimodal.errors import InputError
from trainables.multimodal.methods import Method


class Halved(Balancer):
    """Halves every gradient, or whatever `share` of it is asked for."""

    def __init__(self, share=0.5):
        self.share = share

    def after_backward(self, run, batch, output):
        for parameter in run.model.parameters():
            if parameter.grad is not None:
                parameter.grad *= self.share
        return {}


def own_space():
    """The share alone; the learning rate stays as it is."""
    from ray import tune

    return {"share": tune.uniform(0.1, 1.0)}


HALVED = StudyMethod(
    Method((Halved,)),
    SearchSpace(own_space, {"share": 0.5}, lambda: {"share": 0.5}, {"share": ("s", "share of the gradient")}),
    "Halved gradients",
)
STUDY = Study(
    "features",
    ("joint", "halved"),
    Budget(epochs=2, trials=2, seeds=2, finalists=0),
    {"hidden": 8},
    {"halved": {"share": (0.2, 1.0)}},
    {**STUDY_METHODS, "halved": HALVED},
)


def test_a_store_of_another_data_set_is_refused(toy_store, tmp_path):
    with pytest.raises(InputError, match="needs ravdess"):
        api.run_study(Study("ravdess", ("joint",), Budget(1, 1, 1)), data=toy_store, results=tmp_path)


def test_a_trial_that_this_machine_cannot_hold_is_refused_before_anything_is_written(toy_store, tmp_path):
    where = api.Where(Resources(cpus_per_trial=1000.0, gpus_per_trial=0.0))
    with pytest.raises(InputError, match="cpus-per-trial is 1000"):
        api.run_study(STUDY, data=toy_store, results=tmp_path / "results", where=where)
    assert not (tmp_path / "results").exists()


def test_a_ray_that_runs_already_is_neither_used_nor_ended(toy_store, tmp_path, monkeypatch):
    monkeypatch.setattr(ray, "is_initialized", lambda: True)
    with pytest.raises(InputError, match="Ray runs in this process already"):
        api.run_study(STUDY, data=toy_store, results=tmp_path / "results")
    assert not (tmp_path / "results").exists()


@pytest.mark.usefixtures("own_nets")
def test_a_study_whose_own_part_has_changed_does_not_go_on(resolved_on_toys, toy_store, tmp_path):
    settings = replace(resolved_on_toys(STUDY), own_parts={"own_nets:Net": "digest at the beginning"})
    where, store = api.Where(api.default_resources()), FeatureStore.open(toy_store)
    with pytest.raises(InputError, match="own_nets:Net is another one than the study was begun with"):
        api.start(tmp_path / "results" / "mine", settings, store, where)
    assert not (tmp_path / "results").exists()


def test_a_study_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match="there is no study at"):
        api.trials(tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()


def test_the_summary_of_a_study_without_a_report_is_refused(tmp_path):
    with pytest.raises(InputError, match="has written no report"):
        _ = api.StudyOutcome(3, tmp_path).summary


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_study_of_ones_own_runs_continues_and_is_reported(toy_store, tmp_path):
    one_split = StudyRequest(folds=1)
    ended = api.run_study(STUDY, data=toy_store, results=tmp_path, name="mine", request=one_split)
    assert ended.code == 0
    assert set(ended.summary["methods"]) == {"joint", "halved"}
    more = StudyRequest(folds=1, seeds=3)
    grown = api.run_study(STUDY, data=toy_store, results=tmp_path, name="mine", request=more)
    table = api.trials(ended.folder)
    counted = table.groupby(["stage", "method"]).size().to_dict()
    assert counted.pop(("confirm", "halved")) in (3, 6)  # the published value may be the best
    assert counted == {
        ("search", "joint"): 2,
        ("search", "halved"): 2,
        ("confirm", "joint"): 6,
        ("sensitivity", "halved"): 9,
    }
    assert grown.code == api.resume(ended.folder, data=toy_store, table=STUDY.table).code == 0
    assert len(api.trials(ended.folder)) == len(table)
    page = api.report(ended.folder, table=STUDY.table).html.read_text()
    assert "Halved gradients" in page


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_recipe_is_searched_confirmed_and_reported(toy_store, tmp_path):
    table = {
        name: replace(method, search=method.search.joined(search_spaces.training))
        for name, method in STUDY_METHODS.items()
    }
    methods, budget = ("joint", "diagnose_relearn"), Budget(epochs=3, trials=4, seeds=2, finalists=0)
    study = Study("features", methods, budget, {"hidden": 8}, {}, table)
    ended = api.run_study(
        study, data=toy_store, results=tmp_path, name="recipe", request=StudyRequest(folds=1)
    )
    assert ended.code == 0
    assert ended.summary["protocol"]["optimizer"].startswith("searched optimizer")
    for method in methods:
        assert ended.summary["methods"][method]["config"].keys() >= search_spaces.training(3).keys()
