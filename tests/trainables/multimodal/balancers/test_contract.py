"""What every method of the table must keep, with 1 to 4 modalities: one contract, whatever the method.

A new line in METHODS is tested here without an edit. That it acts within two epochs is what the settings in
its balancers' EARLY are for.
"""

import copy
import random
import shutil
from functools import cache
from typing import get_args, get_type_hints

import numpy as np
import pyarrow as pa
import pytest
import torch
from safetensors.torch import save_file

from trainables.multimodal.balancers.base import Balancer
from trainables.multimodal.balancers.diagnose_relearn import DiagnoseRelearn
from trainables.multimodal.balancers.ogm_ge import OgmGe
from trainables.multimodal.checkpoint import read_checkpoint, write_checkpoint
from trainables.multimodal.data.store import manifest as manifests
from trainables.multimodal.errors import InputError
from trainables.multimodal.methods import METHODS, Method
from trainables.multimodal.optimization import set_hyperparameters

pytestmark = pytest.mark.usefixtures("few_restarts")
MOST_MODALITIES = 4
SWITCHES = {"reset_buffers": True, "reset_head": True, "reset_momentum": True}
VARIANTS = {
    "ogm_ge_window": ("ogm_ge", {"alpha": 0.5, "begin": 1, "end": 2, "conv_only": True}),
    "diagnose_relearn_switches": ("diagnose_relearn", {"max_relearnings": 2, **SWITCHES}),
    "boosting_variants": (
        "boosting",
        {"residual": "per_head", "assignment": "difference", "step": "joint"},
    ),
}
"""Further settings of methods of the table, run at two modalities."""


class Drawing(Balancer):
    """Disturbs gradients by all three global generators, and the more the longer it has run."""

    def __init__(self):
        self.steps = 0

    def after_backward(self, run, batch, output):
        self.steps += 1
        noise = random.random() + np.random.rand() + torch.rand(()).item() + self.steps / 10
        for parameter in run.model.parameters():
            if parameter.grad is not None:  # of an encoder whose modality the whole batch lacks
                parameter.grad *= 1 + noise
        return {}

    def state_dict(self):
        return {"steps": self.steps}

    def load_state_dict(self, run, state):
        self.steps = state["steps"]


CASES = {
    **{name: (method, {}) for name, method in METHODS.items()},
    **{name: (METHODS[method], settings) for name, (method, settings) in VARIANTS.items()},
    "drawing": (Method((Drawing,)), {}),
}
"""Method and further settings by the name of a case."""


def made(name, **settings):
    """New balancers of a case, which act early."""
    method, variant = CASES[name]
    return method.check({"data": "not opened", "epochs": 3, **method.early(), **variant, **settings})[1]


def is_new(name):
    """Whether it is a method whose balancers no earlier case has: variants are run at two modalities."""
    before = list(CASES)[: list(CASES).index(name)]
    known = any(CASES[other][0].balancers == CASES[name][0].balancers for other in before)
    return name in METHODS and not known


def is_part(name):
    """Whether another method of the table has all balancers of this one, and more."""
    return any({*CASES[name][0].balancers} < {*method.balancers} for method in METHODS.values())


def few(name):
    """Two modalities, or as many as the case needs."""
    return max(2, CASES[name][0].fewest_modalities)


def counts(name):
    """Numbers of modalities that a case is run with."""
    fewest = CASES[name][0].fewest_modalities
    return range(fewest, MOST_MODALITIES + 1) if is_new(name) else [few(name)]


def zeroes(method):
    """Options of a method's balancers that are numbers and may be zero."""
    hints = {key: hint for b in method.balancers for key, hint in get_type_hints(b.__init__).items()}
    numbers = [key for key, hint in hints.items() if {int, float} & {hint, *get_args(hint)}]
    return [key for key in numbers if accepts(method, {key: 0})]


