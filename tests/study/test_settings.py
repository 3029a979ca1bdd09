"""The settings of a study: typed here, JSON in the ledger, and what plans take from them."""

import json
from dataclasses import replace

import pytest
from toy_study import SETTINGS

from study.methods import STUDY_METHODS, StudyMethod, study_method
from study.settings import StudySettings
from trainables.multimodal.balancers.base import Balancer
from trainables.multimodal.errors import InputError
from trainables.multimodal.methods import Method


class Late(Balancer):
    """Acts for the first time after the epochs that it is told."""

    def __init__(self, wait=1):
        self.wait = wait

    def first_action(self):
        return self.wait


@pytest.fixture
def settings():
    return StudySettings.from_json(SETTINGS)


def test_json_comes_back_as_it_was(settings):
    assert settings.to_json() == SETTINGS
    assert json.loads(json.dumps(settings.to_json())) == SETTINGS


def test_what_is_optional_is_kept_where_it_is_there():
    more = {
        "mlflow": {"uri": "x", "experiment": "study", "parent_run": None, "page": "http://x"},
        "exhausted": ["joint"],
        "resources": {
            "cpus_per_trial": 2.0,
            "gpus_per_trial": 0.5,
            "max_concurrent": 3,
            "address": None,
            "device": "cuda",
            "stage_data": "/disk",
        },
        "numerics": {"device": "cuda", "threads": 2},
    }
    assert StudySettings.from_json({**SETTINGS, **more}).to_json() == {**SETTINGS, **more}


def test_what_is_possible_with_the_data_is_kept_where_it_is_known():
    known = {**SETTINGS, "data": {**SETTINGS["data"], "ceilings": {"together": 0.9}}}
    assert StudySettings.from_json(known).data.ceilings == {"together": 0.9}
    assert StudySettings.from_json(known).to_json() == known


def test_settings_that_lack_what_every_version_wrote_are_refused():
    with pytest.raises(InputError, match="not those of a study"):
        StudySettings.from_json({key: value for key, value in SETTINGS.items() if key != "budget"})


def test_both_protocols_are_two(settings):
    both = replace(settings, protocol=replace(settings.protocol, name="both"))
    assert (settings.protocols, both.protocols) == (("clean",), ("clean", "paper"))


def test_a_modality_alone_is_a_method_with_a_label_of_its_own():
    method = study_method("unimodal_face_au")
    assert (method.label, method.trained.fixed) == ("Face au alone", {"modalities": ["face_au"]})


def test_a_method_of_another_version_has_a_label_and_trains_nothing(settings):
    assert settings.label("later_method") == "Later method"
    with pytest.raises(InputError, match="this version does not have"):
        settings.method("later_method").trained.check({})


def test_nothing_is_judged_before_a_method_has_acted_whatever_its_setting_is_called(settings):
    own = StudyMethod(Method((Late,)), STUDY_METHODS["joint"].search, "Late")
    late = replace(
        settings,
        methods=("joint", "late"),
        fixed={"joint": {}, "late": {"wait": 7}},
        table={**STUDY_METHODS, "late": own},
    )
    assert (replace(settings, methods=("joint",)).grace("joint"), late.grace("joint")) == (5, 8)


def test_a_method_whose_model_waits_until_it_acts_is_judged_later_than_the_others(settings):
    methods = ("joint", "ogm_ge", "gradient_blending")
    thirty = replace(settings.budget, epochs=30)
    asked = replace(settings, methods=methods, fixed={name: {} for name in methods}, budget=thirty)
    assert [asked.grace(name) for name in methods] == [16, 16, 24]


def test_published_values_take_the_learning_rate_of_the_best_where_they_have_one(settings):
    assert settings.published("joint", 0.05) is None
    asked = replace(settings, methods=("joint", "ogm_ge"), fixed={"joint": {}, "ogm_ge": {}})
    assert asked.published("ogm_ge", 0.05)["lr"] == 0.05
    fixed = replace(asked, fixed={"joint": {}, "ogm_ge": {"lr": 0.01}})
    assert fixed.published("ogm_ge", 0.05)["lr"] == 0.01
