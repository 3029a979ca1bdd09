"""python -m tests.soak --faults 30 --seed N: a study of 40 trials under random faults, and what they cost.

The same study is run once left alone, then under faults drawn from the seed, each once a few more epochs have
begun. Prints the faults, the invariants (`tests/oracle.py`), and the cost in repeated epochs and time.
Exit code 1: an invariant does not hold.
"""

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

TESTS = Path(__file__).parent
sys.path[:0] = [str(TESTS / name) for name in ("", "study", "faults")]  # as pytest has it

import disturbed as faults  # noqa: E402
from oracle import INVARIANTS, Evidence, violations  # noqa: E402
from small_study import ending  # noqa: E402
from toy_study import write_toy_store  # noqa: E402

OPTIONS = ["--epochs", "4", "--trials", "8", "--seeds", "3", "--finalists", "2", "--pruning", "always"]
OPTIONS += ["--device", "cpu", "--max-concurrent", "1"]
PAUSE = 0.25  # seconds that an epoch takes longer: before a fault the ledger is asked what it may hit
CLOSING = 25  # epochs at a study's end that no fault waits for: it may be over before the fault comes
FAULTS = {
    "driver killed": faults.kill_driver,
    "driver ended by a signal": faults.end_driver,
    "trial process killed": faults.kill_trial,
    "raylet killed": faults.kill_ray,
    "Ray's head killed": lambda study: faults.kill_ray(study, "gcs_server"),
    "checkpoint cut": lambda study: faults.damage_checkpoints(study, faults.truncate),
    "bit of a checkpoint flipped": lambda study: faults.damage_checkpoints(study, faults.flip),
    "checkpoint gone": lambda study: faults.damage_checkpoints(study, faults.remove),
    "ledger held for 2 s": lambda study: faults.hold(study.ledger, 2).join(),
    "MLflow's database held for 5 s": lambda study: faults.hold(study.results / "mlflow.db", 5).join(),
}


def main():
    """Run both studies and print what came of them; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faults", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        store = write_toy_store(root)
        places = (root / name / "results" for name in ("calm", "soak"))
        alone, study = (faults.Disturbed(store, place, OPTIONS) for place in places)
        calm, undisturbed = run(alone, [])
        drawn = draw(asked.seed, asked.faults, last=len(calm.begun))
        now, disturbed = run(study, drawn)
        found = violations(Evidence(calm, now, study.drivers[-1].returncode, study.faults))
    tell(calm, now, drawn, len(study.drivers))
    print(f"time: {undisturbed:.0f} s left alone, {disturbed:.0f} s under faults")
    for name, invariant in INVARIANTS.items():
        broken = found.get(name, [])
        print(f"{invariant.__doc__.splitlines()[0]} {'broken' if broken else 'holds'}")
        print("".join(f"    {sentence}\n" for sentence in broken), end="")
    return 1 if found else 0


def draw(seed, count, last):
    """Faults, and how many epochs have begun when each comes."""
    chosen = random.Random(seed)
    places = sorted(chosen.randrange(1, last - CLOSING) for _ in range(count))
    return [(place, chosen.choice(list(FAULTS))) for place in places]


def run(study, drawn):
    """Run a study to its end under faults; returns what it came to, and the seconds that took."""
    study.results.mkdir(parents=True)
    study.pause = PAUSE
    begun = time.monotonic()
    driver = study.start()
    for place, fault in drawn:
        wait_until_begun(study, place)
        print(f"{place} epochs have begun: {fault}", flush=True)
        FAULTS[fault](study)
        if driver.poll() is not None:
            driver = study.start()
    code, said, complained = ending(driver)
    if code:
        print(said + complained)
    return study.outcome(), time.monotonic() - begun


def wait_until_begun(study, count):
    """Wait until so many epochs have begun; the ledger would be asked too seldom."""
    while not study.trace.exists() or len(study.trace.read_text().splitlines()) < count:
        if study.drivers[-1].poll() is not None:
            raise AssertionError(f"the driver ended before its next fault: {ending(study.drivers[-1])}")
        study.note_processes()
        time.sleep(0.05)


def tell(calm, now, drawn, starts):
    """Print what was done and what it cost."""
    print(f"{len(now.records)} trials; {len(drawn)} faults, {starts} starts:")
    for fault, count in sorted(Counter(fault for _, fault in drawn).items()):
        print(f"  {count} x {fault}")
    repeated = len(now.begun) - len(calm.begun)
    print(f"epochs: {len(calm.begun)} left alone, {repeated} begun again")


if __name__ == "__main__":
    sys.exit(main())
