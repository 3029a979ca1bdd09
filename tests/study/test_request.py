"""What a study was asked to do, and which later commands go on with it."""

import re
from dataclasses import replace

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

import search_spaces
from search_spaces.space import spelled
from study.methods import STUDY_METHODS, StudyMethod, study_method
from study.records.continuation import continued
from study.request import StudyRequest, resolved
from study.running.sampling import distributions
from study.running.stages import search
from study.settings import HeldOut, StudySettings
from study.studies import SAMPLE_STUDIES, STUDIES
from trainables.multimodal.assembly import build_model
from trainables.multimodal.config import TrainerConfig
from trainables.multimodal.data.datasets import read_source
from trainables.multimodal.data.preparing.writer import write_store
from trainables.multimodal.data.splits import by_actor, by_group
from trainables.multimodal.data.store.feature_store import FeatureStore
from trainables.multimodal.errors import InputError
from trainables.multimodal.methods import Method
from trainables.multimodal.own_parts import digest, own_part

STUDY = STUDIES["features_dr"]


def going_on(before, now):
    """Settings of the study that goes on, as the ledger keeps them."""
    return continued(before.to_json(), now.to_json())


@pytest.fixture
def settings(resolved_on_toys):
    """Settings of a study on the toy store."""
    return lambda **asked: resolved_on_toys(STUDY, **asked)


def test_a_fixed_key_reaches_only_methods_that_have_it(settings):
    assert settings(fixed={"lam": 2.0, "lr": 0.1}).fixed == {
        "joint": {"lr": 0.1},
        "diagnose_relearn": {"lam": 2.0, "lr": 0.1},
    }


def test_the_protocol_tells_the_recipe_where_it_is_not_the_default(settings):
    assert settings().protocol.optimizer.startswith("SGD, momentum 0.9, weight decay 0.0001, batch ")
    fixed = {"optimizer": "adamw", "schedule": "cosine", "warmup_epochs": 1, "class_weights": "balanced"}
    told = settings(fixed=fixed).protocol.optimizer
    assert told.startswith("AdamW, momentum 0.9, ")
    assert told.endswith("cosine learning rate, warm-up epochs 1, class weights balanced")


def test_a_recipe_is_searched_with_every_method_and_fixed_as_usual(resolved_on_toys):
    table = {
        name: replace(method, search=method.search.joined(search_spaces.training))
        for name, method in STUDY_METHODS.items()
    }
    asked = resolved_on_toys(
        replace(STUDY, table=table), fixed={"schedule": "cosine"}, space={"dropout": "0..0.9"}
    )
    for name in asked.methods:
        assert asked.space(name).keys() >= {"lr", "optimizer", "dropout"}
        assert "schedule" not in asked.space(name)
        assert asked.space(name)["dropout"].upper == 0.9
        assert asked.config(name, asked.defaults(name))["schedule"] == "cosine"
        assert distributions(asked.space(name)).keys() == asked.space(name).keys()
    told = asked.protocol.optimizer
    assert told.startswith("searched optimizer, momentum 0.9, weight decay searched, ")
    assert told.endswith("class weights searched, dropout searched, encoders' rate times searched")


def test_a_fixed_key_is_not_swept(settings):
    assert "lam" not in settings(fixed={"lam": 2.0}).sweeps["diagnose_relearn"]


def test_a_key_that_no_method_has_is_refused_with_those_there_are(settings):
    with pytest.raises(InputError, match=r"sigmaa: no method of this study has it; keys are .*lam"):
        settings(fixed={"sigmaa": 1})


def test_a_key_with_an_option_of_its_own_names_the_option(settings):
    with pytest.raises(InputError, match="use --epochs"):
        settings(fixed={"epochs": 3})


@pytest.mark.parametrize("key", ["trials", "seeds", "epochs"])
def test_a_budget_of_nothing_is_refused(settings, key):
    with pytest.raises(InputError, match=f"--{key} must be at least 1, got -1"):
        settings(**{key: -1})


def test_zero_is_refused_and_not_taken_for_the_default(settings):
    with pytest.raises(InputError, match="--trials must be at least 1, got 0"):
        settings(trials=0)


