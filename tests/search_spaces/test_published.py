"""Every published recipe against what METHODS says of it: values from papers and releases, written out."""

import pytest

from search_spaces.published import PUBLISHED
from study.methods import STUDY_METHODS
from trainables.multimodal.data.adapters.cremad import SOUND
from trainables.multimodal.data.splits import TRAINED_ON

EVERY = [(data, method) for data, recipes in PUBLISHED.items() for method in recipes]
MODALITIES = ("audio", "visual")

ALIKE = {"optimizer": "sgd", "momentum": 0.9, "weight_decay": 1e-4, "batch_size": 64, "precision": "fp32"}
WHOLE = {"split": "official", "train_on": "train+validation"}
DRAWN = {"frame_choice": "random", "augment": True, "crop": "frame"}
FIRST = {"frame_choice": "first", "augment": True, "crop": "frame"}
MIDDLE = {"frame_choice": "middle", "augment": False}
ASSIGNMENT = {
    "assignment": "released",
    "assign_first": True,
    "sigma": 1.0,
    "tau": 0.01,
    "train_new_heads": False,
    "weight_audio": 0.4,
    "weight_visual": 0.6,
}
RELEASED = {
    ("cremad", "joint"): {**WHOLE, **DRAWN, "frames": 2, "lr": 2e-3, "epochs": 90, "schedule": "constant"},
    ("cremad", "diagnose_relearn"): {
        **MIDDLE,
        "split": "dnr",
        "train_on": "train",
        "frames": 2,
        "lr": 2e-3,
        "epochs": 90,
        "schedule": "constant",
        "lam": 3.0,
        "every": 20,
        "max_relearnings": 3,
        "n_init": 10,
        "init": "dnr",
        "ties": "first",
    },
    ("cremad", "uniform"): {**WHOLE, **DRAWN, "frames": 2, "lr": 2e-3, "epochs": 50, "schedule": "constant"},
    ("cremad", "mmpareto"): {**WHOLE, **DRAWN, "frames": 2, "lr": 2e-3, "epochs": 50, "gain": 1.5},
    ("cremad", "ogm_ge"): {
        **WHOLE,
        **FIRST,
        "frames": 1,
        "lr": 1e-3,
        "epochs": 100,
        "schedule": "step",
        "milestones": [70],
        "gamma": 0.1,
        "alpha": 0.8,
        "begin": 0,
        "end": 51,
        "noise": True,
        "conv_only": True,
        "init": "ogm",
        "ties": "first",
    },
    ("cremad", "boosting"): {
        **WHOLE,
        **FIRST,
        **ASSIGNMENT,
        "frames": 1,
        "lr": 1e-2,
        "epochs": 200,
        "schedule": "step",
        "milestones": [69, 139],
        "gamma": 0.1,
        "period": 20,
        "smoothing": 0.5,
        "init": "ogm",
        "ties": "last",
    },
    ("kinetics-sounds", "joint"): {**WHOLE, **DRAWN, "lr": 1e-3, "epochs": 90},
    ("kinetics-sounds", "diagnose_relearn"): {**MIDDLE, "split": "official", "train_on": "train", "lr": 1e-3},
    ("kinetics-sounds", "boosting"): {
        **ASSIGNMENT,
        "frames": 3,
        "lr": 1e-2,
        "epochs": 100,
        "milestones": [69],
        "period": 10,
        "smoothing": 0.2,
        "ties": "first",
    },
    ("vggsound", "joint"): {"frames": 3, "lr": 1e-3, "milestones": [70], "init": "ogm"},
    ("vggsound", "ogm_ge"): {"frames": 3, "alpha": 0.1, "end": 51, "milestones": [70], "init": "ogm"},
}


@pytest.mark.parametrize(("data", "method"), EVERY)
def test_a_recipe_is_what_was_released(data, method):
    settings = PUBLISHED[data][method].settings
    expected = {**ALIKE, **RELEASED[data, method]}
    assert {key: settings[key] for key in expected} == expected


@pytest.mark.parametrize(("data", "method"), EVERY)
def test_a_recipe_names_its_source_and_leaves_nothing_to_the_search(data, method):
    recipe, asked = PUBLISHED[data][method], STUDY_METHODS[method]
    assert recipe.source
    assert recipe.sound
    searched = asked.search.domains_for(MODALITIES, recipe.settings["epochs"])
    assert searched.keys() <= recipe.settings.keys()
    asked.trained.check({**recipe.settings, "data": "store", "selection": "test"})


def test_the_sound_of_crema_d_is_a_recipe_of_ours():
    assert {recipe.sound for recipe in PUBLISHED["cremad"].values()} == set(SOUND)


@pytest.mark.parametrize(("data", "method"), EVERY)
@pytest.mark.parametrize("epochs", [1, 3, 30, 400])
def test_a_recipe_of_other_epochs_can_be_trained(data, method, epochs):
    scaled = PUBLISHED[data][method].at(epochs)
    assert scaled["epochs"] == epochs
    STUDY_METHODS[method].trained.check({**scaled, "data": "store", "selection": "test"})


def test_what_counts_epochs_is_scaled_with_them_and_nothing_else():
    recipe = PUBLISHED["cremad"]["boosting"]
    changed = {key: value for key, value in recipe.at(100).items() if recipe.settings[key] != value}
    assert changed == {"epochs": 100, "milestones": [34, 70], "period": 10}
    modulated = PUBLISHED["cremad"]["ogm_ge"].at(50)
    assert (modulated["begin"], modulated["end"], modulated["milestones"]) == (0, 26, [35])
    assert recipe.at(200) == recipe.settings


def test_training_parts_are_named_as_settings_name_them():
    assert {PUBLISHED[d][m].settings["train_on"] for d, m in EVERY} == set(TRAINED_ON)
