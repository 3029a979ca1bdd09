"""Runs by the paper's protocol: the published recipe of each method, less what was chosen by hand."""

from dataclasses import replace

import numpy as np
import pytest

from search_spaces.published import PUBLISHED
from study.analysis.chosen_runs import ChosenRuns
from study.analysis.summary import five
from study.records.continuation import continued
from study.records.study_folder import open_ledger
from study.records.trial_record import Ending, Proposal, trial_key
from study.request import StudyRequest, resolved
from study.running.forecast import _epochs_in_all, _recipes
from study.running.stages import confirm
from study.settings import StudySettings
from study.studies import STUDIES
from trainables.multimodal.data.preparing.writer import write_store
from trainables.multimodal.data.source import Source
from trainables.multimodal.data.store.feature_store import Modality
from trainables.multimodal.errors import InputError

ROWS = 60


def write_clips(folder, *, name="cremad", lists=("official", "dnr"), is_sample=False, shown=(16, 16)):
    """A store of noise with the shape of clips, and the published splits of CREMA-D."""
    parts = ["train"] * 36 + ["validation"] * 12 + ["test"] * 12
    shapes = {"audio": ((1, 16, 16), "float32"), "visual": ((4, 3, 20, 24), "uint8")}
    draw = np.random.default_rng(0)
    arrays = {n: draw.integers(0, 256, (ROWS, *shape)).astype(kind) for n, (shape, kind) in shapes.items()}
    source = Source(
        name=name,
        root=folder,
        files=[],
        recipe={"name": "dnr-fbank"},
        classes=tuple("abc"),
        modalities={n: Modality(n, *of, shown=shown if n == "visual" else None) for n, of in shapes.items()},
        ids=[str(row) for row in range(ROWS)],
        labels=np.arange(ROWS) % 3,
        groups=None,
        splits=dict.fromkeys(("own", *lists), parts),
        default_split="own",
        load=lambda row: {name: array[row] for name, array in arrays.items()},
        is_sample=is_sample,
    )
    return write_store(source, folder / "store")


@pytest.fixture
def asked(tmp_path):
    """Settings of a study of CREMA-D's, on the store of noise."""
    store = write_clips(tmp_path)

    def ask(question="compare", protocol="both", *, fixed=(), **more):
        request = StudyRequest(protocol=protocol, fixed={"width": 0.05, **dict(fixed)}, **more)
        return resolved("toy", STUDIES[f"cremad_{question}"], store, request)

    return ask


@pytest.fixture
def ledger(open_toy):
    return open_toy()


def begun(settings, ledger, method):
    """Confirm runs that a method is asked for, which the ledger then has as completed."""
    plan = confirm(settings, ledger, method)
    proposals = [plan.propose(number, 0) for number in range(plan.count)]
    for proposal in proposals:
        key = trial_key("confirm", method, proposal, ledger.digest)
        ledger.add("confirm", method, key, proposal)
        ledger.add_epoch(key, 1, {"best/accuracy": 0.5, "best/epoch": 1, "validation/accuracy": 0.9})
        ledger.set_ending(key, Ending("completed", 1))
        ledger.tell(key)
    return proposals


def searched(settings, ledger, method):
    """A search of one trial; its configuration."""
    config = settings.config(method, {**settings.defaults(method), "lr": 0.05})
    proposal = Proposal(config, 0)
    key = trial_key("search", method, proposal, ledger.digest)
    ledger.add("search", method, key, proposal)
    ledger.add_epoch(key, 1, {"best/accuracy": 0.5})
    ledger.set_ending(key, Ending("completed", 1))
    ledger.tell(key)
    return config


@pytest.mark.parametrize("method", ["joint", "diagnose_relearn", "ogm_ge", "boosting", "mmpareto"])
def test_paper_runs_train_with_the_published_recipe_and_clean_ones_with_the_searched(asked, ledger, method):
    settings = asked(finalists=0, folds=1)
    best = searched(settings, ledger, method)
    runs = begun(settings, ledger, method)
    clean, paper = ([run for run in runs if run.protocol == name] for name in ("clean", "paper"))
    assert all(run.config == best for run in clean[: settings.seeds_of(method)])
    recipe = PUBLISHED["cremad"][method].settings
    assert len(paper) == settings.seeds_of(method)
    assert all({key: run.config[key] for key in recipe} == recipe for run in paper)