def test_the_paper_protocol_needs_a_published_split(settings):
    with pytest.raises(InputError, match="needs a published split"):
        settings(protocol="paper")


def test_an_unknown_split_is_refused(settings):
    with pytest.raises(InputError, match="nowhere"):
        settings(split="nowhere")


@pytest.mark.parametrize("change", [{"trials": 20}, {"seeds": 9}])
def test_a_study_may_grow(settings, change):
    grown = going_on(settings(trials=12, seeds=5), settings(**{"trials": 12, "seeds": 5} | change))
    assert {key: grown["budget"][key] for key in change} == change


def test_a_study_may_grow_until_the_baseline_has_as_many_seeds_as_the_others(settings):
    begun = settings(trials=12, seeds=5)
    even = replace(begun, budget=replace(begun.budget, seeds=10, baseline_seeds=10))
    assert going_on(begun, even)["budget"] == {**begun.to_json()["budget"], "seeds": 10}


def test_a_name_that_is_no_folders_is_refused(toy_store):
    with pytest.raises(InputError, match="cannot hold /, got a/b"):
        resolved("a/b", STUDY, FeatureStore.open(toy_store), StudyRequest())


def test_stages_add_up(settings):
    both = going_on(settings(stages=("search",)), settings(stages=("confirm",)))
    assert both["stages"] == ["search", "confirm"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"epochs": 7}, "budget.epochs was 30, now 7"),
        ({"trials": 1}, "budget.trials was 12, now 1"),
        ({"fixed": {"lam": 1.0}}, "fixed.diagnose_relearn.lam was None, now 1.0"),
        ({"precision": "bf16"}, "base.precision was 'auto', now 'bf16'"),
    ],
)
def test_any_other_change_is_refused_with_a_diff(settings, change, named):
    with pytest.raises(InputError, match=named):
        going_on(settings(), settings(**change))


def test_other_data_are_refused(settings):
    other = replace(settings(), data=replace(settings().data, digest="e" * 64))
    with pytest.raises(InputError, match=r"data\.digest"):
        going_on(settings(), other)


