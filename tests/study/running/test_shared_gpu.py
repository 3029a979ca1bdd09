"""A GPU that trials share: one that finds no memory beside others goes on alone, and all come to an end."""

import os
import secrets
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest
import ray
import torch
from stub_mps import install
from toy_study import TOY, method_of

from study.records.trial_record import Proposal
from study.running import driver, mps
from study.running.mps_watch import PIPES
from study.running.stage_run import StagePlan, StageRun
from study.settings import Resources

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
EPOCHS, TRIALS = 4, 8
LARGE, TOO_LARGE = (1, 2), 5  # seeds
LACKING = (
    "CUDA out of memory. Tried to allocate 32.00 MiB. GPU 0 has a total capacity of 139.80 GiB of which "
    "32.56 MiB is free."
)
SAID = f"{LACKING} Process 3390 has 135.79 GiB memory in use. If reserved but unallocated memory is large try"


@pytest.fixture(scope="module")
def one_gpu(tmp_path_factory):
    """A Ray that keeps count of a GPU, which need not be there, below the stand-in for a daemon of MPS."""
    programs = tmp_path_factory.mktemp("programs")
    install(programs)
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))  # Ray remembers it for all of the process
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
        with mps.daemon() as folder:
            ray.init(
                address="local",
                num_cpus=4,
                num_gpus=1,
                include_dashboard=False,
                log_to_driver=False,
                logging_level="ERROR",
                _node_ip_address="127.0.0.1",
            )
            yield folder
            ray.shutdown()


def method():
    """Trains nothing, and notes when and with how much of the GPU."""

    def run_epoch(seed, epoch):
        gpu = ray.get_runtime_context().get_assigned_resources()["GPU"]
        began = time.monotonic()
        time.sleep(0.2)
        lacking = (gpu < 1 and seed in LARGE) or seed == TOO_LARGE
        if lacking and epoch == 2:
            raise torch.OutOfMemoryError(SAID)
        return {"best/accuracy": 0.5, "gpu": gpu, "began": began, "ended": time.monotonic()}

    return method_of(EPOCHS, run_epoch)


@pytest.fixture
def records(one_gpu, open_toy, tmp_path):
    """What became of trials of which four share the GPU, by seed."""
    ledger, trained = open_toy(), method()
    held = Resources(1.0, 0.25, device="cpu")
    job = SimpleNamespace(folder=tmp_path, store=tmp_path, resources=held, staged=None)
    few = replace(TOY, pruning="never", budget=replace(TOY.budget, epochs=EPOCHS))

    def propose(number, draw):
        return Proposal({"lr": 0.1, "epochs": EPOCHS}, seed=number)

    def ray_config(record):
        return {**driver._ray_config(job, few, record), "method": trained, "digest": None}

    plans = [StagePlan("search", "joint", TRIALS, propose)]
    run = StageRun(ledger, lambda: plans, {}, ray_config, lambda record: None)
    driver._execute(job, run)
    assert not run.due
    return {record.seed: record for record in ledger.records()}


def test_trials_without_memory_go_on_alone_on_the_gpu(records):
    ended = {seed: record.status for seed, record in records.items()}
    assert ended == dict.fromkeys(range(TRIALS), "completed") | {TOO_LARGE: "failed"}
    expected = f"out of memory alone on a GPU: {LACKING}"
    assert records[TOO_LARGE].reason == expected
    held = {seed: [one.get("gpu") for one in record.epochs.values()] for seed, record in records.items()}
    assert all(held[seed] == [0.25, 0.25, 1.0, 1.0] for seed in LARGE)
    assert all(held[seed] == [0.25] * EPOCHS for seed in (0, 3, 4, 6, 7))
    spans = [
        (one["began"], one["ended"], one["gpu"])
        for record in records.values()
        for one in record.epochs.values()
        if "gpu" in one
    ]
    for began, ended_, gpu in spans:
        beside = [other for other in spans if other[0] < ended_ and began < other[1]]
        assert gpu < 1 or len(beside) == 1


def test_the_processes_of_ray_know_the_daemon(one_gpu):
    told = ray.remote(num_gpus=0.25)(lambda name: os.environ[name]).remote(PIPES)
    assert ray.get(told) == str(one_gpu / "pipe")