def accepts(method, settings):
    try:
        method.check({"data": "not opened", "epochs": 3, **settings})
    except InputError:
        return False
    return True


NEEDY = [name for name, (method, _) in CASES.items() if method.needs_classes]
TASKS = [
    *((name, count, "classification") for name in CASES for count in counts(name)),
    *(
        (name, few(name), task)
        for name in CASES
        for task in ("regression", "multilabel")
        if name not in (*NEEDY, "drawing")
    ),
]
SCHEDULE = {"epochs": 3, "schedule": "step", "milestones": (1, 2), "gamma": 0.5}
RECIPES = {
    "adam": {"optimizer": "adam", "encoder_lr": 0.1},
    "adamw": {
        "optimizer": "adamw",
        "schedule": "cosine",
        "warmup_epochs": 1,
        "clip_norm": 0.5,
        "label_smoothing": 0.1,
        "dropout": 0.2,
        "class_weights": {"a": 2.0},
    },
}
"""Further ways to train, by name; every method is resumed under each of them."""
BEFORE_THE_LAST = 2
"""Epochs, in which every method has acted."""


each_case = pytest.mark.parametrize(("name", "modalities", "task"), TASKS)
each_method = pytest.mark.parametrize("name", CASES)
each_count = pytest.mark.parametrize(
    ("modalities", "task"),
    [
        *((count, "classification") for count in range(1, MOST_MODALITIES + 1)),
        (2, "regression"),
        (2, "multilabel"),
    ],
)


def differences(one, other, path="state"):
    """Paths at which two nested states differ."""
    if isinstance(one, torch.Tensor):
        return [] if torch.equal(one, other) else [path]
    if isinstance(one, (dict, list, tuple)):
        keys = list(one) if isinstance(one, dict) else range(len(one))
        if len(one) != len(other) or (isinstance(one, dict) and set(one) != set(other)):
            return [path]
        return [found for key in keys for found in differences(one[key], other[key], f"{path}/{key}")]
    return [] if one == other else [path]


def fitted(make_trainer, modalities, balancers=(), **changes):
    """A trainer built and trained at once: two at a time would share the global generators."""
    trainer = make_trainer(modalities, balancers, **{"epochs": 2, **changes})
    trainer.fit()
    return trainer


def without_time(history):
    return [{name: value for name, value in metrics.items() if name != "seconds"} for metrics in history]


def resumed(make, state, constants):
    """A trainer that goes on from a checkpoint, after other things have happened in the process."""
    trainer = make()
    trainer.load_constants(constants)
    trainer.load_state_dict(state)
    return trainer


def run_early_epochs(trainer):
    """All epochs but the last; their metrics."""
    return [trainer.run_epoch() for _ in range(BEFORE_THE_LAST)]


class Whole:
    """A trainer after three epochs, what it reported, and what it gave to keep after the second."""

    def __init__(self, trainer):
        first = run_early_epochs(trainer)
        self.middle, self.constants = trainer.state_dict(), trainer.constants()
        self.history = without_time([*first, *trainer.fit()])
        self.trainer = trainer


@pytest.fixture(scope="module")
def whole(make_trainer):
    """A case trained once for all who look at it."""

    @cache
    def get(name, modalities, task):
        return Whole(make_trainer(modalities, made(name), **SCHEDULE, task=task))

    return get


@each_case
def test_resuming_equals_never_stopping(make_trainer, whole, name, modalities, task, tmp_path):
    def make():
        return make_trainer(modalities, made(name), **SCHEDULE, task=task)

    expected = whole(name, modalities, task)
    write_checkpoint(tmp_path / "state", expected.middle)  # it does not follow the epoch after it
    write_checkpoint(tmp_path / "constants", expected.constants)
    rest = resumed(make, read_checkpoint(tmp_path / "state"), read_checkpoint(tmp_path / "constants"))
    assert without_time(rest.fit()) == expected.history[BEFORE_THE_LAST:]
    assert differences(rest.state_dict(), expected.trainer.state_dict()) == []