def test_published_recipes_need_no_search(asked, ledger):
    settings = asked("boosting", "paper", stages=("confirm",))
    runs = begun(settings, ledger, "boosting")
    assert {run.protocol for run in runs} == {"paper"}
    assert len(runs) == settings.seeds_of("boosting")
    confirmed = ChosenRuns(settings, ledger.records()).confirmed("boosting", "paper")
    assert [run.seed for run in confirmed] == [run.seed for run in runs]


def test_confirm_alone_is_enough_where_every_method_has_a_recipe(asked, tmp_path):
    alone = asked("boosting", "paper", stages=("confirm",))
    assert alone.unsearched == {"surface", "confirm"}
    for name in ("alone", "other"):
        (tmp_path / name).mkdir()
    open_ledger(tmp_path / "alone", alone, None).close()
    for settings in (asked("boosting", stages=("confirm",)), asked(protocol="paper", stages=("confirm",))):
        with pytest.raises(InputError, match="has not been searched yet: add search to --stages"):
            open_ledger(tmp_path / "other", settings, None)


def test_a_method_without_a_recipe_trains_with_its_best_configuration_in_single_precision(asked, ledger):
    settings = asked(protocol="paper", finalists=0)
    best = searched(settings, ledger, "pmr")
    runs = begun(settings, ledger, "pmr")
    assert all(run.config == {**best, "precision": "fp32"} for run in runs[: settings.seeds_of("pmr")])
    chosen = ChosenRuns(settings, ledger.records())
    assert len(chosen.confirmed("pmr", "paper")) == settings.seeds_of("pmr")
    assert len(chosen.published("pmr")) == settings.budget.seeds
    assert confirm(settings, ledger, "late_fusion").count == 0


def test_controls_have_the_recipe_of_their_method_but_for_what_makes_them_controls(asked):
    settings = asked()
    whole = PUBLISHED["cremad"]["boosting"].settings
    for control, own in (("boosting_no_heads", "max_heads"), ("boosting_random", "assignment")):
        recipe = settings.recipes[control].settings
        assert recipe == {key: value for key, value in whole.items() if key != own}
        config = settings.recipe_config(control)
        assert config[own] == settings.method(control).trained.fixed[own]


def test_what_is_chosen_by_hand_goes_before_a_recipe(asked):
    fixed = {"lam": 1.0, "fusion_weights": {"audio": 0.5, "visual": 0.5}}
    methods = ("diagnose_relearn", "boosting")
    settings = asked(fixed=fixed, precision="bf16", methods=methods)
    dnr, boosting = map(settings.recipe_config, methods)
    assert (dnr["lam"], dnr["width"], dnr["precision"], dnr["every"]) == (1.0, 0.05, "bf16", 20)
    assert boosting["fusion_weights"] == {"audio": 0.5, "visual": 0.5}
    assert "weight_audio" not in boosting
    assert asked(protocol="paper", split="own").recipe_config("joint")["split"] == "own"


def test_recipes_keep_their_epochs_unless_others_are_asked_for(asked, tmp_path):
    settings = asked()
    assert settings.recipe_config("boosting")["epochs"] == 200
    assert settings.recipe_config("pmr")["epochs"] == settings.budget.epochs == 90
    few = asked(epochs=20)
    assert (few.recipe_config("boosting")["epochs"], few.recipe_config("boosting")["period"]) == (20, 2)
    assert few.recipes["boosting"].source.endswith("; 20 in place of 200 epochs")
    sample = write_clips(tmp_path / "sample", is_sample=True)
    short = resolved("toy", STUDIES["cremad_dr"], sample, StudyRequest(protocol="paper"))
    assert short.recipe_config("joint")["epochs"] == short.budget.epochs


