"""The batch script of Slurm: what it starts, and when its job is queued again."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from cluster_files import FOLDER, text

SCRIPT = FOLDER / "slurm.sh"
STUBS = {
    # Slurm's: one task, here, in the environment of the script
    "srun": 'while [[ $1 == -* ]]; do shift; done; exec "$@"',
    "scontrol": 'echo "$*" >>"$SEEN/scontrol"',
    "sleep": f"exec {shutil.which('sleep')} 0.05",
    # as `ray symmetric-run` on a head that has started
    "ray": 'echo "$*" >"$SEEN/ray"; while [[ $1 != -- ]]; do shift; done; shift; "$@"',
    # the study
    "python": 'env >"$SEEN/env"; printf "%s\\n" "$@" >"$SEEN/arguments"; exit "$CODE"',
}
INTERRUPTED = f"trap 'kill $!; exit 3' TERM; echo >$SEEN/begun; {shutil.which('sleep')} 20 & wait $!"


class Job:
    """The script in a Slurm that is made of stubs, on a PATH of its own."""

    def __init__(self, folder):
        self.seen = folder / "seen"
        self.programs = folder / "programs"
        self.seen.mkdir()
        self.programs.mkdir()
        self.environment = {
            **os.environ,
            "PATH": f"{self.programs}:{os.environ['PATH']}",
            "SEEN": str(self.seen),
            "SLURM_JOB_ID": str(os.getpid()),
            "SLURM_JOB_NUM_NODES": "1",
            "SLURMD_NODENAME": "127.0.0.1",
        }

    def stub(self, **programs):
        """Put programs in the place of others."""
        for name, lines in programs.items():
            (self.programs / name).write_text(f"#!/bin/bash\n{lines}\n")
            (self.programs / name).chmod(0o755)

    def start(self, *arguments, **environment):
        """Start the script."""
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        command = ["bash", str(SCRIPT), *arguments]
        environment = {**self.environment, **environment}
        return subprocess.Popen(command, env=environment, start_new_session=True, **pipes)

    def said(self, name):
        """What a stub noted, nothing if it was not called."""
        return (self.seen / name).read_text() if (self.seen / name).exists() else ""

    def wait_for(self, name):
        """Wait until a stub has noted something."""
        deadline = time.monotonic() + 20
        while not (self.seen / name).exists():
            assert time.monotonic() < deadline, f"{name} did not begin"
            time.sleep(0.02)


@pytest.fixture
def job(tmp_path):
    """A job in which everything is a stub."""
    made = Job(tmp_path)
    made.stub(**STUBS)
    return made


@pytest.mark.parametrize("code", [0, 1, 2, 4])
def test_a_study_that_has_ended_is_not_queued_again(job, code):
    ended = job.start("cremad_dr", CODE=str(code))
    ended.communicate()
    assert ended.returncode == code
    assert job.said("scontrol") == ""


def test_an_interrupted_study_is_queued_again(job):
    ended = job.start("cremad_dr", CODE="3")
    ended.communicate()
    assert ended.returncode == 3
    assert job.said("scontrol") == f"requeue {os.getpid()}\n"


def test_before_the_time_limit_the_study_is_asked_to_stop_and_queued_again(job):
    job.stub(python=INTERRUPTED)
    running = job.start("cremad_dr")
    job.wait_for("begun")
    running.send_signal(signal.SIGUSR1)  # as --signal asks, to the shell of the script alone
    running.communicate()
    assert running.returncode == 3
    assert job.said("scontrol") == f"requeue {os.getpid()}\n"


def test_a_job_that_is_cancelled_is_not_queued_again(job):
    job.stub(python=INTERRUPTED)
    running = job.start("cremad_dr")
    job.wait_for("begun")
    os.killpg(running.pid, signal.SIGTERM)  # as scancel, to all processes of the job
    running.communicate()
    assert running.returncode == -signal.SIGTERM
    assert job.said("scontrol") == ""


def test_a_queue_that_takes_no_job_back_is_named(job):
    job.stub(scontrol="exit 1")
    ended = job.start("cremad_dr", CODE="3")
    assert "submit the same command again" in ended.communicate()[1]
    assert ended.returncode == 3


def test_a_ray_that_does_not_start_is_no_complete_study(job):
    job.stub(ray="exit 0")  # so does symmetric-run where `ray start` fails
    ended = job.start("cremad_dr")
    assert "Ray did not start on all nodes" in ended.communicate()[1]
    assert ended.returncode == 70


def test_the_study_is_given_all_arguments_and_the_address_of_its_ray(job):
    job.start("cremad_dr", "--set", "a=b c", CODE="0").communicate()
    given = ["-m", "study.run", "cremad_dr", "--set", "a=b c", "--address", "auto"]
    assert job.said("arguments").splitlines() == given


def test_ray_is_started_with_what_a_worker_takes_too(job):
    job.start("cremad_dr", CODE="0").communicate()
    started = job.said("ray").partition(" -- ")[0]
    assert (
        started == "symmetric-run --address 127.0.0.1:6379 --min-nodes 1"
    )  # --include-dashboard ends workers


def test_ray_asks_for_a_token_that_only_the_job_knows(job):
    tokens = set()
    for _ in range(2):
        job.start("cremad_dr", CODE="0").communicate()
        variables = dict(line.split("=", 1) for line in job.said("env").splitlines() if "=" in line)
        assert variables["RAY_AUTH_MODE"] == "token"
        assert re.fullmatch("[0-9a-f]{64}", variables["RAY_AUTH_TOKEN"])
        assert variables["RAY_AUTH_TOKEN"] not in job.said("ray")
        tokens.add(variables["RAY_AUTH_TOKEN"])
    assert len(tokens) == 2


def test_slurm_may_queue_the_job_again_and_says_when_its_time_ends():
    asked = dict(re.findall(r"^#SBATCH --([\w-]+)=?(.*)$", text("slurm.sh"), re.MULTILINE))
    assert "requeue" in asked
    assert asked["signal"].startswith("B:USR1@")
    assert asked["open-mode"] == "append"
    assert "exclusive" in asked  # symmetric-run refuses a node with another Ray, and stops all of ours there


def test_the_script_passes_shellcheck():
    found = shutil.which("shellcheck", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if found is None:
        pytest.skip("no shellcheck: install the extra `test`")
    checked = subprocess.run([found, str(SCRIPT)], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


# -- the real Ray ------------------------------------------------------------------------------------------


def ray_processes(job_id):
    """Processes of the job's Ray, which all name its folder."""
    for process in psutil.process_iter(["cmdline"]):
        if f"/tmp/ray-{job_id}/" in " ".join(process.info["cmdline"] or []):
            yield process