@pytest.mark.parametrize("recipe", RECIPES)
@each_method
def test_resuming_is_exact_and_the_learning_rate_is_the_configs_under_every_recipe(
    make_trainer, name, recipe
):
    def make(**changes):
        return make_trainer(few(name), made(name), **{**SCHEDULE, **RECIPES[recipe], **changes})

    expected = Whole(make())
    assert all(np.isfinite(value) for metrics in expected.history for value in metrics.values())
    rest = resumed(make, expected.middle, expected.constants)
    assert without_time(rest.fit()) == expected.history[BEFORE_THE_LAST:]
    assert differences(rest.state_dict(), expected.trainer.state_dict()) == []
    perturbed = resumed(lambda: make(lr=0.001), expected.middle, expected.constants)
    set_hyperparameters(perturbed.optimizer, perturbed.config, perturbed.epoch)
    rates = {group["lr"] for group in perturbed.optimizer.param_groups}
    chosen = perturbed.config
    assert rates == {chosen.lr_at(BEFORE_THE_LAST) * factor for factor in (1, chosen.encoder_lr)}


@pytest.fixture(scope="module")
def pretrained(make_trainer, tmp_path_factory):
    """Initial weights of the pictures' encoder, and the file that holds them."""
    weights = make_trainer(2, seed=7).model.encoders["clip"].state_dict()
    path = tmp_path_factory.mktemp("weights") / "clip.safetensors"
    save_file(weights, path)
    return weights, {"clip": str(path)}


@each_method
def test_a_frozen_encoder_stands_still_and_resumes_exactly_to_train(make_trainer, pretrained, name):
    weights, files = pretrained

    def make():
        frozen = {"initial_weights": files, "freeze_epochs": BEFORE_THE_LAST}
        return make_trainer(few(name), made(name), **SCHEDULE, **frozen)

    expected = Whole(make())
    before = {f"encoders.clip.{key}": value for key, value in weights.items()}
    frozen, end = expected.middle["model"], expected.trainer.state_dict()["model"]
    assert all(torch.equal(frozen[key], value) for key, value in before.items())
    moved = any(not torch.equal(end[key], value) for key, value in before.items())
    assert moved == (expected.trainer._phase.schedule_epoch != 0)  # a method's own schedule may begin late
    rest = resumed(make, expected.middle, expected.constants)
    assert without_time(rest.fit()) == expected.history[BEFORE_THE_LAST:]
    assert differences(rest.state_dict(), expected.trainer.state_dict()) == []


@each_method
def test_every_loss_of_every_method_is_that_of_smoothed_and_weighted_labels(make_trainer, name):
    def losses(**changes):
        trainer = make_trainer(few(name), made(name), lr=1e-12, **changes)  # weights as good as stay
        return {key: value for key, value in trainer.run_epoch().items() if "loss" in key and "train/" in key}

    plain = losses()
    for changes in ({"label_smoothing": 0.3}, {"class_weights": {"a": 5.0}}):
        for key, value in losses(**changes).items():
            assert value != pytest.approx(plain[key], rel=1e-4), key


@each_method
def test_dropout_reaches_every_method_and_no_evaluation(make_trainer, name):
    def losses(**changes):
        metrics = make_trainer(few(name), made(name), lr=1e-12, **changes).run_epoch()
        return metrics["train/loss"], metrics["validation/loss"]

    plain, dropped = losses(), losses(dropout=0.5)
    assert dropped[0] != pytest.approx(plain[0], rel=1e-4)
    assert dropped[1] == pytest.approx(plain[1], rel=1e-4)