@pytest.mark.parametrize(
    ("fixed", "said"),
    [
        ({"lam": "abc"}, "lam must be >= 0 and finite, got abc"),
        ({"every": 2.5}, "every must be a whole number"),
        ({"max_relearnings": "x"}, "max_relearnings must be a whole number"),
        ({"reset_head": "yes"}, "reset_head must be true or false"),
        ({"diagnose": "end"}, "--set diagnose is refused"),
        ({"batch_size": "abc"}, "batch_size must be an integer"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused(settings, fixed, said):
    with pytest.raises(InputError, match=said):
        settings(fixed=fixed)


@pytest.mark.parametrize("name", [*STUDY_METHODS, "unimodal_face"])
def test_published_values_lie_in_the_space_whatever_the_epochs(name):
    search = study_method(name).search
    for epochs in range(1, 40):
        space = distributions(search.domains_for(("face", "voice"), epochs))
        first = search.defaults_for(("face", "voice"), epochs)
        assert first.keys() == space.keys()
        assert all(domain._contains(first[key]) for key, domain in space.items())


@pytest.mark.parametrize("name", [*STUDY_METHODS, "unimodal_face"])
def test_every_key_of_a_space_is_a_setting_of_the_method(name):
    method = study_method(name)
    values = method.search.defaults_for(("face", "voice"), 10)
    method.trained.check({**values, **method.trained.fixed, "data": "x", "epochs": 10})


def test_a_study_of_every_method_names_each_modality_alone(toy_store):
    built = resolved("toy", STUDIES["features_compare"], FeatureStore.open(toy_store), StudyRequest())
    alone = [name for name in built.methods if name.startswith("unimodal")]
    assert [built.fixed[name]["modalities"] for name in alone] == [
        [modality] for modality in built.data.modalities
    ]


def test_what_makes_a_control_is_fixed_whatever_is_set(toy_store):
    built = resolved(
        "toy", STUDIES["features_compare"], FeatureStore.open(toy_store), StudyRequest(fixed={"max_heads": 4})
    )
    assert built.fixed["boosting"] == {"max_heads": 4}
    assert built.fixed["boosting_no_heads"] == {"max_heads": 1}


def test_a_fusion_weight_is_a_key_of_the_studies_whose_methods_weigh(toy_store):
    store = FeatureStore.open(toy_store)
    key = f"weight_{next(iter(store.modalities))}"
    built = resolved("toy", STUDIES["features_boosting"], store, StudyRequest(fixed={key: 0.3}))
    assert built.fixed == {"joint": {}, "boosting": {key: 0.3}}
    with pytest.raises(InputError, match="no method of this study has it"):
        resolved("toy", STUDY, store, StudyRequest(fixed={key: 0.3}))


@pytest.mark.parametrize(
    ("study", "fixed", "said"),
    [
        ("features_compare", {"modalities": ["weak"]}, "ogm_ge needs at least 2 modalities"),
        ("features_dr", {"modalities": ["nose"]}, "has no modality nose"),
        ("features_dr", {"modalities": "weak"}, "modalities must be different names"),
        ("features_boosting", {"weight_weak": -1.0}, "fusion weights must be numbers >= 0"),
        ("features_boosting", {"fusion_weights": {"nose": 1.0}}, "fusion weights are given for nose"),
        ("features_compare", {"loss_weights": {"weak": 1.0}}, "the parts are strong, weak, fused"),
        ("features_dr_boosting", {"reset_head": True}, "leave reset_head off"),
    ],
)
def test_what_does_not_fit_the_data_is_refused_before_the_study_begins(toy_store, study, fixed, said):
    with pytest.raises(InputError, match=said):
        resolved("toy", STUDIES[study], FeatureStore.open(toy_store), StudyRequest(fixed=fixed))


def test_a_swept_value_that_does_not_fit_the_model_is_refused_before_the_study_begins(toy_store):
    swept = StudyRequest(sweep={"reset_head": "false,true"})
    with pytest.raises(InputError, match="leave reset_head off"):
        resolved("toy", STUDIES["features_dr_boosting"], FeatureStore.open(toy_store), swept)


def test_a_modality_called_as_a_part_of_a_method_is_refused_before_the_study_begins(toy_store, tmp_path):
    with np.load(toy_store.parent / "raw/toy.npz") as arrays:
        renamed = {name.replace("weak", "fused"): array for name, array in arrays.items()}
    np.savez(tmp_path / "fused.npz", **renamed)
    source = read_source("features", tmp_path / "fused.npz")
    store = FeatureStore.open(write_store(source, tmp_path / "fused").path)
    with pytest.raises(InputError, match="GradientBlending calls a part of its own fused: rename the modal"):
        resolved("toy", STUDIES["features_compare"], store, StudyRequest())
    assert resolved("toy", STUDY, store, StudyRequest()).data.modalities.keys() == {"strong", "fused"}


def weights_searched(toy_store, fixed):
    """Fusion weights that a study of boosting searches."""
    built = resolved(
        "toy", STUDIES["features_boosting"], FeatureStore.open(toy_store), StudyRequest(fixed=fixed)
    )
    assert built.space("boosting").keys() == built.defaults("boosting").keys()
    return {key for key in built.space("boosting") if key.startswith("weight_")}


def test_only_the_chosen_modalities_are_weighed(toy_store):
    assert weights_searched(toy_store, {"modalities": ["weak"]}) == {"weight_weak"}


def test_fixed_fusion_weights_leave_none_to_search(toy_store):
    weights = dict.fromkeys(FeatureStore.open(toy_store).modalities, 1.0)
    assert len(weights_searched(toy_store, {})) == len(weights)
    assert weights_searched(toy_store, {"fusion_weights": weights}) == set()


def test_nothing_is_judged_before_a_fixed_period_has_passed(settings):
    assert settings(fixed={"every": 20}).grace("joint") == 24  # and a tenth of 30 epochs to recover


@pytest.fixture
def weights(toy_store, tmp_path):
    """A file with the encoder of the toy store's modality `weak`, as --set names it."""
    store = FeatureStore.open(toy_store)
    model = build_model(TrainerConfig(data=str(toy_store), epochs=1), (), store)
    path = tmp_path / "weak.safetensors"
    save_file(model.encoders["weak"].state_dict(), path)
    return path, {"initial_weights": {"weak": str(path)}}


def test_a_study_goes_on_with_the_same_initial_weights_only(settings, weights):
    path, fixed = weights
    before = settings(fixed=fixed)
    assert going_on(before, settings(fixed=fixed)) == before.to_json() | {"resources": None}
    changed = {key: value + 1 for key, value in load_file(path).items()}
    save_file(changed, path)
    with pytest.raises(InputError, match=r"initial_weights\.weak was '[0-9a-f]{64}', now"):
        going_on(before, settings(fixed=fixed))


def test_initial_weights_that_do_not_fit_are_refused_before_the_study_begins(settings, weights):
    _, fixed = weights
    with pytest.raises(InputError, match=r"weak\.safetensors do not fit"):
        settings(fixed={**fixed, "hidden": 64})


def test_initial_weights_that_are_not_there_are_refused_before_the_study_begins(settings, tmp_path):
    with pytest.raises(InputError, match=r"gone\.pth cannot be read: No such file"):
        settings(fixed={"initial_weights": {"weak": str(tmp_path / "gone.pth")}})


def test_an_encoder_that_does_not_fit_the_data_is_refused_before_the_study_begins(settings):
    with pytest.raises(InputError, match="transformer takes sequences"):
        settings(fixed={"encoders": {"weak": "transformer"}})


NET = {"encoders": {"weak": "own_nets:Net"}}


def test_a_study_goes_on_with_the_same_own_parts_only(settings, own_nets):
    before = settings(fixed=NET)
    assert going_on(before, settings(fixed=NET)) == before.to_json() | {"resources": None}
    own_nets.write_text(own_nets.read_text() + "# changed")
    digest.cache_clear()
    with pytest.raises(InputError, match=r"own_parts\.own_nets:Net was '[0-9a-f]{64}', now"):
        going_on(before, settings(fixed=NET))


def test_a_study_without_own_parts_tells_of_none(settings):
    assert "own_parts" not in settings().to_json()


@pytest.mark.usefixtures("own_nets")
@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"base": NET}, {"own_nets:Net"}),
        ({"sweeps": {"diagnose_relearn": {"encoders": ({}, NET["encoders"])}}}, {"own_nets:Net"}),
    ],
    ids=["base", "sweep"],
)
def test_own_parts_are_found_wherever_they_are_named(toy_store, changes, parts):
    assert asked(toy_store, **changes).own_parts.keys() == parts


