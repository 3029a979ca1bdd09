"""What every balancer must keep, with 1 to 4 modalities: one contract, whatever the method."""

import copy
import random
import shutil

import numpy as np
import pyarrow as pa
import pytest
import torch

from trainables.multimodal.balancers.base import Balancer
from trainables.multimodal.balancers.boosting import Boosting
from trainables.multimodal.balancers.diagnose_relearn import DiagnoseRelearn
from trainables.multimodal.balancers.late_fusion import LateFusion
from trainables.multimodal.balancers.ogm_ge import OgmGe
from trainables.multimodal.checkpoint import read_checkpoint, write_checkpoint
from trainables.multimodal.data.store import manifest as manifests
from trainables.multimodal.errors import InputError
from trainables.multimodal.methods import METHODS as TABLE

SWITCHES = {"reset_buffers": True, "reset_head": True, "reset_momentum": True}


class Drawing(Balancer):
    """Disturbs gradients by all three global generators, and the more the longer it has run."""

    def __init__(self):
        self.steps = 0

    def after_backward(self, trainer, batch, output):
        self.steps += 1
        noise = random.random() + np.random.rand() + torch.rand(()).item() + self.steps / 10
        for parameter in trainer.model.parameters():
            if parameter.grad is not None:  # of an encoder whose modality the whole batch lacks
                parameter.grad *= 1 + noise
        return {}

    def state_dict(self):
        return {"steps": self.steps}

    def load_state_dict(self, trainer, state):
        self.steps = state["steps"]


GROWING = {
    "period": 1,
    "max_heads": 3,
    "sigma": 0.0,
    "tau": 0.0,
}  # every modality gets a head after each epoch
METHODS = {
    "joint": list,
    "late_fusion": lambda: [LateFusion()],
    "ogm_ge": lambda: [OgmGe(alpha=0.5)],
    "ogm_ge_window": lambda: [OgmGe(alpha=0.5, begin=1, end=2, conv_only=True)],
    "diagnose_relearn": lambda: [DiagnoseRelearn(lam=3.0, every=1, max_relearnings=2)],
    "diagnose_relearn_switches": lambda: [DiagnoseRelearn(lam=3.0, every=1, max_relearnings=2, **SWITCHES)],
    "boosting": lambda: [Boosting(**GROWING)],
    "boosting_variants": lambda: [
        Boosting(**GROWING, residual="per_head", assignment="difference", step="joint")
    ],
    "dr_boosting": lambda: [Boosting(**GROWING), DiagnoseRelearn(lam=3.0, every=1)],
    **{
        name: lambda control=method.fixed: [Boosting(**{**GROWING, **control})]
        for name, method in TABLE.items()
        if method.fixed
    },
    "drawing": lambda: [Drawing()],
}
COUNTS = {  # of modalities; what is a variant of another method is run at two
    **dict.fromkeys(METHODS, (2,)),
    **dict.fromkeys(
        ("joint", "late_fusion", "diagnose_relearn", "boosting", "dr_boosting", "drawing"), (1, 2, 3, 4)
    ),
    "ogm_ge": (2, 3, 4),
}
REGRESSIONS = ("joint", "late_fusion", "diagnose_relearn", "diagnose_relearn_switches")
CASES = [
    *((name, count, "classification") for name, counts in COUNTS.items() for count in counts),
    *((name, count, "regression") for name in REGRESSIONS for count in COUNTS[name]),
]
SCHEDULE = {"epochs": 4, "schedule": "step", "milestones": (1, 3), "gamma": 0.5}


each_case = pytest.mark.parametrize(("name", "modalities", "task"), CASES)
each_method = pytest.mark.parametrize("name", METHODS)
each_task = pytest.mark.parametrize("task", ["classification", "regression"])
each_count = pytest.mark.parametrize("modalities", [1, 2, 3, 4])


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
    trainer = make_trainer(modalities, balancers, **{"epochs": 3, **changes})
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


@each_case
def test_resuming_equals_never_stopping(make_trainer, name, modalities, task, tmp_path):
    def make():
        return make_trainer(modalities, METHODS[name](), **SCHEDULE, task=task)

    whole = make()
    expected = without_time(whole.fit())
    half = make()
    first = [half.run_epoch(), half.run_epoch()]
    write_checkpoint(tmp_path / "state", half.state_dict())
    write_checkpoint(tmp_path / "constants", half.constants())
    half.run_epoch()  # the checkpoint does not follow what happens after it
    rest = resumed(make, read_checkpoint(tmp_path / "state"), read_checkpoint(tmp_path / "constants"))
    assert without_time([*first, *rest.fit()]) == expected
    assert differences(rest.state_dict(), whole.state_dict()) == []


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
def test_leaving_out_any_part_of_the_state_breaks_the_resume(make_trainer, part):
    def make():
        return make_trainer(2, [Drawing()], **{**SCHEDULE, "lr": 0.002})

    whole = make()
    for _ in range(3):
        whole.run_epoch()
    state, constants = whole.state_dict(), whole.constants()
    whole.run_epoch()
    expected, fresh = whole.state_dict(), make().state_dict()
    assert differences(resumed_once(make, state, constants), expected) == []
    assert differences(resumed_once(make, replaced(state, fresh, part), constants), expected) != []


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
def test_every_trainable_parameter_is_in_the_optimizer(make_trainer, name, modalities, task):
    trainer = make_trainer(modalities, METHODS[name](), epochs=2, task=task)
    trainer.fit()
    trained = [id(parameter) for group in trainer.optimizer.param_groups for parameter in group["params"]]
    assert sorted(trained) == sorted(id(p) for p in trainer.model.parameters() if p.requires_grad)


