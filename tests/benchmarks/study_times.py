"""Seconds that a user waits for the main job, and for a later study on the same store to train.

    python tests/benchmarks/study_times.py

- main_job: `python -m study.run cremad_dr --sample` from an empty folder, the sample's generation included,
  to the report; at most 300 on two cores.
- first_epoch: the same study begun anew on the prepared store, from the command to the start of the first
  epoch; at most 20.
- bare: the same for a script that only imports torch and Ray Tune, starts Ray and runs one empty trial; no
  limit, it tells how fast the machine is at the moment.

Prints a line per measurement and one JSON object at the end; exit code 1 if one is above its limit.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from study.records.study_folder import read_ledger

LIMITS = {"main_job": 300.0, "first_epoch": 20.0}
BARE = """
import os, time, torch, ray
from ray import tune

class Empty(tune.Trainable):
    def step(self):
        return {"began": time.time(), "done": True}

    def save_checkpoint(self, checkpoint_dir):
        pass

ray.init("local", include_dashboard=False, log_to_driver=False, logging_level="ERROR")
results = tune.Tuner(Empty, run_config=tune.RunConfig(storage_path=os.getcwd(), verbose=0)).fit()
print(results[0].metrics["began"])
"""


def main() -> int:
    """Measure, compare, print."""
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder).resolve()
        found = {"main_job": main_job(results), "first_epoch": first_epoch(results), "bare": bare(results)}
    for name, seconds in found.items():
        print(f"{name}: {seconds:.1f} s" + (f", at most {LIMITS[name]:.0f}" if name in LIMITS else ""))
    print(json.dumps({"cores": os.cpu_count(), **found}))
    return int(any(found[name] > limit for name, limit in LIMITS.items()))


def main_job(results: Path) -> float:
    """Seconds of the whole study."""
    started = time.time()
    study(results)
    return time.time() - started


def first_epoch(results: Path) -> float:
    """Seconds until the first trial of a search begins to train."""
    started = time.time()
    study(results, "--fresh", "--stages", "search", "--trials", "1")
    ledger = read_ledger(results / "cremad_dr-sample", None)
    began = min(record.times[1] - record.epochs[1]["seconds"] for record in ledger.records())
    ledger.close()
    return began - started


def bare(folder: Path) -> float:
    """Seconds until an empty trial of bare Ray Tune begins."""
    started = time.time()
    file = folder / "bare.py"
    file.write_text(BARE)
    told = subprocess.run([sys.executable, file], cwd=folder, check=True, capture_output=True, text=True)
    return float(told.stdout.split()[-1]) - started


def study(results: Path, *options: str) -> None:
    """Run the study on the sample as a user does."""
    command = [sys.executable, "-m", "study.run", "cremad_dr", "--sample", "--results", str(results)]
    subprocess.run([*command, *options], check=True, capture_output=True)


if __name__ == "__main__":
    sys.exit(main())