def own_method(fusion="concatenation"):
    """A table with a method of a user's own, and the study that compares it."""
    idle = own_part("own_nets:Idle")
    idle.fusion = fusion
    table = {**STUDY_METHODS, "idle": StudyMethod(Method((idle,)), search_spaces.joint, "Idle")}
    return {"methods": ("joint", "idle"), "sweeps": {}, "table": table}


@pytest.mark.usefixtures("own_nets")
def test_an_own_balancer_is_an_own_part(toy_store):
    assert asked(toy_store, **own_method()).own_parts.keys() == {"own_nets:Idle"}


@pytest.mark.usefixtures("own_nets")
def test_what_an_own_method_brings_is_tried_before_the_study_begins(toy_store):
    with pytest.raises(InputError, match="own_nets:Net is no subclass of Fusion"):
        asked(toy_store, **own_method("own_nets:Net"))


@pytest.mark.usefixtures("own_nets")
def test_a_study_of_own_methods_that_told_no_source_goes_on_without(toy_store):
    now = asked(toy_store, **own_method()).to_json()
    before = {key: value for key, value in now.items() if key != "own_parts"}
    assert "own_parts" not in continued(before, now)


def test_a_study_whose_space_ran_out_asks_for_what_there_is(settings, open_toy):
    asked = replace(settings(fixed={"lr": 0.1}), exhausted=("joint",))
    ledger = open_toy()
    counts = {method: search(asked, ledger, method).count for method in asked.methods}
    assert counts == {"joint": 0, "diagnose_relearn": asked.budget.trials}


def test_pictures_are_augmented_on_real_data_and_not_on_the_sample():
    assert all(study.base["augment"] for name, study in STUDIES.items() if name.startswith("cremad_"))
    assert not any("augment" in study.base for study in SAMPLE_STUDIES.values())