@each_case
def test_probes_do_not_change_training(make_trainer, name, modalities, task):
    plain, probed = (
        fitted(make_trainer, modalities, METHODS[name](), epochs=2, probes=probes, task=task).state_dict()
        for probes in (False, True)
    )
    for part in ("model", "optimizer", "random"):
        assert differences(plain[part], probed[part]) == []


@each_method
def test_looking_at_purity_every_epoch_does_not_change_training(make_trainer, name):
    plain, watched = (
        fitted(make_trainer, 2, METHODS[name](), diagnose=when).state_dict()
        for when in ("end", "every_epoch")
    )
    assert differences(plain, watched) == []


@pytest.mark.parametrize("options", [{"lam": 0.0}, {"max_relearnings": 0}, {"lam": 0.0, **SWITCHES}], ids=str)
@each_count
@each_task
def test_zero_is_honoured_and_equals_joint_bit_for_bit(make_trainer, modalities, options, task):
    joint = fitted(make_trainer, modalities, task=task).state_dict()
    method = [DiagnoseRelearn(**{"every": 1, **options})]
    zero = fitted(make_trainer, modalities, method, task=task).state_dict()
    for part in ("model", "optimizer", "random", "probes", "best"):
        assert differences(joint[part], zero[part]) == []


@pytest.mark.parametrize(
    ("zero", "plain"),
    [
        ([OgmGe(end=0)], []),
        ([Boosting(**GROWING), DiagnoseRelearn(lam=0.0, every=1)], [Boosting(**GROWING)]),
        ([Boosting(**GROWING), DiagnoseRelearn(max_relearnings=0)], [Boosting(**GROWING)]),
    ],
    ids=["ogm_ge", "dr_boosting-lam", "dr_boosting-max_relearnings"],
)
def test_zero_is_honoured_and_equals_the_method_without(make_trainer, zero, plain):
    states = [fitted(make_trainer, 2, copy.deepcopy(method)).state_dict() for method in (zero, plain)]
    for part in ("model", "optimizer", "random", "probes", "best"):
        assert differences(states[0][part], states[1][part]) == []


@each_count
@each_task
def test_lambda_above_zero_differs_from_joint(make_trainer, modalities, task):
    joint = fitted(make_trainer, modalities, task=task).state_dict()
    method = [DiagnoseRelearn(lam=3.0, every=1)]
    balanced = fitted(make_trainer, modalities, method, task=task).state_dict()
    assert differences(joint["model"], balanced["model"]) != []


@each_case
def test_metrics_name_every_modality(make_trainer, name, modalities, task):
    trainer = make_trainer(modalities, METHODS[name](), epochs=1, task=task)
    metrics = trainer.run_epoch()
    names = [
        f"{prefix}/{m}/{n}"
        for m in trainer.model.encoders
        for prefix, n in [("validation", "accuracy"), ("purity", "gap")]
    ]
    assert set(names) <= set(metrics)


@each_method
def test_the_seed_decides_everything(make_trainer, name):
    histories = []
    for seed in (1, 1, 2):
        trainer = make_trainer(2, METHODS[name](), epochs=2, seed=seed)
        histories.append(without_time(trainer.fit()))
    assert histories[0] == histories[1] != histories[2]


@pytest.mark.parametrize("name", [name for name in METHODS if name not in (*REGRESSIONS, "drawing")])
def test_a_method_that_needs_classes_refuses_any_other_task(make_trainer, name):
    with pytest.raises(InputError, match=r"^(OgmGe|Boosting) needs classes: leave task at classification"):
        make_trainer(2, METHODS[name](), task="regression")


GAPPY = [(name, 2) for name in METHODS] + [
    (name, 3) for name in ("joint", "late_fusion", "ogm_ge", "dr_boosting")
]
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


@each_gappy
def test_what_stands_in_the_place_of_absent_samples_changes_nothing(make_gappy, poisoned, name, modalities):
    stores = {}, {"data": str(poisoned(modalities))}
    (clean, told), (dirty, said) = (
        (trainer, [*without_time(trainer.fit()), trainer.test()])
        for trainer in (make_gappy(modalities, METHODS[name](), **store) for store in stores)
    )
    assert told == said
    assert differences(clean.state_dict(), dirty.state_dict()) == []


@each_gappy
def test_resuming_equals_never_stopping_where_samples_lack_modalities(make_gappy, name, modalities):
    def make():
        return make_gappy(modalities, METHODS[name](), **SCHEDULE)

    whole = make()
    expected = without_time(whole.fit())
    half = make()
    first = [half.run_epoch(), half.run_epoch()]
    rest = resumed(make, half.state_dict(), half.constants())
    assert without_time([*first, *rest.fit()]) == expected
    assert differences(rest.state_dict(), whole.state_dict()) == []


def test_a_method_that_compares_modalities_refuses_a_single_one(make_trainer):
    with pytest.raises(InputError, match="OgmGe needs at least 2 modalities, and the run has 1"):
        make_trainer(1, [OgmGe()])
