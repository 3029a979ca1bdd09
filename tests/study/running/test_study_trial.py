"""One trial: it can be killed at any moment, by anything, and comes to the same end."""

import gc
import math
import pickle
import signal
import subprocess
import sys
import weakref
from numbers import Number
from pathlib import Path

import pytest
import torch
from ray import cloudpickle
from ray.tune.utils import flatten_dict

from study.running import checkpoint_writer, study_trial
from study.running.machine_type import machine_type
from study.running.staging import staged_data
from study.running.study_trial import StudyTrial
from study.running.trial_files import KEPT, TakenOver, TrialFiles, discard_checkpoints, exported
from study.settings import Resources
from trainables import DiagnoseRelearnTrainable
from trainables.multimodal.data.store.feature_store import FeatureStore
from trainables.multimodal.errors import Diverged, InputError
from trainables.multimodal.methods import METHODS
from trainables.multimodal.own_parts import digest

pytestmark = pytest.mark.usefixtures("few_restarts")
EPOCHS = 4


@pytest.fixture
def config(toy_store, tmp_path):
    """What the driver hands to the process of a D&R trial."""
    settings = {"data": str(toy_store), "epochs": EPOCHS, "hidden": 8, "lr": 0.05, "every": 1, "threads": 1}
    return {
        "method": METHODS["diagnose_relearn"],
        "settings": settings | {"device": "cpu"},
        "folder": str(tmp_path / "trial"),
        "staged": None,
        "digest": FeatureStore.open(toy_store).digest,
        "own_parts": {},
        "known": 0,
        "judged": [],
        "test": False,
        "shares_gpu": False,
    }


@pytest.fixture
def every_epoch(monkeypatch):
    """Writing may take all the time there is."""
    monkeypatch.setattr(checkpoint_writer, "MOST_SHARE", math.inf)


def process(config, **changes):
    """A process that works on the trial, as far as it can go without Ray."""
    trial = StudyTrial.__new__(StudyTrial)
    trial.setup(config | changes)
    return trial


def steps(trial, count):
    """The trial's next results, without what a clock decides."""
    results = [trial.step() for _ in range(count)]
    return [{**r, "metrics": {k: v for k, v in r["metrics"].items() if k != "seconds"}} for r in results]


@pytest.fixture
def uninterrupted(config, tmp_path):
    """All results of a trial that nobody disturbs."""
    return steps(process(config, folder=str(tmp_path / "calm")), EPOCHS)


def test_ray_keeps_the_newest_values_of_no_metric(config):
    """It keeps them of each number in what a trial reports, however many trials there are."""
    reported = flatten_dict(process(config).step())
    assert [name for name, value in reported.items() if isinstance(value, Number)] == ["epoch"]


@pytest.mark.usefixtures("every_epoch")
@pytest.mark.parametrize("epochs", [1, 2, 3])
def test_a_killed_process_is_continued_by_the_next_one(config, uninterrupted, epochs):
    steps(process(config), epochs)
    rest = steps(process(config, known=epochs), EPOCHS - epochs + 1)
    assert rest == uninterrupted[epochs - 1 :]  # its last epoch was kept by none, and is trained again


def test_epochs_that_were_not_kept_are_trained_again(config, uninterrupted, monkeypatch):
    monkeypatch.setattr(checkpoint_writer, "MOST_SHARE", 0.0)
    steps(process(config), 3)
    assert [path.name for path in TrialFiles.begin_attempt(_folder(config)).earlier()] == [
        "epoch-000001.ckpt"
    ]
    assert steps(process(config, known=3), 3) == uninterrupted[1:]


def test_a_trial_whose_own_part_has_changed_does_not_train(config, own_nets):
    own = {"settings": config["settings"] | {"encoders": {"weak": "own_nets:Net"}}}
    known = digest("own_nets:Net")
    assert steps(process(config, **own, own_parts={"own_nets:Net": known}), 1)
    with pytest.raises(InputError, match="own_nets:Net is another one than the study was begun with"):
        process(config, **own, own_parts={"own_nets:Net": known[::-1]}).step()


def test_a_trial_whose_data_were_replaced_does_not_train(config, make_toy_store, tmp_path):
    (tmp_path / "other").mkdir()
    other = make_toy_store(tmp_path / "other", seed=1)
    with pytest.raises(InputError, match="holds other data than the study was begun with"):
        process(config, settings=config["settings"] | {"data": str(other)}).step()