def asked(store, **changes):
    """Settings of a study of D&R on a store, changed in some way."""
    return resolved("toy", replace(STUDY, **changes), FeatureStore.open(store), StudyRequest())


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"methods": ("joint", "diagnose_relern")}, "unknown method diagnose_relern; methods are joint, "),
        ({"methods": ("diagnose_relearn",)}, "compares its methods with joint: name it among them"),
        ({"methods": ("joint", "unimodal_nose"), "sweeps": {}}, "has no modality nose"),
        ({"methods": ("joint",)}, "a sweep of diagnose_relearn is asked for"),
        ({"sweeps": {"diagnose_relearn": {"lamm": (1.0,)}}}, "unknown setting lamm"),
        ({"sweeps": {"diagnose_relearn": {"lam": (0.0, -1.0)}}}, "lam must be >= 0"),
    ],
)
def test_a_study_of_ones_own_that_makes_no_sense_is_refused(toy_store, changes, sentence):
    with pytest.raises(InputError, match=sentence):
        asked(toy_store, **changes)


def test_methods_can_be_picked_and_the_baseline_is_always_there(settings):
    picked = settings(methods=("late_fusion", "unimodal_*"))
    assert picked.methods == ("joint", "late_fusion", "unimodal_strong", "unimodal_weak")
    assert picked.sweeps == {}
    assert settings(methods=("diagnose_relearn",)).sweeps.keys() == {"diagnose_relearn"}


def test_an_unknown_method_is_refused(settings):
    with pytest.raises(InputError, match="unknown method relearning; methods are joint, "):
        settings(methods=("relearning",))


def test_joint_gets_twice_the_seeds(settings):
    asked = settings(seeds=4)
    assert [asked.seeds_of(method) for method in asked.methods] == [8, 4]


@pytest.mark.parametrize(
    ("asked", "prunes"),
    [
        ({"trials": 15}, False),
        ({"trials": 16}, True),
        ({"trials": 2, "pruning": "always"}, True),
        ({"trials": 64, "pruning": "never"}, False),
    ],
)
def test_small_searches_stop_no_trial(settings, asked, prunes):
    assert settings(**asked).prunes is prunes


def test_the_size_of_the_test_set_is_known(settings, toy_store):
    store = FeatureStore.open(toy_store)
    assert settings().protocol.tested == {"clean": HeldOut(len(store), 0)}  # over all folds
    assert settings(folds=1).protocol.tested == {"clean": HeldOut(len(store.split()["test"]), 0)}


def test_folds_test_every_person_once(tmp_path):
    labels = np.arange(120) % 3
    arrays = {
        "modality:face": np.zeros((120, 2), np.float32),
        "modality:voice": np.zeros((120, 2), np.float32),
    }
    (tmp_path / "raw").mkdir()
    people = np.array([f"actor-{n // 12}" for n in range(120)])
    np.savez(tmp_path / "raw/people.npz", label=labels, group=people, **arrays)
    source = read_source("features", tmp_path / "raw")
    folded = replace(source, splits=by_actor(list(people)), default_split="actor-disjoint")
    store = FeatureStore.open(write_store(folded, tmp_path / "store").path)
    asked = resolved("toy", STUDY, store, StudyRequest())
    assert asked.folds == tuple(f"actor-disjoint-{n}" for n in range(1, 6))
    assert asked.protocol.tested == {"clean": HeldOut(120, 10)}
    with pytest.raises(InputError, match="--folds 5 needs as many --seeds at least, and 3 are given"):
        resolved("toy", STUDY, store, StudyRequest(folds=5, seeds=3))
    with pytest.raises(InputError, match="--seeds auto adds seeds, and over 5 folds samples count"):
        resolved("toy", STUDY, store, StudyRequest(seeds="auto"))
    assert resolved("toy", STUDY, store, StudyRequest(seeds=3)).folds == asked.folds[:3]
    assert resolved("toy", STUDY, store, StudyRequest(seeds=1)).folds == ()
    few_seeds = replace(STUDY, budget=replace(STUDY.budget, seeds=3))
    assert resolved("toy", few_seeds, store, StudyRequest()).budget.seeds == 5
    few = resolved("toy", STUDY, store, StudyRequest(folds=2))
    assert (few.folds, few.protocol.tested["clean"].groups) == (asked.folds[:2], 4)
    assert resolved("toy", STUDY, store, StudyRequest(split="actor-disjoint-2")).folds == ()
    cut = replace(source, splits={**by_actor(list(people)), "first": by_group(people)}, default_split="first")
    store = FeatureStore.open(write_store(cut, tmp_path / "cut").path)
    assert resolved("toy", STUDY, store, StudyRequest()).folds == asked.folds
    assert resolved("toy", STUDY, store, StudyRequest(split="first")).folds == ()


