"""Processes that are killed again and again: a trial that gets on between two losses comes to its end."""

import os
import secrets
import signal
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import ray
from toy_study import TOY, method_of

from study.records.trial_record import Proposal
from study.running import driver, stages
from study.running.stage_run import LOSSES, TRIES, StagePlan, StageRun
from study.settings import Resources

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(300)]
EPOCHS = 6
LOSES, STANDS, ERRS, CALM = range(4)  # seeds


@pytest.fixture(scope="module")
def local_ray():
    """A Ray of this machine."""
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))  # Ray remembers it for all of the process
    ray.init(
        address="local",
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
        _node_ip_address="127.0.0.1",
    )
    yield
    ray.shutdown()


def failures(marks):
    """What fails: one seed loses its process once in each epoch, one always in its third, one errs there.

    Files in a folder count the tries.
    """

    def fail(seed, epoch):
        tries = len(list(marks.glob(f"{seed}-{epoch}-*")))
        (marks / f"{seed}-{epoch}-{tries}").touch()
        stands = epoch == 2 and not (marks / "repaired").exists()
        if {LOSES: not tries, STANDS: stands}.get(seed):
            os.kill(os.getpid(), signal.SIGKILL)
        if seed == ERRS and stands:
            raise ValueError("no")

    return fail


def method(marks):
    """Trains nothing, and fails."""
    fail = failures(marks)

    def run_epoch(seed, epoch):
        fail(seed, epoch)
        return {"best/accuracy": 0.5}

    return method_of(EPOCHS, run_epoch)


def test_a_trial_may_lose_its_process_as_often_as_it_gets_on_between(local_ray, open_toy, tmp_path):
    ledger, trained = open_toy(), method(tmp_path)
    job = SimpleNamespace(
        folder=tmp_path, store=tmp_path, resources=Resources(1.0, 0.0, device="cpu"), staged=None
    )
    few = replace(TOY, pruning="never", budget=replace(TOY.budget, epochs=EPOCHS))

    def start():
        plans = [
            StagePlan("search", "joint", 4, lambda n, draw: Proposal({"lr": 0.1, "epochs": EPOCHS}, seed=n))
        ]
        own = {"method": trained, "digest": None}
        configured = lambda record: {**driver._ray_config(job, few, record), **own}  # noqa: E731
        run = StageRun(ledger, lambda: plans, {}, configured, lambda record: None)
        driver._execute(job, run)
        return {record.seed: record for record in ledger.records()}

    def tries(seed):
        return [len(list(tmp_path.glob(f"{seed}-{epoch}-*"))) for epoch in range(EPOCHS)]

    first = start()
    assert {seed: record.status for seed, record in first.items()} == {
        LOSES: "completed",
        STANDS: "failed",
        ERRS: "failed",
        CALM: "completed",
    }
    assert min(tries(LOSES)) >= 2
    assert (tries(STANDS)[2], tries(ERRS)[2]) == (LOSSES, TRIES)
    assert first[ERRS].reason == "ValueError: no"

    Path(tmp_path, "repaired").touch()
    assert stages.reopen_failed(ledger.settings, ledger) == 2
    again = start()
    assert {record.status for record in again.values()} == {"completed"}
    assert all(list(record.epochs) == list(range(1, EPOCHS + 1)) for record in again.values())