@pytest.fixture
def real_job(tmp_path):
    """A job in which only Slurm is a stub; its `ray stop` stops no other Ray of this machine."""
    if any(process.name() == "gcs_server" for process in psutil.process_iter()):
        pytest.skip("another Ray runs on this machine, beside which symmetric-run starts none")
    job = Job(tmp_path)
    programs = Path(sys.executable).parent
    stop = f"from pathlib import Path; Path({str(job.seen / 'stopped')!r}).touch()"
    job.stub(srun=STUBS["srun"], scontrol=STUBS["scontrol"])
    job.stub(ray=f'[[ $1 == stop ]] && exec {sys.executable} -c "{stop}"; exec {programs}/ray "$@"')
    job.environment["PATH"] = f"{job.programs}:{programs}:{os.environ['PATH']}"
    yield job
    for process in ray_processes(os.getpid()):
        process.kill()
    shutil.rmtree(f"/tmp/ray-{os.getpid()}", ignore_errors=True)


def refusal(home):
    """Why somebody without the token does not get into the job's Ray; fails if he does."""
    known = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    join = "import ray; ray.init(address='127.0.0.1:6379')"
    tried = subprocess.run(
        [sys.executable, "-c", join],
        env={**known, "HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert tried.returncode != 0
    return tried.stderr


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_small_study_runs_to_its_end_and_others_are_kept_out(real_job, make_toy_store, tmp_path):
    where = ["--data", str(make_toy_store(tmp_path)), "--results", str(tmp_path / "results")]
    where += ["--storage", f"journal://{tmp_path}/ledger.log"]
    small = ["--epochs", "2", "--trials", "1", "--seeds", "2", "--stages", "search", "--device", "cpu"]
    running = real_job.start("features_dr", *where, *small)
    deadline = time.monotonic() + 240
    while not (tmp_path / "ledger.log").exists() and running.poll() is None:
        assert time.monotonic() < deadline, "the study did not begin"
        time.sleep(0.5)
    assert "token" in refusal(tmp_path)
    said, complained = running.communicate()
    assert running.returncode == 0, said + complained
    summary = json.loads((tmp_path / "results" / "features_dr-toy" / "summary.json").read_text())
    assert summary["stages"]["search"]["completed"] == 2
    assert (real_job.seen / "stopped").exists()
    assert real_job.said("scontrol") == ""