def test_what_a_decision_leaves_is_kept_before_training_goes_on(config, monkeypatch):
    monkeypatch.setattr(checkpoint_writer, "MOST_SHARE", 0.0)
    steps(process(config, judged=[2]), 3)
    kept = TrialFiles.begin_attempt(_folder(config)).earlier()
    assert [path.name for path in kept] == ["epoch-000002.ckpt", "epoch-000001.ckpt"]


def test_f18_a_trial_on_a_node_that_is_drained_leaves_it_with_a_checkpoint(
    config, uninterrupted, monkeypatch
):
    monkeypatch.setattr(checkpoint_writer, "MOST_SHARE", 0.0)
    leaving = process(config)
    steps(leaving, 3)
    monkeypatch.setattr(study_trial, "is_draining", lambda: True)
    monkeypatch.setattr(study_trial, "exit_actor", lambda: sys.exit("left"))
    with pytest.raises(SystemExit, match="left"):
        leaving.step()
    monkeypatch.setattr(study_trial, "is_draining", lambda: False)
    assert steps(process(config, known=3), 1) == uninterrupted[3:]


def test_a_trial_that_is_stopped_has_written_nothing_of_its_last_epoch(config):
    steps(process(config), 1)
    assert TrialFiles.begin_attempt(_folder(config)).earlier() == []


@pytest.mark.usefixtures("every_epoch")
def test_epochs_that_the_ledger_lacks_are_returned_before_training_goes_on(config, uninterrupted):
    steps(process(config), 4)
    assert steps(process(config, known=1), 3) == uninterrupted[1:]


STOPPED = """
import pathlib, pickle, sys, time

import torch
from study.running import checkpoint_writer
from study.running.study_trial import StudyTrial

checkpoint_writer.MOST_SHARE = float("inf")
replace, step = pathlib.Path.replace, torch.optim.SGD.step


def pause(place):
    if place == sys.argv[2]:
        print(place, flush=True)
        time.sleep(2)


def replaced(path, target):
    pause(target.name)
    return replace(path, target)


def stepped(*given, **named):
    pause("training")
    return step(*given, **named)


pathlib.Path.replace, torch.optim.SGD.step = replaced, stepped
trial = StudyTrial.__new__(StudyTrial)
trial.setup(pickle.loads(pathlib.Path(sys.argv[1]).read_bytes()))
while not trial.step().get("done"):
    pass
"""
"""A process that goes through a trial, and says where it may be stopped."""


@pytest.mark.fault
@pytest.mark.parametrize("place", ["training", "constants.ckpt", "epoch-000002.ckpt", "features.npz"])
def test_a_process_that_stood_still_until_another_took_over_writes_nothing(config, tmp_path, place):
    (tmp_path / "config").write_bytes(cloudpickle.dumps(config | {"test": True}))
    command = [sys.executable, "-c", STOPPED, str(tmp_path / "config"), place]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as late:
        assert late.stdout.readline() == f"{place}\n"
        late.send_signal(signal.SIGSTOP)
        steps(process(config, test=True), EPOCHS)
        before = _tree(config)
        late.send_signal(signal.SIGCONT)
        complained = late.communicate(timeout=60)[1]
    assert "TakenOver: another process has taken over" in complained
    assert _tree(config) == before


def _tree(config):
    """All files of the trial, with content and time."""
    found = _folder(config).rglob("*")
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in found if path.is_file()}


@pytest.mark.usefixtures("every_epoch")
def test_the_best_weights_are_written_when_they_change(config, uninterrupted):
    steps(process(config), EPOCHS)
    bests = {path.name for path in _folder(config).rglob("best-*.ckpt")}
    last = int(uninterrupted[-1]["metrics"]["best/epoch"])
    before = int(uninterrupted[-2]["metrics"]["best/epoch"])
    assert bests == {f"best-{epoch:06d}.ckpt" for epoch in (before, last)}


@pytest.mark.usefixtures("every_epoch")
def test_a_checkpoint_whose_best_weights_are_lost_is_replaced_by_the_one_before(config, uninterrupted):
    steps(process(config), 3)
    for path in _folder(config).rglob("best-*.ckpt"):
        path.write_bytes(b"")
    assert steps(process(config, known=3), EPOCHS) == uninterrupted