PEOPLE = [f"actor-{row // 12}" for row in range(120)]


def without_voice(folder, split):
    """A store of ten people with five folds, in which nobody of the split's validation part has a voice."""
    voiced = np.array(by_actor(PEOPLE)[split]) != "validation"
    arrays = {f"modality:{name}": np.zeros((120, 2), np.float32) for name in ("face", "voice")}
    arrays |= {"label": np.arange(120) % 3, "group": np.array(PEOPLE), "present:voice": voiced}
    np.savez(folder / "people.npz", **arrays)
    return FeatureStore.open(write_store(read_source("features", folder), folder / "store").path)


def test_a_fold_without_a_modality_is_refused_before_the_study_begins_unless_it_is_left_out(tmp_path):
    store = without_voice(tmp_path, "actor-disjoint-2")
    said = r"fold actor-disjoint-2: voice is present in 0 samples of the validation part.* with --folds 1$"
    with pytest.raises(InputError, match=said):
        resolved("toy", STUDY, store, StudyRequest())
    assert resolved("toy", STUDY, store, StudyRequest(folds=1)).folds == ()
    assert len(resolved("toy", STUDY, store, StudyRequest(fixed={"modalities": ["face"]})).folds) == 5
    alone = replace(STUDY, methods=("joint", "unimodal_voice"), sweeps={}, base={"modalities": ["face"]})
    with pytest.raises(InputError, match=said):
        resolved("toy", alone, store, StudyRequest())


def test_a_split_without_a_modality_is_refused_before_the_study_begins(tmp_path):
    store = without_voice(tmp_path, "actor-disjoint")
    with pytest.raises(InputError, match=r"^voice is present in 0 samples of the validation part"):
        resolved("toy", STUDY, store, StudyRequest())


def test_a_fold_without_a_class_is_refused_unless_it_is_left_out(toy_store, tmp_path):
    source = read_source("features", toy_store.parent / "raw")
    first = [
        part if part != "test" or label else ""
        for part, label in zip(source.splits["stratified-1"], source.labels, strict=True)
    ]
    splits = {**source.splits, "stratified-1": first}
    store = FeatureStore.open(write_store(replace(source, splits=splits), tmp_path / "lacking").path)
    said = r"^fold stratified-1: .* its test part has no sample of class 0;.* with --folds 1$"
    with pytest.raises(InputError, match=said):
        resolved("toy", STUDY, store, StudyRequest())
    assert resolved("toy", STUDY, store, StudyRequest(folds=1)).folds == ()


def test_folds_that_a_store_does_not_have_are_refused(settings):
    with pytest.raises(InputError, match=r"--folds must be 1 .* split stratified-2 of features has none"):
        settings(folds=5, split="stratified-2")
    with pytest.raises(InputError, match=r"--folds must be 1 .* stratified has 5"):
        settings(folds=6)
    assert settings(folds=1).folds == ()


def test_a_study_of_an_earlier_version_goes_on_without_what_is_new(settings):
    now = settings()
    plain = now.to_json()
    before = {key: value for key, value in plain.items() if key not in ("pruning", "confirms_published")}
    before["budget"] = {"epochs": 30, "trials": 12, "seeds": 5}
    before["protocol"] = {key: value for key, value in plain["protocol"].items() if key != "tested"}
    assert continued(before, plain) == before | {"resources": None}


def test_a_study_that_began_to_sweep_sigma_below_1_goes_on_with_that(resolved_on_toys):
    now = resolved_on_toys(STUDIES["features_boosting"])
    assert min(now.sweeps["boosting"]["sigma"]) == 1
    before = replace(now, sweeps={"boosting": {**now.sweeps["boosting"], "sigma": [0.8, 1.0, 1.2]}})
    assert going_on(before, now)["sensitivity"] == before.to_json()["sensitivity"]
    with pytest.raises(InputError, match=r"sensitivity\.boosting\.sigma was"):
        going_on(now, before)


