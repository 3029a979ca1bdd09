"""When trials share GPUs under MPS, and what is said of it."""

import contextlib
import io
import os
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from rich.console import Console
from stub_mps import alive, install, pid_in

from study import api
from study.records.database import sqlite_url
from study.records.ledger import Ledger
from study.run_options import parser, resources
from study.running import driver, gpu_sharing, mps
from study.running.gpu_sharing import require_mps, sharing
from study.running.mps_watch import LOGS, PIPES
from study.running.signals import Interrupted
from study.settings import Resources
from trainables.multimodal.errors import InputError

FOUR = Resources(cpus_per_trial=0.25, gpus_per_trial=0.25)


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A machine with one GPU and the stand-in for the daemon; gives the stand-in's program."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(gpu_sharing.joblib, "cpu_count", lambda: 2)
    program = install(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv(PIPES, raising=False)
    monkeypatch.delenv(LOGS, raising=False)
    monkeypatch.setattr(mps, "USUAL", tmp_path / "usual")
    return program


def shared(held):
    """The folder that a daemon of the study's own serves meanwhile, if any, and what is said."""
    text = io.StringIO()
    with sharing(held, Console(file=text, width=400)):
        place = os.environ.get(PIPES)
        running = bool(place) and alive(pid_in(mps.running()))
    return running, text.getvalue()


@pytest.mark.parametrize("mode", ["auto", "on"])
def test_trials_that_share_a_gpu_run_under_a_daemon_and_it_is_said(machine, mode):
    held = replace(FOUR, mps=mode)
    require_mps(held)
    running, said = shared(held)
    assert running
    assert said.count("\n") == 1
    assert "run beside each other, under an MPS daemon of this study" in said


NOT_SHARED = {
    "gpus 1": {"gpus_per_trial": 1.0},
    "gpus 0.6": {"gpus_per_trial": 0.6},
    "gpus 0": {"gpus_per_trial": 0.0},
    "one at once": {"max_concurrent": 1},
    "cpus": {"cpus_per_trial": 2.0},
}


@pytest.mark.parametrize(
    "changes", [*NOT_SHARED.values(), {"mps": "off"}, {"device": "cpu"}, {"address": "x"}]
)
def test_nothing_is_started_or_said_where_no_gpu_of_this_machine_is_shared(machine, changes):
    assert shared(replace(FOUR, **changes)) == (False, "")


@pytest.mark.parametrize("changes", NOT_SHARED.values(), ids=NOT_SHARED)
def test_on_is_refused_where_nothing_is_shared(machine, changes):
    with pytest.raises(InputError, match="--mps on needs trials that share a GPU"):
        require_mps(replace(FOUR, mps="on", **changes))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"address": "10.0.0.1:6379"}, "start those of the cluster at 10.0.0.1:6379 with the start command"),
        ({"device": "cpu"}, "needs a GPU that trials use"),
    ],
)
def test_on_is_refused_before_any_work_where_it_cannot_be(machine, changes, reason):
    with pytest.raises(InputError, match=reason):
        api.require_room(replace(FOUR, mps="on", **changes))


def test_on_is_refused_without_a_gpu(machine, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="needs a GPU"):
        require_mps(replace(FOUR, mps="on"))


def test_without_the_program_on_is_refused_and_auto_says_so(machine):
    machine.unlink()
    with pytest.raises(InputError, match="needs nvidia-cuda-mps-control, which NVIDIA's driver brings"):
        require_mps(replace(FOUR, mps="on"))
    running, said = shared(FOUR)
    assert not running
    assert "take turns: the MPS daemon does not start (nvidia-cuda-mps-control is not on the PATH)" in said


def test_a_daemon_that_fails_ends_on_and_is_told_by_auto(machine):
    machine.write_text("#!/bin/sh\necho no device\nexit 1\n")
    running, said = shared(FOUR)
    assert not running
    assert "take turns: the MPS daemon does not start (no device)" in said
    with pytest.raises(InputError, match=r"--mps on: the MPS daemon does not start \(no device\)"):
        shared(replace(FOUR, mps="on"))


@pytest.mark.parametrize("mode", ["auto", "on"])
def test_the_daemon_of_somebody_else_is_used_and_left_alone(machine, mode):
    with mps.daemon() as folder:
        running, said = shared(replace(FOUR, mps=mode))
        assert running
        assert f"use the MPS daemon that runs already ({folder / 'pipe'})" in said
        assert alive(pid_in(folder / "pipe"))


@pytest.mark.parametrize("raised", [None, Interrupted("SIGTERM"), OSError(28, "No space left on device")])
def test_the_daemon_is_there_before_ray_and_until_ray_has_ended(
    machine, monkeypatch, tmp_path, settings, raised
):
    ledger = Ledger(sqlite_url(tmp_path / "ledger.db"), "cremad_dr")
    ledger.save_settings(settings(fixed={"joint": {}, "diagnose_relearn": {}}))
    runs = []

    def note(*arguments):
        runs.append(bool(os.environ.get(PIPES)) and alive(pid_in(mps.running())))

    def execute(job, run):
        note()
        if raised:
            raise raised

    for name, replaced in {"connect": note, "_execute": execute, "disconnect": note}.items():
        monkeypatch.setattr(driver, name, replaced)
    monkeypatch.setattr(driver, "of_trials", lambda resources: "")
    monkeypatch.setattr(driver, "watched_over", contextlib.nullcontext)
    tracker = SimpleNamespace(changed=lambda record: None)
    job = SimpleNamespace(resources=FOUR, staged=None)
    with pytest.raises(type(raised)) if raised else contextlib.nullcontext():
        driver._run_stages(job, ledger, tracker, Console(file=io.StringIO()))
    note()
    ledger.close()
    assert runs == [True, True, True, False]


def test_the_command_line_asks_for_it():
    asked = ["ravdess_dr", "--gpus-per-trial", "0.25"]
    assert resources(parser(None).parse_args(asked)).mps == "auto"
    assert resources(parser(None).parse_args([*asked, "--mps", "off"])).mps == "off"
    with pytest.raises(InputError, match="--mps"):
        parser(None).parse_args([*asked, "--mps", "maybe"])