@each_method
def test_every_step_of_every_method_is_cut(make_trainer, name):
    longest, rate = 1e-3, 0.02
    trainer = make_trainer(few(name), made(name), lr=rate, momentum=0, weight_decay=0, clip_norm=longest)
    moved = []

    def note(optimizer, *_):
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        moved.append(torch.cat([p.detach().flatten() for p in parameters]).clone())

    trainer.optimizer.register_step_pre_hook(note)
    trainer.optimizer.register_step_post_hook(note)
    trainer.run_epoch()
    lengths = [
        float((after - before).norm()) / rate for before, after in zip(*[iter(moved)] * 2, strict=True)
    ]
    assert max(lengths) < 1.01 * longest
    assert min(lengths) > 0.5 * longest, "the toy data must have longer gradients"


@pytest.mark.parametrize(
    "part",
    [
        ("model",),
        ("optimizer",),
        ("epoch",),
        ("random", "python"),
        ("random", "numpy"),
        ("random", "torch"),
        ("balancers",),
        ("probes",),
        ("probe_optimizer",),
        ("best",),
    ],
    ids="-".join,
)
def test_leaving_out_any_part_of_the_state_breaks_the_resume(make_disturbed, disturbed, part):
    state, constants, expected = disturbed
    damaged = replaced(state, make_disturbed().state_dict(), part)
    assert differences(resumed_once(make_disturbed, damaged, constants), expected) != []


def test_the_whole_state_does_not(make_disturbed, disturbed):
    state, constants, expected = disturbed
    assert differences(resumed_once(make_disturbed, state, constants), expected) == []


@pytest.fixture(scope="module")
def make_disturbed(make_trainer):
    """A trainer that draws from all generators, and whose best epoch is not the last."""
    return lambda: make_trainer(2, [Drawing()], **{**SCHEDULE, "epochs": 4, "lr": 0.005})


@pytest.fixture(scope="module")
def disturbed(make_disturbed):
    """Its state and constants before its last epoch, and its state after it."""
    trainer = make_disturbed()
    for _ in range(3):
        trainer.run_epoch()
    state, constants = trainer.state_dict(), trainer.constants()
    trainer.run_epoch()
    return state, constants, trainer.state_dict()


def replaced(state, fresh, part):
    """The state with one part as if it had not been stored."""
    state = copy.deepcopy(state)
    holder, source = state, fresh
    for key in part[:-1]:
        holder, source = holder[key], source[key]
    holder[part[-1]] = source[part[-1]]
    return state


def resumed_once(make, state, constants):
    trainer = resumed(make, state, constants)
    trainer.run_epoch()
    return trainer.state_dict()


@each_case
def test_every_trainable_parameter_is_in_the_optimizer(whole, name, modalities, task):
    trainer = whole(name, modalities, task).trainer
    trained = [id(parameter) for group in trainer.optimizer.param_groups for parameter in group["params"]]
    assert sorted(trained) == sorted(id(p) for p in trainer.model.parameters() if p.requires_grad)


@each_case
def test_probes_do_not_change_training(make_trainer, whole, name, modalities, task):
    probed = whole(name, modalities, task).middle
    plain = make_trainer(modalities, made(name), **SCHEDULE, task=task, probes=False)
    run_early_epochs(plain)
    for part in ("model", "optimizer", "random"):
        assert differences(plain.state_dict()[part], probed[part]) == []


@each_method
def test_looking_at_purity_every_epoch_does_not_change_training(make_trainer, whole, name):
    expected = whole(name, few(name), "classification").middle
    watched = make_trainer(few(name), made(name), **SCHEDULE, diagnose="every_epoch")
    run_early_epochs(watched)
    assert differences(expected, watched.state_dict()) == []


@pytest.fixture(scope="module")
def joint(make_trainer):
    """State of joint training on n modalities, trained once for all who compare with it."""

    @cache
    def get(modalities, task):
        return fitted(make_trainer, modalities, task=task).state_dict()

    return get