@pytest.mark.parametrize(
    ("was", "says"), [("", "suspicious: 2."), ("leaky.", ""), ("leaky.", "suspicious: 2.")]
)
def test_what_is_said_of_the_same_data_may_change(settings, was, says):
    now = settings()
    before, later = (replace(now, data=replace(now.data, note=note)) for note in (was, says))
    assert going_on(before, later)["data"] == later.to_json()["data"]


@pytest.mark.parametrize(
    ("change", "difference"),
    [({"pruning": "always"}, "pruning was 'auto', now None"), ({"finalists": 1}, "finalists was 3, now 1")],
)
def test_a_study_goes_on_with_its_own_protocol_only(settings, change, difference):
    with pytest.raises(InputError, match=difference):
        going_on(settings(), settings(**change))


def test_seeds_may_be_left_to_the_results(settings):
    budget = settings(seeds="auto", folds=1).budget
    assert (budget.seeds, budget.baseline_seeds, budget.most_seeds) == (5, 10, 20)


def test_a_range_is_searched_by_every_method_that_searches_the_key(settings):
    asked = settings(space={"lr": "1e-4..1e-1:log", "every": "2..5"})
    assert asked.ranges == {"lr": "0.0001..0.1:log", "every": "2..5"}
    spaces = {method: distributions(asked.space(method)) for method in asked.methods}
    assert {(space["lr"].low, space["lr"].high, space["lr"].log) for space in spaces.values()} == {
        (1e-4, 0.1, True)
    }
    every = spaces["diagnose_relearn"]["every"]
    assert (type(every).__name__, every.low, every.high) == ("IntDistribution", 2, 5)


def test_what_is_spelled_in_a_dry_run_may_be_asked_for(settings):
    own = settings()
    spellings = {key: spelled(domain) for key, domain in own.space("diagnose_relearn").items()}
    again = settings(space=spellings)
    assert distributions(again.space("diagnose_relearn")) == distributions(own.space("diagnose_relearn"))


def test_equal_ranges_and_values_are_the_same_settings(settings):
    one = settings(space={"lr": "1e-4..1e-1:log", "lam": "1,3"}, sweep={"lam": "10,0,1"})
    other = settings(space={"lr": ".0001..0.10:log", "lam": (3.0, 1)}, sweep={"lam": [0.0, 1, 1.0, 1e1]})
    assert one.to_json() | {"id": ""} == other.to_json() | {"id": ""}
    assert going_on(one, other) == one.to_json() | {"resources": None}
    assert StudySettings.from_json(one.to_json()).ranges == {"lr": "0.0001..0.1:log", "lam": [1.0, 3.0]}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"space": {"lr": "1e-3..1e-2:log"}}, r"ranges\.lr was None, now '0\.001\.\.0\.01:log'"),
        ({"sweep": {"lam": "0,3"}}, r"sensitivity\.diagnose_relearn\.lam was \[0\.0, 1\.0, 3\.0, 10\.0\]"),
    ],
)
def test_a_study_goes_on_with_its_own_ranges_and_sweeps_only(settings, change, said):
    with pytest.raises(InputError, match=said):
        going_on(settings(), settings(**change))


