import pickle

import pytest

from trainables.multimodal.errors import InputError
from trainables.multimodal.methods import METHODS, Method, method_named

RUN = {"data": "not opened", "epochs": 12}


@pytest.mark.parametrize("name", METHODS)
def test_a_method_needs_no_setting_but_data_and_epochs(name):
    config, balancers = METHODS[name].check(RUN)
    assert config.epochs == 12
    assert [type(balancer) for balancer in balancers] == list(METHODS[name].balancers)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_can_be_sent_to_another_process(name):
    assert pickle.loads(pickle.dumps(METHODS[name])) == METHODS[name]


def test_what_is_fixed_need_not_be_given_and_may_be():
    control = METHODS["boosting_no_heads"]
    for settings in (RUN, {**RUN, "max_heads": 1}):
        assert control.check(settings)[1][0].max_heads == 1


def test_what_contradicts_the_fixed_settings_is_refused():
    with pytest.raises(InputError, match="max_heads is 1 in this method and cannot be 3"):
        METHODS["boosting_no_heads"].check({**RUN, "max_heads": 3})


def test_a_modality_alone_is_a_method():
    config, balancers = method_named("unimodal_voice").check({**RUN, "modalities": ("voice",)})
    assert (config.modalities, balancers) == (("voice",), [])


def test_an_unknown_method_is_named_beside_those_there_are():
    with pytest.raises(InputError, match=r"unknown method nose; methods are toy, unimodal_.* and package"):
        method_named("nose", {"toy": Method()})


def test_a_method_of_ones_own_table_is_found():
    own = Method(fixed={"lr": 0.5})
    assert method_named("own", {"own": own}).check(RUN)[0].lr == 0.5


def test_a_method_that_brings_its_fusion_takes_no_other():
    with pytest.raises(InputError, match="LateFusion brings the fusion late and cannot have own_heads"):
        METHODS["late_fusion"].check({**RUN, "fusion": "own_heads"})
    for fusion in ("late", "concatenation"):
        METHODS["late_fusion"].check({**RUN, "fusion": fusion})


@pytest.mark.parametrize(
    ("name", "settings", "epoch"),
    [
        ("joint", {}, 0),
        ("late_fusion", {}, 0),
        ("ogm_ge", {"begin": 2}, 3),
        ("ogm_ge", {"begin": 2, "end": 2}, 0),
        ("diagnose_relearn", {"every": 3}, 4),
        ("diagnose_relearn", {"every": 3, "max_relearnings": 0}, 0),
        ("boosting", {"period": 5}, 5),
        ("boosting", {"period": 5, "assign_first": True}, 1),
        ("boosting", {"period": 5, "max_heads": 1}, 0),
        ("boosting_no_heads", {"period": 5}, 0),
        ("boosting_tripled", {"period": 5, "max_heads": 1}, 5),
        ("dr_boosting", {"period": 5, "every": 2}, 5),
        ("dr_boosting", {"period": 5, "every": 7}, 8),
        ("gradient_blending", {}, 9),
        ("gradient_blending", {"super_epoch": 2}, 5),
        ("gradient_blending", {"loss_weights": {"face": 0.0, "fused": 1.0}}, 0),
    ],
)
def test_the_first_action_is_that_of_the_balancer_that_waits_longest(name, settings, epoch):
    assert METHODS[name].first_action({**RUN, **settings}) == epoch


def test_a_method_says_what_it_needs():
    assert {name for name, method in METHODS.items() if method.fewest_modalities > 1} == {
        "ogm_ge",
        "agm",
        "pmr",
        "cggm",
    }
    free = [name for name, method in METHODS.items() if not method.needs_classes]
    both = ["diagnose_relearn", "diagnose_relearn_matched"]
    assert free == [
        "joint",
        "late_fusion",
        "uniform",
        "detached",
        "mmpareto",
        "cggm",
        "gradient_blending",
        *both,
    ]


def test_settings_are_those_of_the_trainer_and_of_every_balancer():
    assert {"lr", "epochs", "lam", "period"} <= {*METHODS["dr_boosting"].settings()}
    assert "lam" not in METHODS["boosting"].settings()


@pytest.mark.parametrize("name", METHODS)
def test_no_two_settings_of_a_method_have_one_name(name):
    settings = METHODS[name].settings()
    assert sorted(settings) == sorted(set(settings))
