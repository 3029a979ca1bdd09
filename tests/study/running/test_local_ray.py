"""Where a Ray of our own keeps its files, and what is said where it could start nothing."""

import os
import sys
from pathlib import Path

import joblib
import psutil
import pytest
import ray
import torch
from ray import tune

from study.running import local_ray
from study.running.local_ray import LONGEST_SOCKET, require_place
from trainables.multimodal.errors import InputError


@pytest.fixture
def short(tmp_path):
    """A folder with a path short enough for sockets."""
    short = Path(f"/tmp/{os.getpid()}")
    short.symlink_to(tmp_path)
    yield short
    short.unlink()


@pytest.fixture
def usual(monkeypatch, short):
    """Nothing is set, and the usual folders lie in one of the test's own."""
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    monkeypatch.delenv("TMPDIR", raising=False)
    folders = [short / "ray", short / "own"]
    monkeypatch.setattr(local_ray, "SHARED", folders[0])
    monkeypatch.setattr(local_ray, "OWN", folders[1])
    return folders


def place(monkeypatch, **variables):
    """Where the files of Ray lie, with these variables of the environment."""
    for name, value in variables.items():
        monkeypatch.setenv(name, str(value))
    return local_ray.place()


def test_the_usual_folder_comes_first(usual, monkeypatch):
    assert place(monkeypatch) == (usual[0], "")


def test_a_folder_that_is_set_is_taken(usual, short, monkeypatch):
    assert place(monkeypatch, TMPDIR=short / "a b") == (short / "a b" / "ray", "")
    assert place(monkeypatch, RAY_TMPDIR=short / "c") == (short / "c" / "ray", "")


@pytest.mark.parametrize("name", ["long" * 30, "it's", "back\\slash", "ü" * 40])
def test_a_temporary_folder_that_ray_cannot_use_is_passed_over_and_named(usual, short, monkeypatch, name):
    folder, passed_over = place(monkeypatch, TMPDIR=short / name)
    assert folder == usual[0]
    assert str(short / name) in passed_over
    with pytest.raises(InputError, match="set RAY_TMPDIR to a short folder on a local disk"):
        place(monkeypatch, RAY_TMPDIR=short / name)


def test_a_folder_that_cannot_be_made_is_passed_over(usual, short, monkeypatch):
    (short / "file").touch()
    folder, passed_over = place(monkeypatch, TMPDIR=short / "file")
    assert folder == usual[0]
    assert "cannot be written" in passed_over


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_of_another_user_is_passed_over(usual, monkeypatch):
    usual[0].mkdir(mode=0o555)
    assert place(monkeypatch)[0] == usual[1]


def test_where_no_folder_will_do_all_are_named(usual, monkeypatch):
    for folder in usual:
        folder.touch()
    with pytest.raises(InputError) as said:
        place(monkeypatch)
    assert all(str(folder) in str(said.value) for folder in usual)


def test_the_longest_folder_that_is_taken_holds_every_socket(usual, short, monkeypatch):
    taken = [length for length in range(1, 60) if not place(monkeypatch, TMPDIR=short / ("x" * length))[1]]
    folder = short / ("x" * taken[-1]) / "ray"
    named = folder / f"session_2026-11-27_13-34-00_774834_{2**22}" / "sockets" / "plasma_store.1"
    assert len(os.fsencode(named)) == LONGEST_SOCKET


@pytest.mark.parametrize("name", ["it's", "back\\slash", "my%20project"])
def test_an_environment_whose_processes_cannot_start_is_refused(name, monkeypatch):
    monkeypatch.setattr(sys, "executable", f"/home/me/{name}/bin/python")
    with pytest.raises(InputError, match="do not work where its path holds"):
        require_place()


@pytest.mark.parametrize("name", ["My Project", 'a"b', "$HOME;&", "ü日本", "new\nline", "#?[]*~{x}`"])
def test_other_characters_in_the_path_of_an_environment_do_not_matter(name, monkeypatch):
    monkeypatch.setattr(sys, "executable", f"/home/me/{name}/bin/python")
    require_place()


def test_a_process_may_use_the_cores_of_its_affinity():
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert joblib.cpu_count() == 1
    finally:
        os.sched_setaffinity(0, allowed)


class ToldProcess(tune.Trainable):
    """Tells in which process it runs, and which GPUs that sees."""

    def step(self):
        return {"pid": os.getpid(), "gpus": os.environ["CUDA_VISIBLE_DEVICES"], "done": True}

    def save_checkpoint(self, checkpoint_dir):
        pass


@pytest.mark.slow
@pytest.mark.parametrize(("gpus", "seen"), [(0, [""]), (1, ["0", "1"])])
def test_a_trial_runs_in_a_process_that_has_been_started_for_it(monkeypatch, tmp_path, gpus, seen):
    """It sees its own GPU of two, although nothing was to be seen when the process started."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "1")  # as `cluster` sets it
    try:
        local_ray.start()
        children = [child for child in psutil.Process().children(recursive=True) if "ray::" in child.name()]
        workers = {child.pid: child.environ() for child in children if "Agent" not in child.name()}
        trainable = tune.with_resources(ToldProcess, {"cpu": 1, "gpu": gpus})
        run_config = tune.RunConfig(storage_path=str(tmp_path), verbose=0)
        told = tune.Tuner(trainable, run_config=run_config).fit()[0].metrics
        assert told["pid"] in workers
        assert all("PL_DISABLE_FORK" in environment for environment in workers.values())  # as Tune asks
        assert told["gpus"] in seen
    finally:
        ray.shutdown()


@pytest.mark.slow
def test_a_process_that_cannot_start_is_noticed(monkeypatch):
    monkeypatch.setattr(local_ray, "STARTED", 10.0)
    monkeypatch.setattr(local_ray.shlex, "quote", lambda path: "/nowhere/python")
    try:
        with pytest.raises(InputError, match="no process of Ray starts within 10 s"):
            local_ray.start()
    finally:
        ray.shutdown()


@pytest.mark.parametrize("gpus", [0, 2])
def test_ray_has_the_gpus_that_are_visible_to_this_process(monkeypatch, gpus):
    given = {}

    def init(**settings):
        given.update(settings)
        raise RuntimeError

    monkeypatch.setattr(local_ray.ray, "init", init)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    with pytest.raises(InputError):
        local_ray.start()
    assert given["num_gpus"] == gpus


def test_ray_that_does_not_start_is_a_sentence(monkeypatch):

    monkeypatch.setattr(local_ray.ray, "init", lambda **settings: 1 / 0)
    with pytest.raises(InputError, match=r"Ray does not start on this machine \(division by zero\): if it"):
        local_ray.start()