def test_swept_values_go_to_methods_that_search_the_key_or_to_all_that_have_it(toy_store):
    store = FeatureStore.open(toy_store)
    asked = StudyRequest(sweep={"smoothing": "0,1", "weight_decay": "0,1e-3", "max_heads": "2,3"})
    swept = resolved("toy", STUDIES["features_compare"], store, asked).sweeps
    assert {name for name, keys in swept.items() if "smoothing" in keys} == {
        *("boosting", "dr_boosting", "boosting_frozen", "boosting_random")
    }
    assert {name for name, keys in swept.items() if "weight_decay" in keys} > {"joint", "ogm_ge"}
    assert swept["boosting"]["max_heads"] == [2, 3]
    assert "max_heads" not in swept["boosting_no_heads"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (
            {"space": {"lamm": "0..1"}},
            "--space lamm: no method of this study searches it; searched are every, lam",
        ),
        ({"space": {"weight_decay": "0..1"}}, "no method of this study searches it"),
        ({"space": {"lam": "3..1"}}, "--space lam: the range 3..1 is empty"),
        ({"space": {"lam": "-1..1"}}, "lam must be >= 0 and finite, got -1.0"),
        ({"space": {"every": "0..3"}}, "every must be >= 1, got 0"),
        ({"space": {"lam": "3"}}, "--space lam takes LOW..HIGH, LOW..HIGH:log or several values, got 3.0"),
        ({"space": {"lam": "0..1"}, "fixed": {"lam": 2.0}}, "--space lam: --set fixes it, leave one of the"),
        ({"sweep": {"lamm": "0,1"}}, "--sweep lamm: no method of this study has it; keys are "),
        ({"sweep": {"epochs": "3,4"}}, "--sweep epochs is refused: use --epochs instead"),
        ({"sweep": {"lam": ""}}, "--sweep lam takes values with a comma between them, got none"),
        ({"sweep": {"lam": "0,x"}}, "lam must be >= 0 and finite, got x"),
        ({"sweep": {"lam": "0,1"}, "fixed": {"lam": 2.0}}, "--sweep lam: --set fixes it"),
        ({"sweep": {"encoders": "{'weak': 'transformer'},{}"}}, "transformer takes sequences"),
        ({"points": 8}, "--points are those of a surface: add surface to --stages"),
        ({"points": 0, "stages": ("surface",)}, "--points must be at least 1, got 0"),
    ],
)
def test_ranges_values_and_points_that_make_no_sense_are_refused(settings, asked, said):
    with pytest.raises(InputError, match=re.escape(said)):
        settings(**asked)


def test_points_may_grow_and_a_command_without_a_surface_leaves_them(settings):
    both = ("search", "surface")
    begun = settings(stages=both, points=8)
    assert going_on(begun, settings(stages=both, points=16))["budget"]["points"] == 16
    assert going_on(begun, settings(stages=("confirm",)))["budget"]["points"] == 8
    later = going_on(settings(), settings(stages=("surface",), points=4))
    assert (later["budget"]["points"], later["stages"][-1]) == (4, "surface")
    with pytest.raises(InputError, match=r"budget\.points was 8, now 4"):
        going_on(begun, settings(stages=both, points=4))
    assert settings(stages=both).budget.points == 64
    assert "points" not in settings().to_json()["budget"]


def test_trials_name_the_default_of_a_swept_setting_that_is_not_searched(settings):
    asked = settings(sweep={"weight_decay": "0,1e-3", "hidden": "8,16", "lam": "0,1"}, fixed={"lr": 0.1})
    assert asked.fixed["joint"] == {"lr": 0.1, "weight_decay": 1e-4, "hidden": 256}
    assert asked.fixed["diagnose_relearn"] == asked.fixed["joint"]
    assert asked.sweeps["joint"] == {"weight_decay": [0, 1e-3], "hidden": [8, 16]}


def test_a_surface_of_nothing_but_learning_rates_is_refused(toy_store):
    alone = replace(STUDY, methods=("joint", "unimodal_*"), sweeps={})
    with pytest.raises(InputError, match="no method of this study searches more than the learning rate"):
        resolved("toy", alone, FeatureStore.open(toy_store), StudyRequest(stages=("search", "surface")))


def test_a_study_begins_with_trials_of_a_method_that_has_some(settings):
    assert settings().begins_with == ("search", "joint")
    assert settings(stages=("surface",)).begins_with == ("surface", "diagnose_relearn")


def test_a_method_that_can_hold_nothing_out_of_training_is_left_out_with_the_reason(settings, monkeypatch):
    def none(*_, **__):
        raise InputError("no tenth of the training samples can be held out")

    monkeypatch.setattr("study.request.held_out", none)
    asked = settings(methods=("ogm_ge", "gradient_blending"))
    assert asked.methods == ("joint", "ogm_ge")
    assert asked.inapplicable.keys() == {"gradient_blending"}
    with pytest.raises(InputError, match="gradient_blending cannot train here: no tenth"):
        settings(methods=("gradient_blending",))