def test_clean_studies_hold_no_recipes(asked):
    settings = asked(protocol="clean")
    assert settings.recipes == {}
    assert "recipes" not in settings.to_json()


def test_recipes_come_back_from_the_ledger(asked):
    settings = asked()
    assert StudySettings.from_json(settings.to_json()) == settings


def test_a_split_that_a_recipe_needs_and_a_store_lacks_is_told(tmp_path):
    store = write_clips(tmp_path, lists=("official",))
    with pytest.raises(
        InputError, match=r"trains diagnose_relearn on split dnr, which .* lacks: put its lists"
    ):
        resolved("toy", STUDIES["cremad_dr"], store, StudyRequest(protocol="paper"))
    assert resolved("toy", STUDIES["cremad_boosting"], store, StudyRequest(protocol="paper")).recipes


def test_a_store_of_squeezed_frames_must_be_prepared_again(tmp_path):
    squeezed, sample = (write_clips(tmp_path / str(n), shown=None, is_sample=bool(n)) for n in (0, 1))
    told = r"trains joint on crops of frames as decoded, .* --recipe dnr-fbank-whole --out DIR`"
    for protocol in ("paper", "both"):
        with pytest.raises(InputError, match=told):
            resolved("toy", STUDIES["cremad_dr"], squeezed, StudyRequest(protocol=protocol))
    for store, asked in (
        (squeezed, {"protocol": "clean"}),
        (squeezed, {"protocol": "paper", "fixed": {"augment": False}}),
        (sample, {"protocol": "paper"}),
    ):
        assert resolved("toy", STUDIES["cremad_dr"], store, StudyRequest(**asked))


def test_a_recipe_that_cannot_be_trained_is_told(asked):
    with pytest.raises(InputError, match=r"--protocol paper, the recipe of boosting: .* needs at least 2"):
        asked("boosting", fixed={"modalities": ("audio",)})


def test_data_without_any_recipe_are_trained_as_before(tmp_path):
    store = write_clips(tmp_path, name="nvgesture")
    settings = resolved("toy", STUDIES["cremad_dr"], store, StudyRequest(protocol="paper"))
    assert {recipe.source for recipe in settings.recipes.values()} == {""}
    assert settings.recipe_config("joint")["precision"] == "fp32"


def test_what_a_number_rests_on_is_told_by_method(asked):
    both, paper = asked("boosting"), asked("boosting", "paper")
    assert both.protocol.split == "own / official"
    assert (both.protocol.frames, five(both, "clean")["frames"]) == (1, 1)
    for settings in (both, paper):
        told = five(settings, "paper")
        assert told["split"] == "official"
        assert told["frames"] == "by method: 2 or 1"
        assert "step learning rate" in told["optimizer"]
    assert paper.protocol.frames == "by method: 2 or 1"


def test_a_dry_run_tells_recipes_and_counts_their_epochs(asked):
    settings = asked("dr", "both", epochs=None)
    line = next(line for line in _recipes(settings) if line.startswith("paper, diagnose_relearn"))
    for told in (
        "epochs 90",
        "frames 2, middle",
        "augmentation none",
        "train of dnr",
        "fp32",
        "D&R's release",
    ):
        assert told in line
    boosting = asked("boosting")
    more = 110 * boosting.seeds_of("boosting")  # 200 in place of 90
    assert _epochs_in_all(boosting, {"confirm": 7}) == 7 * 90 + more


def test_a_study_of_an_earlier_version_is_refused_in_one_sentence(asked):
    now = asked("dr", "both")
    before = replace(now, recipes={})
    with pytest.raises(InputError, match="begun by a version whose paper protocol trained all methods alike"):
        continued(before.to_json(), now.to_json())
    with pytest.raises(InputError) as refused:
        continued(now.to_json(), asked("dr", "both", epochs=30).to_json())
    assert "recipes." not in str(refused.value)
    assert continued(now.to_json(), now.to_json())["recipes"] == now.to_json()["recipes"]
