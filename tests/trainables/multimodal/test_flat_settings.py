import pytest

from trainables.multimodal.balancers.boosting import Boosting
from trainables.multimodal.balancers.diagnose_relearn import DiagnoseRelearn
from trainables.multimodal.balancers.late_fusion import LateFusion
from trainables.multimodal.config import TrainerConfig
from trainables.multimodal.errors import InputError
from trainables.multimodal.flat_settings import default_settings, known_settings, split_settings


def test_flat_settings_are_divided_between_trainer_and_balancer():
    settings = {"data": "s", "epochs": 2, "lr": 0.1, "lam": 4.0, "tau": 0.2}
    config, arguments = split_settings(settings, [Boosting, DiagnoseRelearn])
    assert config == TrainerConfig(data="s", epochs=2, lr=0.1)
    assert arguments == [{"tau": 0.2}, {"lam": 4.0}]


def test_weights_of_modalities_are_gathered():
    settings = {"data": "s", "epochs": 2, "weight_a": 0.3, "weight_b": 0.9}
    _, [arguments] = split_settings(settings, [LateFusion])
    assert arguments == {"fusion_weights": {"a": 0.3, "b": 0.9}}
    with pytest.raises(InputError, match="not both"):
        split_settings({**settings, "fusion_weights": {"a": 1.0}}, [LateFusion])
    with pytest.raises(InputError, match="unknown setting weight_a, weight_b"):
        split_settings(settings, [DiagnoseRelearn])


def test_a_method_that_has_a_setting_of_the_trainers_is_refused():
    def own(gamma=0.5):
        """A balancer."""

    with pytest.raises(InputError, match="own and the trainer both have a setting gamma"):
        split_settings({"data": "s", "epochs": 2}, [own])


def test_defaults_are_those_of_settings_that_may_be_left_out():
    defaults = default_settings([DiagnoseRelearn])
    assert (defaults["weight_decay"], defaults["lam"], defaults["milestones"]) == (1e-4, 3.0, ())
    assert not defaults.keys() & {"data", "epochs"}
    assert defaults.keys() <= set(known_settings([DiagnoseRelearn]))


def test_a_setting_that_nobody_knows_is_named_beside_the_known_ones():
    with pytest.raises(InputError, match=r"unknown setting lam; known settings are .*width"):
        split_settings({"data": "s", "epochs": 2, "lam": 4.0}, [])


def test_settings_without_data_or_epochs_are_refused():
    with pytest.raises(InputError, match="lack data and epochs"):
        split_settings({"lr": 0.1}, [])


def test_known_settings_are_the_trainers_and_the_balancers():
    assert {"lr", "width", "lam", "every", "reset_head"} <= set(known_settings([DiagnoseRelearn]))


def test_weight_decay_is_no_weight_of_a_modality():
    config, [arguments] = split_settings({"data": "s", "epochs": 2, "weight_decay": 0.1}, [LateFusion])
    assert (config.weight_decay, arguments) == (0.1, {})
