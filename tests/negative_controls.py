"""python -m tests.negative_controls: tests that must fail where the code is broken, tried in a copy.

Each control is a breakage, a piece of code with what stands there instead, and the tests that notice it.
Exit code 1: a breakage was not noticed, or the tests fail without it.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]


class Control(NamedTuple):
    """A breakage of the code, and the tests that notice it."""

    broken: str
    file: str
    code: str
    instead: str
    tests: str


CONTROLS = [
    Control(
        "ASHA's rungs are not filled again after a restart",
        "study/running/stage_run.py",
        "            self._prune(record, epoch, metrics)\n        if not record.finished:",
        "            pass\n        if not record.finished:",
        "tests/study/running/test_stage_run.py -k killed_after_any_write",
    ),
    Control(
        "ASHA's decision is written after the epoch",
        "study/running/stage_run.py",
        "        if ending and not record.ending:\n            self.ledger.set_ending(record.key, ending)\n"
        "        self.ledger.add_epoch(record.key, epoch, metrics)\n",
        "        self.ledger.add_epoch(record.key, epoch, metrics)\n"
        "        if ending and not record.ending:\n            self.ledger.set_ending(record.key, ending)\n",
        "tests/study/running/test_stage_run.py -k 'killed_after or killed_driver_had_decided'",
    ),
    Control(
        "a configuration that was tried is tried again",
        "study/running/stage_run.py",
        "if key not in self.ledger:",
        "if key:",
        "tests/study/running/test_stage_run.py -k repeated_proposal",
    ),
    Control(
        "a finished trial goes on",
        "study/running/stage_run.py",
        "        if record.finished:\n            return str(TrialScheduler.STOP)\n",
        "",
        "tests/study/running/test_stage_run.py -k late_result",
    ),
    Control(
        "checkpoints lack the state of the optimizer",
        "trainables/multimodal/trainer.py",
        'take_over(self.optimizer, state["optimizer"])',
        "pass",
        "tests/trainables/multimodal/balancers/test_contract.py -k 'resuming_equals and joint'",
    ),
    Control(
        "checkpoints lack the state of the random generators",
        "trainables/multimodal/trainer.py",
        'set_random_state(state["random"], self.runtime.device)',
        "pass",
        "tests/trainables/multimodal/balancers/test_contract.py -k resuming_is_exact",
    ),
    Control(
        "checkpoints lack the state of the balancers",
        "trainables/multimodal/trainer.py",
        "            balancer.load_state_dict(self, saved)\n",
        "            pass\n",
        "tests/trainables/multimodal/balancers/test_contract.py -k 'resuming_equals and boosting'",
    ),
    Control(
        "all attempts of a trial write to one folder",
        "study/running/trial_files.py",
        "                (folder / str(attempt)).mkdir()",
        "                (folder / '1').mkdir(exist_ok=True)\n                attempt = 1",
        "tests/study/running/test_trial_files.py -k attempt",
    ),
    Control(
        "a damaged checkpoint is believed",
        "trainables/multimodal/checkpoint.py",
        "if hashlib.sha256(",
        "if False and hashlib.sha256(",
        "tests/study/running/test_study_trial.py -k damaged_checkpoint",
    ),
    Control(
        "nothing keeps a second driver out of a folder",
        "study/records/study_folder.py",
        "        if not alone:\n",
        "        if False:\n",
        "tests/study/records/test_study_folder.py -k second_driver",
    ),
    Control(
        "a run that MLflow holds twice stays",
        "study/records/mlflow_tracking.py",
        "client.delete_run(run.info.run_id)  # made twice",
        "pass  # made twice",
        "tests/study/records/test_mlflow_tracking.py -k made_twice",
    ),
    Control(
        "an empty ledger is opened, and SQLite deletes the log beside it",
        "study/records/ledger_copy.py",
        "    if not size:\n",
        "    if False:\n",
        "tests/study/records/test_study_folder.py -k damaged_ledger_leaves",
    ),
]


def main():
    """Try all of them and print what came of each; returns the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
        )
        for name in filter(None, listed.stdout.split("\0")):
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy / name)
        failed = sum(not noticed(control, copy) for control in CONTROLS)
    print(f"{len(CONTROLS)} breakages, {len(CONTROLS) - failed} noticed")
    return 1 if failed else 0


def noticed(control, copy):
    """Whether tests pass as the code is, and fail with the breakage in it."""
    file = copy / control.file
    whole = file.read_text()
    if whole.count(control.code) != 1:
        print(f"NOT TRIED: {control.broken}: its code is not once in {control.file}")
        return False
    before = passes(control, copy)
    file.write_text(whole.replace(control.code, control.instead))
    after = passes(control, copy)
    file.write_text(whole)
    verdict = "noticed" if before and not after else "NOT NOTICED" if before else "FAILS WITHOUT IT"
    print(f"{verdict}: {control.broken} ({control.tests})", flush=True)
    return verdict == "noticed"


def passes(control, copy):
    """Whether its tests pass; RuntimeError where none is called so."""
    command = f"{sys.executable} -m pytest -n 0 -q -x -m '' -p no:cacheprovider {control.tests}"
    environment = {**os.environ, "PYTHONPATH": str(copy)}
    ended = subprocess.run(command, shell=True, cwd=copy, env=environment, capture_output=True, check=False)
    if ended.returncode not in (0, 1):  # 5: no test is called so
        raise RuntimeError(f"{command}: {ended.stdout.decode()[-2000:]}{ended.stderr.decode()[-2000:]}")
    return ended.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