def test_what_went_wrong_in_writing_ends_the_step(config, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(TrialFiles, "write", full)
    trial = process(config)
    steps(trial, 1)
    with pytest.raises(OSError, match="No space left"):
        trial.step()


def test_a_process_killed_after_its_last_epoch_returns_the_end_again(config, uninterrupted):
    steps(process(config), EPOCHS)
    assert steps(process(config, known=EPOCHS - 1), 1) == uninterrupted[-1:]


@pytest.mark.fault
@pytest.mark.usefixtures("every_epoch")
@pytest.mark.parametrize("damage", ["cut", "flipped", "missing"])
def test_a_damaged_checkpoint_is_replaced_by_the_one_before(config, uninterrupted, damage):
    steps(process(config), 3)
    newest = TrialFiles.begin_attempt(_folder(config)).earlier()[0]
    content = newest.read_bytes()
    if damage == "missing":
        newest.unlink()
    else:
        half = len(content) // 2
        flipped = bytes([content[half] ^ 255]) + content[half + 1 :]
        newest.write_bytes(content[:half] + (b"" if damage == "cut" else flipped))
    assert steps(process(config, known=3), 3) == uninterrupted[1:]


def test_a_late_process_cannot_touch_what_the_next_one_writes(config, uninterrupted):
    late = process(config)
    steps(late, 1)
    next_one = process(config, known=1)
    steps(next_one, 1)
    with pytest.raises(TakenOver):
        steps(late, 1)
    assert steps(next_one, 3) == uninterrupted[1:]


@pytest.mark.usefixtures("every_epoch")
def test_only_the_newest_checkpoints_are_kept(config):
    steps(process(config), EPOCHS)
    assert len(TrialFiles.begin_attempt(_folder(config)).earlier()) == KEPT


def test_a_finished_trial_leaves_no_checkpoints(config):
    steps(process(config), EPOCHS)
    discard_checkpoints(_folder(config))
    assert list(_folder(config).iterdir()) == []


def test_a_confirm_trial_reads_test_once_and_exports_its_best_weights(config):
    last = steps(process(config, test=True), EPOCHS)[-1]
    assert 0 <= last["metrics"]["test/accuracy"] <= 1
    assert (exported(_folder(config)) / "model.safetensors").exists()


def test_weights_outlive_the_checkpoints(config):
    steps(process(config, test=True), EPOCHS)
    discard_checkpoints(_folder(config))
    left = [path for path in _folder(config).rglob("*") if path.is_file()]
    assert {path.parent for path in left} == {exported(_folder(config))}


@pytest.mark.usefixtures("every_epoch")
def test_a_late_process_cannot_touch_the_weights_of_the_next_one(config):
    late = process(config, test=True)
    steps(late, EPOCHS - 1)
    steps(process(config, test=True, known=EPOCHS - 1), 2)
    weights = exported(_folder(config)) / "model.safetensors"
    before = weights.stat().st_mtime_ns
    with pytest.raises(TakenOver):
        steps(late, 1)
    assert exported(_folder(config)) == weights.parent
    assert weights.stat().st_mtime_ns == before


def test_a_search_trial_never_reads_test(config, uninterrupted):
    assert not [key for result in uninterrupted for key in result["metrics"] if key.startswith("test/")]


def test_a_trial_reused_for_another_configuration_starts_anew(config, uninterrupted, tmp_path):
    trial = process(config, folder=str(tmp_path / "first"))
    steps(trial, 2)
    assert trial.reset_config(config)
    assert steps(trial, EPOCHS) == uninterrupted


OUT_OF_MEMORY = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB\nmore"),
    RuntimeError("CUDA error: out of memory\nmore"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
]


def lacks_memory(trial, error):
    """What the trial tells when its next epoch ends with this error."""

    def run_epoch():
        raise type(error)(*error.args)  # anew, for one that is kept would keep its frames

    trial.runner.run_epoch = run_epoch
    return trial.step()


@pytest.mark.usefixtures("every_epoch")
@pytest.mark.parametrize("error", OUT_OF_MEMORY, ids=str)
def test_a_trial_without_memory_goes_on_alone_where_it_was(config, uninterrupted, error):
    trial = process(config, shares_gpu=True)
    steps(trial, 2)
    told = lacks_memory(trial, error)
    reason = f"out of memory on a shared GPU ({str(error).splitlines()[0]})"
    assert told == {"epoch": 3, "status": "crowded", "reason": reason, "done": True}
    assert steps(process(config, known=2), 2) == uninterrupted[2:]


@pytest.mark.parametrize("error", OUT_OF_MEMORY, ids=str)
def test_a_trial_without_memory_alone_on_a_gpu_fails_with_that_reason(config, error):
    trial = process(config)
    steps(trial, 2)
    told = lacks_memory(trial, error)
    assert (told["status"], told["epoch"], told["done"]) == ("failed", 3, True)
    assert told["reason"] == f"out of memory alone on a GPU: {str(error).splitlines()[0]}"


def test_a_trial_may_find_no_memory_before_it_has_begun(config):
    class Large:
        def build(self, settings):
            raise torch.OutOfMemoryError("no")

    told = process(config, shares_gpu=True, known=2, method=Large()).step()
    assert (told["status"], told["epoch"]) == ("crowded", 3)


def test_another_error_of_cuda_is_left_to_ray(config):
    trial = process(config, shares_gpu=True)
    steps(trial, 1)
    with pytest.raises(RuntimeError, match="illegal memory access"):
        lacks_memory(trial, RuntimeError("CUDA error: an illegal memory access was encountered"))


@pytest.mark.parametrize(
    "end",
    [
        lambda trial: lacks_memory(trial, torch.OutOfMemoryError("no")),
        lambda trial: trial.reset_config(trial.trial),
    ],
    ids=["out of memory", "reset"],
)
def test_memory_is_given_back_before_anybody_else_asks_for_it(config, monkeypatch, end):
    trial = process(config, shares_gpu=True)
    steps(trial, 1)
    runner, gone = weakref.ref(trial.runner), []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: gone.append(runner() is None))
    gc.disable()  # what holds itself in a circle stays
    try:
        end(trial)
    finally:
        gc.enable()
    assert gone == [True]