@pytest.mark.parametrize("options", [{"lam": 0.0}, {"max_relearnings": 0}, {"lam": 0.0, **SWITCHES}], ids=str)
@each_count
def test_zero_is_honoured_and_equals_joint_bit_for_bit(make_trainer, joint, modalities, options, task):
    method = [DiagnoseRelearn(**{"every": 1, **options})]
    zero = fitted(make_trainer, modalities, method, task=task).state_dict()
    for part in ("model", "optimizer", "random", "probes", "best"):
        assert differences(joint(modalities, task)[part], zero[part]) == []


def test_modulation_that_ends_at_once_equals_joint(make_trainer, joint):
    zero = fitted(make_trainer, 2, [OgmGe(end=0)]).state_dict()
    for part in ("model", "optimizer", "random", "probes", "best"):
        assert differences(joint(2, "classification")[part], zero[part]) == []


@pytest.mark.parametrize("option", [{"lam": 0.0}, {"max_relearnings": 0}], ids=str)
def test_boosting_with_relearning_of_nothing_equals_boosting(make_trainer, option):
    zero, plain = (
        fitted(make_trainer, 2, balancers).state_dict()
        for balancers in (made("dr_boosting", **option), made("boosting"))
    )
    for part in ("model", "optimizer", "random", "probes", "best"):
        assert differences(plain[part], zero[part]) == []


ZEROES = [(name, key) for name, method in METHODS.items() if is_new(name) for key in zeroes(method)]


@pytest.mark.parametrize(("name", "key"), ZEROES)
def test_a_setting_of_zero_is_no_default_and_trains(make_trainer, name, key):
    balancers = made(name, **{key: 0})
    assert {getattr(balancer, key) for balancer in balancers if hasattr(balancer, key)} <= {0}
    history = make_trainer(few(name), balancers, epochs=2).fit()
    assert all(np.isfinite(value) for metrics in history for value in metrics.values())


def prepares(balancer):
    """Whether a method first trains copies of the model, which are its action until it acts on the model."""
    return type(balancer).phase is not Balancer.phase


@pytest.mark.parametrize("name", [name for name, (method, _) in CASES.items() if method.balancers])
def test_a_method_acts_within_two_epochs(make_trainer, joint, name):
    early = [prepares(balancer) or balancer.first_action() <= BEFORE_THE_LAST for balancer in made(name)]
    assert all(early), "say in EARLY how it acts early"
    trainer = make_trainer(few(name), made(name))
    run_early_epochs(trainer)
    assert differences(joint(few(name), "classification")["model"], trainer.state_dict()["model"]) != []


@each_count
def test_lambda_above_zero_differs_from_joint(make_trainer, joint, modalities, task):
    method = [DiagnoseRelearn(lam=3.0, every=1)]
    balanced = fitted(make_trainer, modalities, method, task=task).state_dict()
    assert differences(joint(modalities, task)["model"], balanced["model"]) != []


@each_case
def test_metrics_name_every_modality(whole, name, modalities, task):
    expected = whole(name, modalities, task)
    names = [
        f"{prefix}/{m}/{n}"
        for m in expected.trainer.model.encoders
        for prefix, n in [("validation", "accuracy"), ("purity", "gap")]
    ]
    assert set(names) <= set(expected.history[-1])


@each_method
def test_the_seed_decides_everything(make_trainer, whole, name):
    expected = whole(name, few(name), "classification")
    seed = expected.trainer.config.seed
    again = without_time(make_trainer(few(name), made(name), **SCHEDULE, seed=seed).fit())
    assert again == expected.history
    other = make_trainer(few(name), made(name), **SCHEDULE, seed=seed + 1)
    assert without_time([other.run_epoch()]) != expected.history[:1]


@pytest.mark.parametrize("task", ["regression", "multilabel"])
@pytest.mark.parametrize("name", NEEDY)
def test_a_method_that_needs_classes_refuses_any_other_task(name, task):
    with pytest.raises(InputError, match=r"^\w+ needs classes: leave task at classification"):
        made(name, task=task)