@pytest.mark.parametrize(
    ("error", "objective", "status", "told"),
    [
        (Diverged("loss is nan"), "accuracy", "diverged", {"best/accuracy": 0.0}),
        (Diverged("loss is nan"), "loss", "diverged", {"best/accuracy": 0.0, "best/objective": -1e9}),
        (torch.OutOfMemoryError("no memory"), "accuracy", "failed", {}),
    ],
)
def test_an_ending_that_cannot_be_retried_is_reported_and_only_one_that_teaches_has_a_value(
    config, monkeypatch, error, objective, status, told
):
    trial = process(config, settings=config["settings"] | {"objective": objective})
    steps(trial, 1)

    def explode():
        raise error

    monkeypatch.setattr(trial.runner, "run_epoch", explode)
    result = trial.step()
    assert (result["status"], result["epoch"]) == (status, 2)
    assert result.get("metrics", {}).items() >= told.items()
    assert ("metrics" in result) == bool(told)
    assert str(error) in result["reason"]


def test_a_method_that_no_worker_could_import_travels_with_the_trial(config, uninterrupted):
    class Own:
        def build(self, settings):
            return METHODS["diagnose_relearn"].build(settings)

    sent = cloudpickle.dumps(config | {"method": Own()})
    assert steps(process(pickle.loads(sent)), EPOCHS) == uninterrupted


def test_every_epoch_names_the_machine_it_was_trained_on(config, uninterrupted):
    assert {result["machine"] for result in uninterrupted} == {machine_type("cpu")}


@pytest.mark.usefixtures("every_epoch")
def test_an_epoch_of_another_machine_keeps_its_name(config, monkeypatch):
    monkeypatch.setattr(study_trial, "machine_type", lambda device: "first")
    steps(process(config), 3)
    monkeypatch.setattr(study_trial, "machine_type", lambda device: "second")
    assert [result["machine"] for result in steps(process(config, known=1), 3)] == [
        "first",
        "second",
        "second",
    ]


def test_data_that_are_staged_are_read_from_the_copy(config, uninterrupted, tmp_path):
    store = FeatureStore.open(config["settings"]["data"])
    staged = staged_data(Resources(stage_data=str(tmp_path / "disk")), store)
    trial = process(config, staged=staged)
    assert steps(trial, EPOCHS) == uninterrupted
    assert trial.runner.store.path == staged.folder


def test_the_public_trainable_is_what_a_study_runs(config):
    settings = config["settings"]
    assert DiagnoseRelearnTrainable.build(settings).fit()[-1]["epoch"] == EPOCHS


def _folder(config):
    return Path(config["folder"])