@pytest.mark.parametrize("name", NEEDY)
def test_the_trainer_refuses_it_too(make_trainer, name):
    with pytest.raises(InputError, match=r"^\w+ needs classes: leave task at classification"):
        make_trainer(few(name), made(name), task="regression")


GAPPY = [
    pytest.param(name, count, marks=() if is_new(name) or name == "drawing" else pytest.mark.slow)
    for name, (method, _) in CASES.items()
    for count in ((2, 3) if is_new(name) and not is_part(name) else (2,))
    if count >= method.fewest_modalities
]
"""Settings and controls of a method that stands here already are slow tests."""
each_gappy = pytest.mark.parametrize(("name", "modalities"), GAPPY)


@pytest.fixture(scope="session")
def poisoned(gappy_store, tmp_path_factory):
    """The store with gaps of n modalities, with garbage in the place of all that is absent."""

    def get(count):
        folder = tmp_path_factory.mktemp("poisoned") / "store"
        shutil.copytree(gappy_store(count), folder)
        manifest = manifests.read(folder)
        manifest["files"] = [poison(folder / entry["name"]) for entry in manifest["files"]]
        manifests.write(folder, manifest)
        return folder

    return get


def poison(file):
    """Rewrite a file of a store with garbage in it, and describe it anew."""
    batch = pa.ipc.open_file(file.read_bytes()).get_batch(0)
    columns = {name: batch.column(name) for name in batch.schema.names}
    for name in [name for name in columns if name.startswith("present:")]:
        column = columns[name.replace("present", "modality")]
        values = column.flatten().to_numpy().reshape(len(batch), -1).copy()
        absent = ~columns[name].to_numpy(zero_copy_only=False)
        assert not values[absent].any()
        values[absent] = 77 if values.dtype == np.uint8 else np.nan
        columns[name.replace("present", "modality")] = pa.FixedSizeListArray.from_arrays(
            pa.array(values.ravel()), values.shape[1]
        )
    batch = pa.RecordBatch.from_pydict(columns)
    with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_file(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return manifests.describe(file)


@pytest.fixture(scope="module")
def gappy_whole(make_gappy):
    """As `whole`, with samples that lack modalities."""

    @cache
    def get(name, modalities):
        return Whole(make_gappy(modalities, made(name), **SCHEDULE))

    return get


class TestSamplesThatLackModalities:
    """A class of its own: the two processes of the test run share the contract by classes."""

    @each_gappy
    def test_what_stands_in_the_place_of_absent_samples_changes_nothing(
        self, make_gappy, gappy_whole, poisoned, name, modalities
    ):
        clean = gappy_whole(name, modalities)
        dirty = make_gappy(modalities, made(name), **SCHEDULE, data=str(poisoned(modalities)))
        assert without_time(dirty.fit()) == clean.history
        assert dirty.test() == clean.trainer.test()
        assert differences(clean.trainer.state_dict(), dirty.state_dict()) == []

    @each_gappy
    def test_resuming_equals_never_stopping_where_samples_lack_modalities(
        self, make_gappy, gappy_whole, name, modalities
    ):
        def make():
            return make_gappy(modalities, made(name), **SCHEDULE)

        expected = gappy_whole(name, modalities)
        rest = resumed(make, expected.middle, expected.constants)
        assert without_time(rest.fit()) == expected.history[BEFORE_THE_LAST:]
        assert differences(rest.state_dict(), expected.trainer.state_dict()) == []


@pytest.mark.parametrize("name", [name for name in CASES if CASES[name][0].fewest_modalities > 1])
def test_a_method_that_compares_modalities_refuses_too_few(make_trainer, name):
    fewest = CASES[name][0].fewest_modalities
    with pytest.raises(InputError, match=f"needs at least {fewest} modalities, and the run has {fewest - 1}"):
        make_trainer(fewest - 1, made(name))
